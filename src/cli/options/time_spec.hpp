// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "util/time.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <utility>
#include <variant>

namespace netlog::cli {

struct Now {
  std::int64_t minus_ns = 0;  ///< `-10m`
  bool operator==(const Now&) const = default;
};
struct Utc {
  std::int64_t ns = 0;
  bool operator==(const Utc&) const = default;
};
struct LocalDateTime {
  CivilTime civil;
  bool operator==(const LocalDateTime&) const = default;
};
/// A time of day without a date.
struct LocalClock {
  CivilTime civil;  ///< the date is not meaningful
  bool operator==(const LocalClock&) const = default;
};

/// A time as the user wrote it.
using TimeSpec = std::variant<Now, Utc, LocalDateTime, LocalClock>;

/// Reads `now`, `-10m`, `14:03`, `14:03:07.250`, `2026-11-21`, RFC 3339 with a zone, or without one
/// for local time; `T` or a blank between date and time. Nothing when it is none of them.
std::optional<TimeSpec> parse_time(std::string_view text);

/// Reads `A..B`.
std::optional<std::pair<TimeSpec, TimeSpec>> parse_time_range(std::string_view text);

/// UTC ns of a time. `now_ns` is the wall clock. Local times go by the zone of the process. Of the
/// moments that one can mean it is the last one within the recording, else the one nearest to it:
/// a bare clock time comes every day, and one in the hour that autumn repeats twice that night. A
/// time that spring leaves out means the moment that it would be had the clocks not been put
/// forward.
std::int64_t resolve(const TimeSpec& spec, std::int64_t now_ns, const Span& recorded);

/// The end of a window that begins at `since_ns`: of the moments that a local time can mean it is
/// the first one after that.
std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded);

/// The local zone's offset at a moment, seconds east of UTC.
std::int32_t local_offset_s(std::int64_t utc_ns);

}  // namespace netlog::cli

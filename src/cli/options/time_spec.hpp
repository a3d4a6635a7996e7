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

/// The moment that a time means, UTC ns. `now_ns` is the wall clock. Local times are in the zone of
/// the process. A time of day occurs every day, and a time in the hour that is repeated in autumn
/// twice: the last moment within the recording is meant, else the one nearest to it. A time that is
/// skipped in spring is counted from the offset before the change.
std::int64_t resolve(const TimeSpec& spec, std::int64_t now_ns, const Span& recorded);

/// The end of a window that begins at `since_ns`. Of the moments that a local time can mean, the
/// first one after `since_ns` is meant.
std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded);

/// The local zone's offset at a moment, seconds east of UTC.
std::int32_t local_offset_s(std::int64_t utc_ns);

}  // namespace netlog::cli

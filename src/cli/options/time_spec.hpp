// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "util/time.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

namespace netlog::cli {

/// Seconds east of UTC; absent: the zone of the process.
using ZoneOffset = std::optional<std::int32_t>;

struct Now {
  std::int64_t minus_ns = 0;  ///< `-10m`; below 0 for `now+10m`
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
  ZoneOffset offset_s;
  bool operator==(const LocalClock&) const = default;
};
/// A time of day of a day that is counted from today: `yesterday`.
struct DayFromToday {
  int days = 0;
  CivilTime civil;  ///< the date is not meaningful
  ZoneOffset offset_s;
  bool operator==(const DayFromToday&) const = default;
};
/// A date without its year, as in a syslog: `Nov 28 18:24:07`.
struct DateWithoutYear {
  CivilTime civil;  ///< the year is not meaningful
  ZoneOffset offset_s;
  bool operator==(const DateWithoutYear&) const = default;
};

/// A time as the user wrote it.
using TimeSpec = std::variant<Now, Utc, LocalDateTime, LocalClock, DayFromToday, DateWithoutYear>;

/// Reads a time. docs/topics/times.md lists the forms. Nothing when it is none of them. `zone` is
/// meant where the text names none.
std::optional<TimeSpec> parse_time(std::string_view text, ZoneOffset zone = std::nullopt);

/// How a text that parse_time() refuses could be written, `; …`; empty where that is not certain.
std::string time_hint(std::string_view text);

/// One end at least.
struct TimeRange {
  std::optional<TimeSpec> from;
  std::optional<TimeSpec> to;
};

/// Reads `A..B`, `A .. B`, `A..` and `..B`. Where only B names its zone, A is in this zone too.
std::optional<TimeRange> parse_time_range(std::string_view text);

/// The moment that a time means, UTC ns. `now_ns` is the wall clock. A time of day occurs every
/// day, a date without its year every year, and a local time in the hour that is repeated in autumn
/// twice: the last moment within the recording is meant, else the one nearest to it
/// that is not in the future. A local time that is skipped in spring is counted from the offset
/// before the change.
std::int64_t resolve(const TimeSpec& spec, std::int64_t now_ns, const Span& recorded);

/// The end of a window that begins at `since_ns`. Of the moments that a time can mean, the first
/// one after `since_ns` is meant. The one before it is meant if the first one is after the
/// recording, the window does not begin before the recording, and this one is nearer to
/// `since_ns`: then the window is a mistake.
std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded);

/// The moments at which local clocks show this date and time, in order: one, or two in an hour that
/// is repeated in autumn. None before 1970.
std::vector<std::int64_t> moments_of(const CivilTime& civil, ZoneOffset zone);

/// The local zone's offset at a moment, seconds east of UTC.
std::int32_t local_offset_s(std::int64_t utc_ns);

}  // namespace netlog::cli

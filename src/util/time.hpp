// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netlog {

constexpr std::int64_t kNsPerUs = 1'000;
constexpr std::int64_t kNsPerMs = 1'000'000;
constexpr std::int64_t kNsPerSecond = 1'000'000'000;
constexpr std::int64_t kNsPerHour = 3'600 * kNsPerSecond;

/// Whole hours since 1970 at a time in UTC ns; negative before.
constexpr std::int64_t hour_of(std::int64_t ns) {
  return ns / kNsPerHour - (ns % kNsPerHour < 0 ? 1 : 0);
}

/// A date and time of day without a zone, proleptic Gregorian.
struct CivilTime {
  int year = 1970;
  int month = 1;  ///< 1 … 12
  int day = 1;    ///< 1 … 31
  int hour = 0;
  int minute = 0;
  int second = 0;
  std::int32_t nanosecond = 0;

  bool operator==(const CivilTime&) const = default;
};

/// Between UTC ns since 1970 and the civil time in UTC.
CivilTime civil_from_ns(std::int64_t utc_ns);
/// Nothing when a field is out of range (30 February, 25:00).
std::optional<std::int64_t> ns_from_civil(const CivilTime& civil);

/// `2026-11-21T14:03:07.250000Z`; microseconds, rounded down.
std::string iso8601_utc(std::int64_t utc_ns);

/// A duration such as `100ms`, `1.5s`, `10us`, `2m`, `1h`, `7d`, `2w`, `1h30m`, what
/// format_duration() gives, a bare `0`; ns. Larger units come first. Nothing when it is not one or
/// overflows.
std::optional<std::int64_t> parse_duration(std::string_view text);

/// For people: `812ns`, `1.25ms`, `3.1s`, `2m 05s`, `1h 02m`, `3d 04h`.
std::string format_duration(std::int64_t ns);

}  // namespace netlog

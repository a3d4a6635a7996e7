// SPDX-License-Identifier: MIT
#include "cli/time_spec.hpp"

#include "base/text.hpp"

#include <ctime>
#include <string>

#include <fmt/chrono.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kDayNs = std::int64_t{24} * 3600 * kNsPerSecond;

std::optional<int> two_digits(std::string_view text) {
  return text.size() == 2 ? parse_number<int>(text) : std::nullopt;
}

// `14:03`, `14:03:07`, `14:03:07.25` into the time of day of `civil`.
bool parse_clock(std::string_view text, CivilTime& civil) {
  const auto parts = split(text, ':');
  if (parts.size() != 2 && parts.size() != 3) {
    return false;
  }
  const auto hour = two_digits(parts[0]);
  const auto minute = two_digits(parts[1]);
  std::optional<int> second = 0;
  std::optional<std::int32_t> nanosecond = 0;
  if (parts.size() == 3) {
    second = two_digits(parts[2].substr(0, 2));
    const auto fraction = parts[2].substr(std::min<std::size_t>(2, parts[2].size()));
    if (!fraction.empty()) {
      auto digits = std::string{fraction.substr(1)};
      const bool well_formed = fraction.front() == '.' && !digits.empty() && digits.size() <= 9;
      digits.resize(9, '0');
      nanosecond = well_formed ? parse_number<std::int32_t>(digits) : std::nullopt;
    }
  }
  if (!hour || !minute || !second || !nanosecond || *hour < 0 || *minute < 0 || *second < 0 ||
      *nanosecond < 0) {
    return false;
  }
  civil.hour = *hour;
  civil.minute = *minute;
  civil.second = *second;
  civil.nanosecond = *nanosecond;
  return ns_from_civil(civil).has_value();
}

bool parse_date(std::string_view text, CivilTime& civil) {
  const auto parts = split(text, '-');
  if (parts.size() != 3 || parts[0].size() != 4) {
    return false;
  }
  const auto year = parse_number<int>(parts[0]);
  const auto month = two_digits(parts[1]);
  const auto day = two_digits(parts[2]);
  if (!year || !month || !day || *month < 1 || *day < 1) {
    return false;
  }
  civil.year = *year;
  civil.month = *month;
  civil.day = *day;
  return ns_from_civil(civil).has_value();
}

// `Z`, `+01:00`; seconds east of UTC.
std::optional<std::int64_t> parse_zone(std::string_view text) {
  if (text == "Z" || text == "z") {
    return 0;
  }
  if (text.size() != 6 || (text[0] != '+' && text[0] != '-') || text[3] != ':') {
    return std::nullopt;
  }
  const auto hours = two_digits(text.substr(1, 2));
  const auto minutes = two_digits(text.substr(4, 2));
  if (!hours || !minutes || *hours < 0 || *hours > 23 || *minutes < 0 || *minutes > 59) {
    return std::nullopt;
  }
  const auto seconds = std::int64_t{*hours} * 3600 + std::int64_t{*minutes} * 60;
  return text[0] == '-' ? -seconds : seconds;
}

std::optional<TimeSpec> parse_date_time(std::string_view text) {
  CivilTime civil;
  if (!parse_date(text.substr(0, 10), civil)) {
    return std::nullopt;
  }
  auto rest = text.substr(10);
  if (rest.empty()) {
    return LocalDateTime{civil};
  }
  if (rest[0] != 'T' && rest[0] != 't' && rest[0] != ' ') {
    return std::nullopt;
  }
  rest.remove_prefix(1);
  const auto zone_at = rest.find_first_of("Zz+-");
  if (!parse_clock(rest.substr(0, zone_at), civil)) {
    return std::nullopt;
  }
  if (zone_at == std::string_view::npos) {
    return LocalDateTime{civil};
  }
  const auto zone = parse_zone(rest.substr(zone_at));
  return zone ? std::optional<TimeSpec>{Utc{*ns_from_civil(civil) - *zone * kNsPerSecond}}
              : std::nullopt;
}

// mktime() knows the zone's rules; it takes an hour that is left out in spring for the one after
// it.
std::int64_t utc_from_local(const CivilTime& civil) {
  std::tm local{};
  local.tm_year = civil.year - 1900;
  local.tm_mon = civil.month - 1;
  local.tm_mday = civil.day;
  local.tm_hour = civil.hour;
  local.tm_min = civil.minute;
  local.tm_sec = civil.second;
  local.tm_isdst = -1;
  return static_cast<std::int64_t>(std::mktime(&local)) * kNsPerSecond + civil.nanosecond;
}

CivilTime on_day_of(const CivilTime& clock, std::int64_t utc_ns) {
  auto civil = civil_from_ns(utc_ns + local_offset_s(utc_ns) * kNsPerSecond);
  civil.hour = clock.hour;
  civil.minute = clock.minute;
  civil.second = clock.second;
  civil.nanosecond = clock.nanosecond;
  return civil;
}

std::int64_t last_at_or_before(const CivilTime& clock, std::int64_t limit_ns) {
  const auto that_day = utc_from_local(on_day_of(clock, limit_ns));
  return that_day <= limit_ns ? that_day : utc_from_local(on_day_of(clock, limit_ns - kDayNs));
}

}  // namespace

std::optional<TimeSpec> parse_time(std::string_view text) {
  if (text == "now") {
    return Now{0};
  }
  if (text.starts_with('-')) {
    const auto ago = parse_duration(text.substr(1));
    return ago ? std::optional<TimeSpec>{Now{*ago}} : std::nullopt;
  }
  CivilTime civil;
  if (parse_clock(text, civil)) {
    return LocalClock{civil};
  }
  return text.size() >= 10 ? parse_date_time(text) : std::nullopt;
}

std::optional<std::pair<TimeSpec, TimeSpec>> parse_time_range(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) {
    return std::nullopt;
  }
  const auto from = parse_time(text.substr(0, dots));
  const auto to = parse_time(text.substr(dots + 2));
  return from && to ? std::optional{std::pair{*from, *to}} : std::nullopt;
}

std::int64_t resolve(const TimeSpec& spec, std::int64_t now_ns, const Span& recorded) {
  if (const auto* now = std::get_if<Now>(&spec)) {
    return now_ns - now->minus_ns;
  }
  if (const auto* utc = std::get_if<Utc>(&spec)) {
    return utc->ns;
  }
  if (const auto* local = std::get_if<LocalDateTime>(&spec)) {
    return utc_from_local(local->civil);
  }
  const auto& clock = std::get<LocalClock>(spec).civil;
  const auto before = last_at_or_before(clock, recorded.ended_ns);
  const auto after = last_at_or_before(clock, recorded.ended_ns + kDayNs);
  const bool nearer = recorded.began_ns - before <= after - recorded.ended_ns;
  return before >= recorded.began_ns || nearer ? before : after;
}

std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded) {
  const auto* const clock = std::get_if<LocalClock>(&spec);
  return clock == nullptr ? resolve(spec, now_ns, recorded)
                          : last_at_or_before(clock->civil, since_ns + kDayNs);
}

std::int32_t local_offset_s(std::int64_t utc_ns) {
  const auto local = fmt::localtime(static_cast<std::time_t>(utc_ns / kNsPerSecond));
  const CivilTime civil{local.tm_year + 1900,
                        local.tm_mon + 1,
                        local.tm_mday,
                        local.tm_hour,
                        local.tm_min,
                        local.tm_sec,
                        0};
  return static_cast<std::int32_t>((ns_from_civil(civil).value_or(utc_ns) / kNsPerSecond) -
                                   utc_ns / kNsPerSecond);
}

}  // namespace netlog::cli

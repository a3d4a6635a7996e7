// SPDX-License-Identifier: MIT
#include "cli/options/time_spec.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <ctime>
#include <string>
#include <vector>

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

// The moments at which local clocks show this time, in order: one, or two in an hour that is
// repeated in autumn. A time that is skipped in spring is counted from the offset before the
// change.
std::vector<std::int64_t> moments_of(const CivilTime& civil) {
  const auto shown_ns = ns_from_civil(civil);
  if (!shown_ns) {
    return {};  // before 1970
  }
  // No zone changes its offset twice within two days.
  const auto before_s = local_offset_s(*shown_ns - kDayNs);
  const auto after_s = local_offset_s(*shown_ns + kDayNs);
  std::vector<std::int64_t> moments;
  for (const auto offset_s : {before_s, after_s}) {
    const auto utc_ns = *shown_ns - offset_s * kNsPerSecond;
    if (local_offset_s(utc_ns) == offset_s && (moments.empty() || moments.back() != utc_ns)) {
      moments.push_back(utc_ns);
    }
  }
  if (moments.empty()) {
    moments.push_back(*shown_ns - before_s * kNsPerSecond);
  }
  return moments;
}

// The moments near `near_ns` at which clocks show this time of day, in order.
std::vector<std::int64_t> moments_of(const LocalClock& clock, std::int64_t near_ns) {
  std::vector<std::int64_t> moments;
  for (const auto day : {-2, -1, 0, 1, 2}) {
    auto civil = civil_from_ns(near_ns + local_offset_s(near_ns) * kNsPerSecond + day * kDayNs);
    civil.hour = clock.civil.hour;
    civil.minute = clock.civil.minute;
    civil.second = clock.civil.second;
    civil.nanosecond = clock.civil.nanosecond;
    const auto that_day = moments_of(civil);
    moments.insert(moments.end(), that_day.begin(), that_day.end());
  }
  return moments;
}

// The last one within the recording, else the one nearest to it; the earlier one of two that are
// equally near.
std::int64_t best_of(const std::vector<std::int64_t>& moments, const Span& recorded) {
  const auto away = [&](std::int64_t ns) {
    return std::max({recorded.began_ns - ns, ns - recorded.ended_ns, std::int64_t{0}});
  };
  auto best = moments.front();
  for (const auto ns : moments) {
    if (away(ns) < away(best) || away(ns) == 0) {
      best = ns;
    }
  }
  return best;
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
  const auto* const local = std::get_if<LocalDateTime>(&spec);
  return best_of(local != nullptr ? moments_of(local->civil)
                                  : moments_of(std::get<LocalClock>(spec), recorded.ended_ns),
                 recorded);
}

std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded) {
  const auto* const clock = std::get_if<LocalClock>(&spec);
  const auto* const local = std::get_if<LocalDateTime>(&spec);
  if (clock == nullptr && local == nullptr) {
    return resolve(spec, now_ns, recorded);
  }
  const auto moments = clock != nullptr ? moments_of(*clock, since_ns) : moments_of(local->civil);
  const auto end = std::upper_bound(moments.begin(), moments.end(), since_ns);
  return end == moments.end() ? moments.back() : *end;
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

// SPDX-License-Identifier: MIT
#include "cli/options/time_spec.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <ctime>
#include <string>
#include <utility>

#include <fmt/chrono.h>

namespace netlog::cli {
namespace {

constexpr std::string_view kDigits = "0123456789";

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

/// A number of `least` to `most` digits.
std::optional<int> number_of(std::string_view text, std::size_t least, std::size_t most) {
  const bool digits = text.find_first_not_of(kDigits) == std::string_view::npos;
  return digits && text.size() >= least && text.size() <= most ? parse_number<int>(text)
                                                               : std::nullopt;
}

/// The first digits of a fraction as nanoseconds; nothing for no digit or more than nine.
std::optional<std::int32_t> fraction_ns(std::string_view digits) {
  constexpr std::size_t kMax = 9;
  if (digits.empty() || digits.size() > kMax ||
      digits.find_first_not_of(kDigits) != std::string_view::npos) {
    return std::nullopt;
  }
  auto padded = std::string{digits};
  padded.resize(kMax, '0');
  return parse_number<std::int32_t>(padded);
}

// `9:05`, `14:03:07`, `14:03:07.25`, `14:03:07,250` into the time of day of `civil`.
bool parse_clock(std::string_view text, CivilTime& civil) {
  const auto parts = split(text, ':');
  if (parts.size() != 2 && parts.size() != 3) {
    return false;
  }
  const auto hour = number_of(parts[0], 1, 2);
  const auto minute = number_of(parts[1], 2, 2);
  std::optional<int> second = 0;
  std::optional<std::int32_t> nanosecond = 0;
  if (parts.size() == 3) {
    const auto point = std::min(parts[2].find_first_of(".,"), parts[2].size());
    second = number_of(parts[2].substr(0, point), 2, 2);
    nanosecond = point == parts[2].size() ? 0 : fraction_ns(parts[2].substr(point + 1));
  }
  if (!hour || !minute || !second || !nanosecond) {
    return false;
  }
  civil.hour = *hour;
  civil.minute = *minute;
  civil.second = *second;
  civil.nanosecond = *nanosecond;
  return ns_from_civil(civil).has_value();
}

constexpr int kLeapYear = 2024;  // has every day of a year

/// The date of `civil`; without a year that of a leap year.
bool set_date(CivilTime& civil,
              std::optional<int> year,
              std::optional<int> month,
              std::optional<int> day) {
  if (!month || !day || *month < 1 || *day < 1) {
    return false;
  }
  civil.year = year.value_or(kLeapYear);
  civil.month = *month;
  civil.day = *day;
  return ns_from_civil(civil).has_value();
}

/// A date and a time of day as they were written.
struct Written {
  CivilTime civil;
  bool year = true;  ///< it is written
};

// `2026-11-21`, `2026/11/21`, `11-21`
std::optional<Written> parse_numeric_date(std::string_view text) {
  Written date;
  const auto parts = split(text, text.find('/') != std::string_view::npos ? '/' : '-');
  if (parts.size() == 2 && text.find('/') == std::string_view::npos) {  // as on narrow terminals
    date.year = false;
    return set_date(date.civil, {}, number_of(parts[0], 2, 2), number_of(parts[1], 2, 2))
               ? std::optional{date}
               : std::nullopt;
  }
  if (parts.size() != 3) {
    return std::nullopt;
  }
  const auto year = number_of(parts[0], 4, 4);
  return year && set_date(date.civil, year, number_of(parts[1], 2, 2), number_of(parts[2], 2, 2))
             ? std::optional{date}
             : std::nullopt;
}

/// The number of the name in the list, from 1; only three letters count, unless it is longer.
template <std::size_t N>
std::optional<int> name_number(const std::array<std::string_view, N>& names,
                               std::string_view text) {
  constexpr std::size_t kShort = 3;
  const auto folded = lower(text);
  for (std::size_t i = 0; i < N; ++i) {
    if (folded == names.at(i) || folded == names.at(i).substr(0, kShort)) {
      return static_cast<int>(i + 1);
    }
  }
  return std::nullopt;
}

std::optional<int> month_of(std::string_view text) {
  constexpr std::array<std::string_view, 12> kMonths{"january",
                                                     "february",
                                                     "march",
                                                     "april",
                                                     "may",
                                                     "june",
                                                     "july",
                                                     "august",
                                                     "september",
                                                     "october",
                                                     "november",
                                                     "december"};
  return name_number(kMonths, text);
}

std::optional<int> weekday_of(std::string_view text) {
  constexpr std::array<std::string_view, 7> kDays{
      "monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"};
  return name_number(kDays, text);
}

/// From 1, Monday.
int weekday_of(const CivilTime& civil) {
  constexpr std::int64_t kNsOfDay = std::int64_t{86'400} * kNsPerSecond;
  constexpr std::int64_t kThursday = 3;  // 1 January 1970
  return static_cast<int>((ns_from_civil(civil).value_or(0) / kNsOfDay + kThursday) % 7) + 1;
}

/// `AM` and `PM` after a clock of twelve hours.
bool set_half_of_day(CivilTime& civil, bool afternoon) {
  if (civil.hour < 1 || civil.hour > 12) {
    return false;
  }
  civil.hour = civil.hour % 12 + (afternoon ? 12 : 0);
  return true;
}

/// What the words of a date with names have said so far.
struct NamedDate {
  CivilTime civil;
  bool clock = false;
  std::optional<int> year;
  std::optional<int> month;
  std::optional<int> day;
  std::optional<int> weekday;
  std::optional<bool> afternoon;

  /// @returns false for a word that fits nowhere
  bool take(std::string_view word) {
    if (!clock && word.find(':') != std::string_view::npos) {
      clock = parse_clock(word, civil);
      return clock;
    }
    return take_once(month, month_of(word)) || take_once(weekday, weekday_of(word)) ||
           take_once(day, number_of(word, 1, 2)) || take_once(year, number_of(word, 4, 4)) ||
           (clock && take_once(afternoon, half_of_day(word)));
  }

 private:
  static std::optional<bool> half_of_day(std::string_view word) {
    const auto half = lower(word);
    return half == "am" || half == "pm" ? std::optional{half == "pm"} : std::nullopt;
  }
  template <typename Value>
  static bool take_once(std::optional<Value>& member, const std::optional<Value>& value) {
    if (!value || member) {
      return false;
    }
    member = value;
    return true;
  }
};

// `Nov 28 18:24:07`, `Sat, 28 Nov 2026 18:24:07`, `Sat Nov 28 18:24:07 2026`,
// `28/Nov/2026:18:24:07`
std::optional<Written> parse_named_date(std::string_view text) {
  auto spaced = std::string{text};
  if (const auto slash = spaced.find('/'); slash != std::string::npos) {  // of a web server's log
    const auto colon = spaced.find(':');
    std::replace(spaced.begin(), spaced.end(), '/', ' ');
    spaced[std::min(colon, spaced.size() - 1)] = ' ';
  }
  NamedDate named;
  for (auto word : words(spaced)) {
    if (word.ends_with(',')) {
      word.remove_suffix(1);
    }
    if (!named.take(word)) {
      return std::nullopt;
    }
  }
  Written date;
  date.civil = named.civil;
  date.year = named.year.has_value();
  if (!set_date(date.civil, named.year, named.month, named.day) ||
      (named.afternoon && !set_half_of_day(date.civil, *named.afternoon)) ||
      (named.weekday && named.year && weekday_of(date.civil) != *named.weekday)) {
    return std::nullopt;
  }
  return date;
}

// `2026-11-21`, `2026-11-21T14:03:07.250`, `2026/11/21 14:03:07`, and dates with a name in them.
std::optional<Written> parse_date_time(std::string_view text) {
  const auto end = text.find_first_of("Tt ");
  auto date = parse_numeric_date(text.substr(0, end));
  if (!date) {
    return parse_named_date(text);
  }
  if (end == std::string_view::npos) {
    return date->year ? date : std::nullopt;
  }
  const auto clock = text[end] == ' ' ? trim(text.substr(end)) : text.substr(end + 1);
  return parse_clock(clock, date->civil) ? date : std::nullopt;
}

/// A text without the zone at its end.
struct Zoned {
  std::string_view rest;
  ZoneOffset offset_s;  ///< of `Z`, `UTC`, `+01:00`, `+0100`, `+01`
};

/// Two digits of `±hh`, `±hhmm` or `±hh:mm`.
ZoneOffset numeric_zone(std::string_view text) {
  const auto hours = number_of(text.substr(1, 2), 2, 2);
  auto minutes = text.substr(std::min<std::size_t>(3, text.size()));
  if (minutes.starts_with(':')) {
    minutes.remove_prefix(1);
    if (minutes.empty()) {
      return std::nullopt;
    }
  }
  const auto past = minutes.empty() ? std::optional{0} : number_of(minutes, 2, 2);
  // No zone has other minutes: `04:10-04:12` is meant as a range.
  if (!hours || !past || *hours > 23 || (*past != 0 && *past != 30 && *past != 45)) {
    return std::nullopt;
  }
  const auto seconds = *hours * 3600 + *past * 60;
  return text[0] == '-' ? -seconds : seconds;
}

/// Nothing for a zone that is none. A zone follows a time of day.
std::optional<Zoned> split_zone(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos) {
    return Zoned{text, std::nullopt};
  }
  if (const auto sign = text.find_first_of("+-", colon); sign != std::string_view::npos) {
    const auto zone = numeric_zone(text.substr(sign));
    const bool minutes = text.size() - sign > 3;
    const bool dated = text.substr(0, colon).find_first_of("-/ T") != std::string_view::npos;
    // `14:03-05` could be a range.
    return zone && (minutes || dated) ? std::optional{Zoned{trim(text.substr(0, sign)), zone}}
                                      : std::nullopt;
  }
  for (const std::string_view utc : {"UTC", "GMT", "Z", "z"}) {
    if (text.ends_with(utc)) {
      return Zoned{trim(text.substr(0, text.size() - utc.size())), 0};
    }
  }
  return Zoned{text, std::nullopt};
}

/// The name of the local zone at a moment, such as `CET`.
std::string local_zone_name(std::int64_t utc_ns) {
  std::array<char, 64> name{};
  const auto local = fmt::localtime(static_cast<std::time_t>(utc_ns / kNsPerSecond));
  return {name.data(), std::strftime(name.data(), name.size(), "%Z", &local)};
}

// `Sat Nov 28 18:24:07 CET 2026`, as `date` prints it: only the name of the local zone is known.
std::optional<TimeSpec> parse_with_zone_name(std::string_view text) {
  for (const auto word : words(text)) {
    const bool letters = word.size() >= 3 && std::all_of(word.begin(), word.end(), [](char c) {
                           return c >= 'A' && c <= 'Z';
                         });
    if (!letters) {
      continue;
    }
    const auto at = static_cast<std::size_t>(word.data() - text.data());
    const auto rest = fmt::format("{}{}", text.substr(0, at), text.substr(at + word.size()));
    const auto date = parse_date_time(trim(rest));
    if (!date || !date->year) {
      return std::nullopt;
    }
    const bool utc = word == "UTC" || word == "GMT";
    for (const auto ns : moments_of(date->civil, utc ? ZoneOffset{0} : std::nullopt)) {
      if (utc || local_zone_name(ns) == word) {
        return Utc{ns};
      }
    }
  }
  return std::nullopt;
}

/// The time of an event as `netlog tail` prints it has a bound behind it, such as `±9.64ms`.
std::string_view without_error_bound(std::string_view text) {
  for (const std::string_view sign : {"±", "+-"}) {
    const auto at = text.rfind(sign);
    if (at != std::string_view::npos && parse_duration(text.substr(at + sign.size()))) {
      return trim(text.substr(0, at));
    }
  }
  return text;
}

// `-1h30m`, `now-5m`, `5m ago`
std::optional<TimeSpec> parse_relative(std::string_view text) {
  constexpr std::string_view kAgo = " ago";
  constexpr std::int64_t kMaxAheadNs = std::int64_t{200} * 365 * 86'400 * kNsPerSecond;
  if (text.starts_with("now")) {
    text = trim(text.substr(3));
    if (text.empty()) {
      return Now{0};
    }
    const auto by = parse_duration(trim(text.substr(1)));
    // int64 ns end in April 2262.
    if (!by || (text[0] != '-' && (text[0] != '+' || *by > kMaxAheadNs))) {
      return std::nullopt;
    }
    return Now{text[0] == '-' ? *by : -*by};
  }
  if (text.starts_with('-')) {
    const auto ago = parse_duration(text.substr(1));
    return ago ? std::optional<TimeSpec>{Now{*ago}} : std::nullopt;
  }
  if (text.ends_with(kAgo)) {
    const auto ago = parse_duration(trim(text.substr(0, text.size() - kAgo.size())));
    return ago ? std::optional<TimeSpec>{Now{*ago}} : std::nullopt;
  }
  return std::nullopt;
}

// `@1795890350`, `@1795890350.25`: seconds since 1970; `1795890350123456789`: nanoseconds.
std::optional<TimeSpec> parse_since_1970(std::string_view text) {
  constexpr std::size_t kNsDigits = 19;
  constexpr std::int64_t kMaxSeconds = INT64_MAX / kNsPerSecond - 1;
  if (!text.starts_with('@')) {
    const bool digits = text.find_first_not_of(kDigits) == std::string_view::npos;
    const auto ns = digits && text.size() == kNsDigits ? parse_number<std::int64_t>(text)
                                                       : std::optional<std::int64_t>{};
    return ns ? std::optional<TimeSpec>{Utc{*ns}} : std::nullopt;
  }
  text.remove_prefix(1);
  const auto point = std::min(text.find('.'), text.size());
  const auto seconds = text.empty() || !is_digit(text[0])
                           ? std::nullopt
                           : parse_number<std::int64_t>(text.substr(0, point));
  const auto ns = point == text.size() ? 0 : fraction_ns(text.substr(point + 1));
  return seconds && ns && *seconds <= kMaxSeconds
             ? std::optional<TimeSpec>{Utc{*seconds * kNsPerSecond + *ns}}
             : std::nullopt;
}

// `today`, `yesterday`, `yesterday 14:03`
std::optional<TimeSpec> parse_day_word(std::string_view text, ZoneOffset zone) {
  constexpr std::array<std::pair<std::string_view, int>, 3> kWords{
      {{"today", 0}, {"yesterday", -1}, {"tomorrow", 1}}};
  for (const auto& [word, days] : kWords) {
    if (lower(text.substr(0, word.size())) != word) {
      continue;
    }
    DayFromToday day{days, {}, zone};
    const auto clock = text.substr(word.size());
    if (clock.empty() || (clock[0] == ' ' && parse_clock(trim(clock), day.civil))) {
      return day;
    }
  }
  return std::nullopt;
}

}  // namespace

std::optional<TimeSpec> parse_time(std::string_view text, ZoneOffset zone) {
  text = trim(text);
  if (text.size() > 2 && text.front() == '[' && text.back() == ']') {  // as logs write it
    text = trim(text.substr(1, text.size() - 2));
  }
  text = without_error_bound(text);
  if (text.empty()) {
    return std::nullopt;
  }
  if (auto spec = parse_relative(text)) {
    return spec;
  }
  if (auto spec = parse_since_1970(text)) {
    return spec;
  }
  const auto zoned = split_zone(text);
  if (!zoned) {
    return std::nullopt;
  }
  const auto offset = zoned->offset_s ? zoned->offset_s : zone;
  CivilTime clock;
  if (parse_clock(zoned->rest, clock)) {
    return LocalClock{clock, offset};
  }
  if (auto spec = parse_day_word(zoned->rest, offset)) {
    return spec;
  }
  const auto date = parse_date_time(zoned->rest);
  if (!date) {
    return parse_with_zone_name(text);
  }
  if (!date->year) {
    return DateWithoutYear{date->civil, offset};
  }
  return offset ? TimeSpec{Utc{*ns_from_civil(date->civil) - *offset * kNsPerSecond}}
                : TimeSpec{LocalDateTime{date->civil}};
}

std::string time_hint(std::string_view text) {
  constexpr std::size_t kSecondsDigits = 10;
  text = trim(text);
  const bool digits = text.find_first_not_of(kDigits) == std::string_view::npos;
  if (digits && text.size() == kSecondsDigits) {
    return fmt::format("; seconds since 1970 are written @{}", text);
  }
  if (digits && (text.size() == kSecondsDigits + 3 || text.size() == kSecondsDigits + 6)) {
    return fmt::format("; seconds since 1970 are written @{}.{}",
                       text.substr(0, kSecondsDigits),
                       text.substr(kSecondsDigits));
  }
  const auto point = text.find('.');
  if (point == kSecondsDigits && parse_since_1970(fmt::format("@{}", text))) {
    return fmt::format("; seconds since 1970 are written @{}", text);
  }
  if (const auto dash = text.find('-', std::min(text.find(':'), text.size()));
      dash != std::string_view::npos) {
    const auto from = trim(text.substr(0, dash));
    const auto to = trim(text.substr(dash + 1));
    if (parse_time(from) && parse_time(to)) {
      return fmt::format("; a range is written {}..{}", from, to);
    }
  }
  if (const auto ago = parse_duration(text); ago && *ago > 0) {
    return fmt::format("; so long ago is written -{}", text);
  }
  return {};
}

std::optional<TimeRange> parse_time_range(std::string_view text) {
  const auto dots = text.find("..");
  if (dots == std::string_view::npos) {
    return std::nullopt;
  }
  const auto from = trim(text.substr(0, dots));
  const auto to = trim(text.substr(dots + 2));
  if (from.empty() && to.empty()) {
    return std::nullopt;
  }
  TimeRange range;
  ZoneOffset zone;
  if (!to.empty()) {
    range.to = parse_time(to);
    const auto zoned = split_zone(to);
    zone = zoned ? zoned->offset_s : std::nullopt;
  }
  if (!from.empty()) {
    range.from = parse_time(from, zone);
  }
  return range.from.has_value() == !from.empty() && range.to.has_value() == !to.empty()
             ? std::optional{range}
             : std::nullopt;
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "util/time.hpp"

#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <cmath>
#include <utility>

#include <fmt/format.h>

namespace netlog {
namespace {

std::int64_t floor_div(std::int64_t value, std::int64_t by) {
  return value / by - (value % by < 0 ? 1 : 0);
}

constexpr std::int64_t kMinute = 60 * kNsPerSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr std::int64_t kDay = 24 * kHour;

constexpr std::array<std::pair<std::string_view, std::int64_t>, 9> kUnits{{
    {"ns", 1},
    {"us", kNsPerUs},
    {"ms", kNsPerMs},
    {"s", kNsPerSecond},
    {"m", kMinute},
    {"min", kMinute},
    {"h", kHour},
    {"d", kDay},
    {"w", 7 * kDay},
}};

// `1.25`, without trailing zeros, three significant digits at least.
std::string short_decimal(double value) {
  auto text = value >= 100  ? fmt::format("{:.0f}", value)
              : value >= 10 ? fmt::format("{:.1f}", value)
                            : fmt::format("{:.2f}", value);
  if (text.find('.') != std::string::npos) {
    text.erase(text.find_last_not_of('0') + 1);
    if (text.back() == '.') {
      text.pop_back();
    }
  }
  return text;
}

}  // namespace

CivilTime civil_from_ns(std::int64_t utc_ns) {
  const auto days = floor_div(utc_ns, kDay);
  const std::chrono::year_month_day date{std::chrono::sys_days{std::chrono::days{days}}};
  const auto in_day = utc_ns - days * kDay;
  return {static_cast<int>(date.year()),
          static_cast<int>(static_cast<unsigned>(date.month())),
          static_cast<int>(static_cast<unsigned>(date.day())),
          static_cast<int>(in_day / kHour),
          static_cast<int>(in_day % kHour / kMinute),
          static_cast<int>(in_day % kMinute / kNsPerSecond),
          static_cast<std::int32_t>(in_day % kNsPerSecond)};
}

std::optional<std::int64_t> ns_from_civil(const CivilTime& civil) {
  const std::chrono::year_month_day date{std::chrono::year{civil.year},
                                         std::chrono::month{static_cast<unsigned>(civil.month)},
                                         std::chrono::day{static_cast<unsigned>(civil.day)}};
  const auto in = [](auto value, auto most) { return value >= 0 && value <= most; };
  // int64 ns end in April 2262.
  if (!date.ok() || civil.year < 1970 || civil.year > 2261 || !in(civil.hour, 23) ||
      !in(civil.minute, 59) || !in(civil.second, 59) || !in(civil.nanosecond, 999'999'999)) {
    return std::nullopt;
  }
  const auto days = std::chrono::sys_days{date}.time_since_epoch().count();
  return days * kDay + civil.hour * kHour + civil.minute * kMinute + civil.second * kNsPerSecond +
         civil.nanosecond;
}

std::string iso8601_utc(std::int64_t utc_ns) {
  const auto t = civil_from_ns(utc_ns);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z",
                     t.year,
                     t.month,
                     t.day,
                     t.hour,
                     t.minute,
                     t.second,
                     t.nanosecond / 1000);
}

std::optional<std::int64_t> parse_duration(std::string_view text) {
  if (text == "0") {
    return 0;
  }
  std::int64_t total = 0;
  std::int64_t smaller_than = INT64_MAX;
  do {
    const auto digits = text.find_first_not_of("0123456789.");
    if (digits == 0 || digits == std::string_view::npos) {
      return std::nullopt;
    }
    const auto end = std::min(text.find_first_of("0123456789. ", digits), text.size());
    const auto amount = parse_fraction(text.substr(0, digits));
    const auto* const unit = std::find_if(kUnits.begin(), kUnits.end(), [&](const auto& each) {
      return each.first == text.substr(digits, end - digits);
    });
    if (!amount || unit == kUnits.end() || unit->second >= smaller_than) {
      return std::nullopt;
    }
    smaller_than = unit->second;
    constexpr double kMax = 9.2e18;
    const auto part = *amount * static_cast<double>(unit->second);
    if (part >= kMax - static_cast<double>(total)) {
      return std::nullopt;
    }
    total += static_cast<std::int64_t>(std::llround(part));
    text.remove_prefix(end);
    if (text.starts_with(' ')) {
      text.remove_prefix(1);
      if (text.empty()) {
        return std::nullopt;
      }
    }
  } while (!text.empty());
  return total;
}

std::string format_duration(std::int64_t ns) {
  if (ns < 0) {
    return ns == INT64_MIN ? "-" : "-" + format_duration(-ns);
  }
  const auto in = [&](std::int64_t unit) {
    return static_cast<double>(ns) / static_cast<double>(unit);
  };
  if (ns < kNsPerUs) {
    return fmt::format("{}ns", ns);
  }
  if (ns < kNsPerMs) {
    return short_decimal(in(kNsPerUs)) + "us";
  }
  if (ns < kNsPerSecond) {
    return short_decimal(in(kNsPerMs)) + "ms";
  }
  if (ns < kMinute) {
    return short_decimal(in(kNsPerSecond)) + "s";
  }
  if (ns < kHour) {
    return fmt::format("{}m {:02}s", ns / kMinute, ns % kMinute / kNsPerSecond);
  }
  if (ns < kDay) {
    return fmt::format("{}h {:02}m", ns / kHour, ns % kHour / kMinute);
  }
  return fmt::format("{}d {:02}h", ns / kDay, ns % kDay / kHour);
}

}  // namespace netlog

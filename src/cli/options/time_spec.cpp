// SPDX-License-Identifier: MIT
#include "cli/options/time_spec.hpp"

#include "os/clock.hpp"

#include <algorithm>
#include <array>
#include <iterator>

namespace netlog::cli {
namespace {

constexpr std::int64_t kDayNs = std::int64_t{24} * 3600 * kNsPerSecond;

std::int32_t offset_at(std::int64_t utc_ns, ZoneOffset zone) {
  return zone ? *zone : local_offset_s(utc_ns);
}

/// The date that clocks of the zone show so many days later, with this time of day.
CivilTime on_day(std::int64_t utc_ns, int days, const CivilTime& clock, ZoneOffset zone) {
  auto civil = civil_from_ns(utc_ns + offset_at(utc_ns, zone) * kNsPerSecond + days * kDayNs);
  civil.hour = clock.hour;
  civil.minute = clock.minute;
  civil.second = clock.second;
  civil.nanosecond = clock.nanosecond;
  return civil;
}

void append(std::vector<std::int64_t>& to, const std::vector<std::int64_t>& moments) {
  to.insert(to.end(), moments.begin(), moments.end());
}

/// The moments that a time can mean, in order: all, or those near `near_ns`.
struct Candidates {
  std::int64_t near_ns;
  std::int64_t now_ns;

  std::vector<std::int64_t> operator()(const Now& now) const { return {now_ns - now.minus_ns}; }
  std::vector<std::int64_t> operator()(const Utc& utc) const { return {utc.ns}; }
  std::vector<std::int64_t> operator()(const LocalDateTime& local) const {
    return moments_of(local.civil, std::nullopt);
  }
  std::vector<std::int64_t> operator()(const LocalClock& clock) const {
    std::vector<std::int64_t> moments;
    for (const auto day : {-2, -1, 0, 1, 2}) {
      append(moments,
             moments_of(on_day(near_ns, day, clock.civil, clock.offset_s), clock.offset_s));
    }
    return moments;
  }
  std::vector<std::int64_t> operator()(const DayFromToday& day) const {
    return moments_of(on_day(now_ns, day.days, day.civil, day.offset_s), day.offset_s);
  }
  std::vector<std::int64_t> operator()(const DateWithoutYear& date) const {
    constexpr int kYears = 4;  // 29 February
    std::vector<std::int64_t> moments;
    auto civil = date.civil;
    const auto year = civil_from_ns(near_ns).year;
    for (civil.year = year - kYears; civil.year <= year + kYears; ++civil.year) {
      append(moments, moments_of(civil, date.offset_s));
    }
    return moments;
  }
};

std::vector<std::int64_t> candidates(const TimeSpec& spec,
                                     std::int64_t near_ns,
                                     std::int64_t now_ns) {
  auto moments = std::visit(Candidates{near_ns, now_ns}, spec);
  if (moments.empty()) {
    moments.push_back(0);  // before 1970
  }
  return moments;
}

// The last one within the recording, else the one nearest to it that is not in the future; the
// earlier one of two that are equally near.
std::int64_t best_of(const std::vector<std::int64_t>& moments,
                     const Span& recorded,
                     std::int64_t now_ns) {
  const auto away = [&](std::int64_t ns) {
    return std::max({recorded.began_ns - ns, ns - recorded.ended_ns, std::int64_t{0}});
  };
  if (moments.empty()) {
    return recorded.ended_ns;  // outside the years that clocks can show
  }
  auto best = moments.front();
  const auto latest_ns = std::max(now_ns, recorded.ended_ns);
  for (const auto ns : moments) {
    if (ns <= latest_ns && (away(ns) < away(best) || away(ns) == 0)) {
      best = ns;
    }
  }
  return best;
}

}  // namespace

// A time that is skipped in spring is counted from the offset before the change.
std::vector<std::int64_t> moments_of(const CivilTime& civil, ZoneOffset zone) {
  const auto shown_ns = ns_from_civil(civil);
  if (!shown_ns) {
    return {};
  }
  if (zone) {
    return {*shown_ns - *zone * kNsPerSecond};
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

std::int64_t resolve(const TimeSpec& spec, std::int64_t now_ns, const Span& recorded) {
  return best_of(candidates(spec, recorded.ended_ns, now_ns), recorded, now_ns);
}

std::int64_t resolve_end(const TimeSpec& spec,
                         std::int64_t since_ns,
                         std::int64_t now_ns,
                         const Span& recorded) {
  const auto moments = candidates(spec, since_ns, now_ns);
  if (moments.empty()) {
    return since_ns;
  }
  const auto end = std::upper_bound(moments.begin(), moments.end(), since_ns);
  if (end == moments.end()) {
    return moments.back();
  }
  if (end == moments.begin() || *end <= recorded.ended_ns) {
    return *end;
  }
  const auto before = *std::prev(end);
  return since_ns >= recorded.began_ns && since_ns - before < *end - since_ns ? before : *end;
}

std::int32_t local_offset_s(std::int64_t utc_ns) {
  return os::local_utc_offset_s(utc_ns / kNsPerSecond);
}

}  // namespace netlog::cli

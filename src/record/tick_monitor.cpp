// SPDX-License-Identifier: MIT
#include "record/tick_monitor.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <utility>

namespace netlog::record {
namespace {

constexpr std::int64_t kHeartbeatNs = kNsPerSecond;
constexpr std::int64_t kRefreshNs = kNsPerSecond;
// A tick may be late by this much before the system counts as suspended.
constexpr std::int64_t kSuspendNs = kNsPerSecond;

/// True at the first call, and when `period_ns` have passed since it last was.
bool is_due(std::optional<std::int64_t>& last_ns, std::int64_t now_ns, std::int64_t period_ns) {
  if (last_ns && now_ns - *last_ns < period_ns) {
    return false;
  }
  last_ns = now_ns;
  return true;
}

}  // namespace

std::vector<Gap> TickMonitor::begin(std::int64_t at_ns, const capture::TickBegin& tick) {
  ++ticks_;
  skipped_ticks_ += tick.skipped;
  if (tick.lateness_ns > interval_ns_ / 10) {
    ++late_ticks_;
  }
  // The ticks that became due while this one was late are blind time before it. The schedule counts
  // them as skipped before the next one.
  const auto late = std::max<std::int64_t>(tick.lateness_ns, 0) / interval_ns_;
  const auto missed =
      late + std::max<std::int64_t>(tick.skipped - std::exchange(missed_early_, late), 0);
  std::vector<Gap> gaps;
  if (last_tick_ns_) {
    const auto from_ns = *last_tick_ns_;
    const auto expected_ns = current_interval_ns_ + interval_ns_ * tick.skipped + tick.lateness_ns;
    if (at_ns - from_ns - expected_ns > kSuspendNs) {
      gaps.push_back(
          {std::nullopt, from_ns, at_ns, "tick", "suspended", std::nullopt, std::nullopt});
    } else if (missed > 0) {
      gaps.push_back({std::nullopt, from_ns, at_ns, "tick", "skipped ticks", missed, std::nullopt});
    }
    if (current_interval_ns_ > interval_ns_) {
      gaps.push_back({std::nullopt,
                      from_ns,
                      at_ns,
                      "tick",
                      "interval stretched",
                      std::nullopt,
                      "to " + format_duration(current_interval_ns_)});
    }
  }
  last_tick_ns_ = at_ns;
  return gaps;
}

void TickMonitor::set_interval(std::int64_t interval_ns) {
  current_interval_ns_ = std::max(interval_ns, interval_ns_);
}

std::optional<Heartbeat> TickMonitor::heartbeat(std::int64_t now_ns) {
  return is_due(last_heartbeat_ns_, now_ns, kHeartbeatNs) ? std::optional{counts(now_ns)}
                                                          : std::nullopt;
}

bool TickMonitor::refresh_due(std::int64_t now_ns) {
  return is_due(last_refresh_ns_, now_ns, kRefreshNs);
}

Heartbeat TickMonitor::counts(std::int64_t now_ns) const {
  return {now_ns, ticks_, late_ticks_, skipped_ticks_};
}

}  // namespace netlog::record

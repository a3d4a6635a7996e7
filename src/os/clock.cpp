// SPDX-License-Identifier: MIT
#include "os/clock.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <utility>

namespace netlog::os {
namespace {

constexpr std::int64_t kClockStepNs = 20 * kNsPerMs;
// A clock is slewed by at most 500 ppm (RFC 5905). The boot clock may itself drift by less.
constexpr std::int64_t kSlewedPart = 1'000;

// A smaller drift is left for later, so that the offset does not change at every call.
constexpr std::int64_t kMinDriftNs = 10 * kNsPerUs;

}  // namespace

std::int64_t timer_resolution_for(std::int64_t interval_ns) {
  constexpr std::int64_t kUsual = 15'625 * kNsPerUs;
  constexpr std::int64_t kFinest = kNsPerMs / 2;
  const auto wanted = interval_ns / 20;
  return wanted >= kUsual ? 0 : std::max(wanted, kFinest);
}

std::int64_t measure_utc_offset_ns() {
  // UTC between two readings of the boot clock, where these are nearest to each other.
  std::int64_t narrowest_ns = std::numeric_limits<std::int64_t>::max();
  std::int64_t offset_ns = 0;
  for (int i = 0; i < 8; ++i) {
    const auto before_ns = read_boot_clock_ns();
    const auto utc_ns = read_wall_clock_ns();
    const auto after_ns = read_boot_clock_ns();
    if (after_ns - before_ns < narrowest_ns) {
      narrowest_ns = after_ns - before_ns;
      offset_ns = utc_ns - before_ns - (after_ns - before_ns) / 2;
    }
  }
  return offset_ns;
}

OffsetChange follow_offset(std::int64_t moved_ns, std::int64_t since_ns) {
  const auto slewed_ns = std::max<std::int64_t>(since_ns, 0) / kSlewedPart;
  if (std::abs(moved_ns) >= kClockStepNs + slewed_ns) {
    return {moved_ns, true};
  }
  return {std::clamp(moved_ns, -slewed_ns, slewed_ns), false};
}

UtcOffsetFollower::UtcOffsetFollower()
    : offset_ns_{measure_utc_offset_ns()}, measured_boot_ns_{read_boot_clock_ns()} {}

OffsetChange UtcOffsetFollower::follow() {
  const auto now_ns = read_boot_clock_ns();
  const auto since_ns = now_ns - std::exchange(measured_boot_ns_, now_ns);
  const auto moved_ns = measure_utc_offset_ns() - offset_ns_;
  if (std::abs(moved_ns) < kMinDriftNs) {
    return {};
  }
  const auto change = follow_offset(moved_ns, since_ns);
  offset_ns_ += change.by_ns;
  return change;
}

}  // namespace netlog::os

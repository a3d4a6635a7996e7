// SPDX-License-Identifier: MIT
#include "os/clock.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <limits>
#include <utility>

namespace netlog::os {
namespace {

constexpr std::int64_t kClockStepNs = 20 * kNsPerMs;
// A clock is slewed by 500 ppm at most (RFC 5905); the boot clock may itself go wrong by less.
constexpr std::int64_t kSlewedPart = 1'000;

// UTC between two readings of the boot clock; the narrowest of a few such sandwiches is good to
// some tens of ns.
std::int64_t sandwich() {
  std::int64_t narrowest = std::numeric_limits<std::int64_t>::max();
  std::int64_t offset = 0;
  for (int i = 0; i < 8; ++i) {
    const auto before = read_boot_clock_ns();
    const auto utc = read_wall_clock_ns();
    const auto after = read_boot_clock_ns();
    if (after - before < narrowest) {
      narrowest = after - before;
      offset = utc - before - (after - before) / 2;
    }
  }
  return offset;
}

std::atomic<std::int64_t>& offset_ns() {
  static std::atomic<std::int64_t> offset{sandwich()};
  return offset;
}

}  // namespace

std::int64_t utc_now_ns() {
  return boot_to_utc_ns(read_boot_clock_ns());
}

std::int64_t boot_to_utc_ns(std::int64_t boot_ns) {
  return boot_ns + offset_ns().load(std::memory_order_relaxed);
}

std::int64_t measure_utc_offset() {
  const auto now = sandwich();
  return now - offset_ns().exchange(now, std::memory_order_relaxed);
}

OffsetChange follow_offset(std::int64_t moved_ns, std::int64_t since_ns) {
  const auto slewed_ns = std::max<std::int64_t>(since_ns, 0) / kSlewedPart;
  if (std::abs(moved_ns) >= kClockStepNs + slewed_ns) {
    return {moved_ns, true};
  }
  return {std::clamp(moved_ns, -slewed_ns, slewed_ns), false};
}

OffsetChange follow_wall_clock() {
  static std::int64_t measured_ns = read_boot_clock_ns();
  const auto since_ns = read_boot_clock_ns() - std::exchange(measured_ns, read_boot_clock_ns());
  const auto change =
      follow_offset(sandwich() - offset_ns().load(std::memory_order_relaxed), since_ns);
  offset_ns().fetch_add(change.by_ns, std::memory_order_relaxed);
  return change;
}

}  // namespace netlog::os

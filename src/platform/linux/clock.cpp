// SPDX-License-Identifier: MIT
#include "platform/linux/clock.hpp"

#include "base/time.hpp"
#include "platform/live_source.hpp"

#include <atomic>
#include <cstdlib>
#include <ctime>
#include <limits>

namespace netlog::platform {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

// UTC between two readings of the boot clock; the narrowest of a few such sandwiches is good to
// some tens of ns.
std::int64_t sandwich() {
  std::int64_t narrowest = std::numeric_limits<std::int64_t>::max();
  std::int64_t offset = 0;
  for (int i = 0; i < 8; ++i) {
    const auto before = read_clock(CLOCK_BOOTTIME);
    const auto utc = read_clock(CLOCK_REALTIME);
    const auto after = read_clock(CLOCK_BOOTTIME);
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
  return boot_to_utc_ns(read_clock(CLOCK_BOOTTIME));
}

std::int64_t boot_to_utc_ns(std::int64_t boot_ns) {
  return boot_ns + offset_ns().load(std::memory_order_relaxed);
}

std::int64_t measure_utc_offset() {
  const auto now = sandwich();
  return now - offset_ns().exchange(now, std::memory_order_relaxed);
}

}  // namespace netlog::platform

// SPDX-License-Identifier: MIT
#include "os/clock.hpp"

#include "util/time.hpp"

#include <ctime>

namespace netlog::os {
namespace {

std::int64_t read_clock(clockid_t clock) {
  timespec now{};
  ::clock_gettime(clock, &now);
  return static_cast<std::int64_t>(now.tv_sec) * kNsPerSecond + now.tv_nsec;
}

}  // namespace

std::int64_t read_boot_clock_ns() {
  return read_clock(CLOCK_BOOTTIME);
}

std::int64_t read_wall_clock_ns() {
  return read_clock(CLOCK_REALTIME);
}

std::int32_t local_utc_offset_s(std::int64_t utc_s) {
  const auto at = static_cast<std::time_t>(utc_s);
  std::tm local{};
  return ::localtime_r(&at, &local) != nullptr ? static_cast<std::int32_t>(local.tm_gmtoff) : 0;
}

std::int64_t read_thread_cpu_clock_ns() {
  return read_clock(CLOCK_THREAD_CPUTIME_ID);
}

std::shared_ptr<void> make_timers_fine(std::int64_t /*interval_ns*/) {
  return nullptr;
}

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#include "platform/clock.hpp"

#include "base/time.hpp"

#include <windows.h>

namespace netlog::platform {

// learn.microsoft.com, Acquiring high-resolution time stamps: the performance counter goes on while
// the system sleeps.
std::int64_t read_boot_clock_ns() {
  LARGE_INTEGER frequency;
  LARGE_INTEGER ticks;
  ::QueryPerformanceFrequency(&frequency);
  ::QueryPerformanceCounter(&ticks);
  const auto whole = ticks.QuadPart / frequency.QuadPart;
  const auto rest = ticks.QuadPart % frequency.QuadPart;
  return whole * kNsPerSecond + rest * kNsPerSecond / frequency.QuadPart;
}

std::int64_t read_wall_clock_ns() {
  constexpr std::int64_t kFiletimeAtUnixEpoch = 116'444'736'000'000'000;
  constexpr std::int64_t kNsPerUnit = 100;
  FILETIME now;
  ::GetSystemTimePreciseAsFileTime(&now);
  const auto filetime = static_cast<std::int64_t>(now.dwHighDateTime) << 32 | now.dwLowDateTime;
  return (filetime - kFiletimeAtUnixEpoch) * kNsPerUnit;
}

}  // namespace netlog::platform

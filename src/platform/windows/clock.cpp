// SPDX-License-Identifier: MIT
#include "platform/clock.hpp"

#include "base/time.hpp"

#include <windows.h>

namespace netlog::platform {
namespace {

constexpr std::int64_t kNsPerFiletimeUnit = 100;

std::int64_t units_of(const FILETIME& time) {
  return static_cast<std::int64_t>(time.dwHighDateTime) << 32 | time.dwLowDateTime;
}

}  // namespace

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
  FILETIME now;
  ::GetSystemTimePreciseAsFileTime(&now);
  return (units_of(now) - kFiletimeAtUnixEpoch) * kNsPerFiletimeUnit;
}

std::int64_t read_thread_cpu_clock_ns() {
  FILETIME began;
  FILETIME ended;
  FILETIME kernel;
  FILETIME user;
  ::GetThreadTimes(::GetCurrentThread(), &began, &ended, &kernel, &user);
  return (units_of(kernel) + units_of(user)) * kNsPerFiletimeUnit;
}

}  // namespace netlog::platform

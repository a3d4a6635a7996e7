// SPDX-License-Identifier: MIT
#include "os/clock.hpp"

#include "os/windows/library.hpp"
#include "util/filetime.hpp"
#include "util/time.hpp"

#include <windows.h>

namespace netlog::os {
namespace {

std::uint64_t units_of(const FILETIME& time) {
  return static_cast<std::uint64_t>(time.dwHighDateTime) << 32U | time.dwLowDateTime;
}

/// In effect for this process alone, since Windows 10 2004. False: the system does not take it.
bool set_timer_resolution(std::int64_t resolution_ns, bool is_wanted) {
  constexpr std::int64_t kUnitNs = 100;
  using Set = long(WINAPI*)(unsigned long, BOOLEAN, unsigned long*);
  static const auto set = look_up<Set>(L"ntdll.dll", "NtSetTimerResolution");
  unsigned long current = 0;
  return set != nullptr && set(static_cast<unsigned long>(resolution_ns / kUnitNs),
                               static_cast<BOOLEAN>(is_wanted),
                               &current) >= 0;
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
  FILETIME now;
  ::GetSystemTimePreciseAsFileTime(&now);
  return utc_ns_of(units_of(now));
}

/// Not by localtime(): msvcrt.dll reads `TZ`, which other systems' shells set, in a form of its
/// own.
std::int32_t local_utc_offset_s(std::int64_t utc_s) {
  constexpr std::int64_t kUnitsPerSecond = 10'000'000;
  const auto units = filetime_of(utc_s * kNsPerSecond);
  const FILETIME utc{static_cast<DWORD>(units), static_cast<DWORD>(units >> 32U)};
  SYSTEMTIME at{};
  SYSTEMTIME local{};
  FILETIME local_as_utc{};
  TIME_ZONE_INFORMATION zone{};
  if (::FileTimeToSystemTime(&utc, &at) == 0 ||
      ::GetTimeZoneInformationForYear(at.wYear, nullptr, &zone) == 0 ||
      ::SystemTimeToTzSpecificLocalTime(&zone, &at, &local) == 0 ||
      ::SystemTimeToFileTime(&local, &local_as_utc) == 0) {
    return 0;
  }
  // SYSTEMTIME has milliseconds: both are whole seconds.
  const auto offset = static_cast<std::int64_t>(units_of(local_as_utc) - units);
  return static_cast<std::int32_t>(offset / kUnitsPerSecond);
}

/// GetThreadTimes() counts in steps of 15.6 ms, of which a tick of 2 ms has none or a whole one.
std::int64_t read_thread_cpu_clock_ns() {
  return read_boot_clock_ns();
}

/// Not by timeBeginPeriod(), which calls this: with winmm comes user32, see folders.hpp.
std::shared_ptr<void> make_timers_fine(std::int64_t interval_ns) {
  const auto resolution_ns = timer_resolution_for(interval_ns);
  if (resolution_ns == 0 || !set_timer_resolution(resolution_ns, true)) {
    return nullptr;
  }
  return {nullptr, [](void*) { set_timer_resolution(0, false); }};
}

}  // namespace netlog::os

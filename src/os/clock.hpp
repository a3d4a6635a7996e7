// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace netlog::os {

/// Wall time now, UTC ns, from the boot clock and a measured offset, so that a stepped wall clock
/// never runs backwards unnoticed.
std::int64_t utc_now_ns();

/// UTC ns of a moment on the boot clock, by the offset that was measured last.
std::int64_t boot_to_utc_ns(std::int64_t boot_ns);

/// Measures the offset between the boot clock and UTC again; returns by how many ns it has moved.
std::int64_t measure_utc_offset();

/// What becomes of the offset when UTC is found to have moved against the boot clock.
struct OffsetChange {
  std::int64_t by_ns = 0;
  bool is_step = false;
};

/// What moved by more than clocks drift is a step, and followed at once. Anything less is a slew
/// (NTP: 500 ppm at most), or a step too small to tell from one: it is followed by a thousandth of
/// the time since the last measurement at most, so that durations are never wrong by more than
/// that.
OffsetChange follow_offset(std::int64_t moved_ns, std::int64_t since_ns);

/// Measures the offset between UTC and the boot clock, and follows it as follow_offset() says.
/// @return what has changed since the last call
OffsetChange follow_wall_clock();

/// The clock that counts from the boot, also while the system sleeps, in ns. Defined once in linux/
/// or windows/.
std::int64_t read_boot_clock_ns();

/// The wall clock, UTC ns since 1970. Defined once in linux/ or windows/.
std::int64_t read_wall_clock_ns();

/// What this thread has taken of a processor so far, in ns; on Windows in steps of some 15 ms.
/// Defined once in linux/ or windows/.
std::int64_t read_thread_cpu_clock_ns();

}  // namespace netlog::os

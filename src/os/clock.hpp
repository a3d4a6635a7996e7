// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace netlog::os {

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

/// UTC minus the boot clock, ns; good to some tens of ns.
std::int64_t measure_utc_offset_ns();

/// Keeps the offset between the boot clock and UTC up to date.
class UtcOffsetFollower {
 public:
  UtcOffsetFollower();

  /// What to add to the boot clock for UTC, ns.
  [[nodiscard]] std::int64_t offset_ns() const { return offset_ns_; }
  /// Measures again, and follows as follow_offset() says; a drift only once it is worth it.
  /// @return by how much offset_ns() has changed
  OffsetChange follow();

 private:
  std::int64_t offset_ns_;
  std::int64_t measured_boot_ns_;
};

/// The clock that counts from the boot, also while the system sleeps, in ns. Defined once in linux/
/// or windows/.
std::int64_t read_boot_clock_ns();

/// The wall clock, UTC ns since 1970. Defined once in linux/ or windows/.
std::int64_t read_wall_clock_ns();

/// What this thread has taken of a processor so far, in ns; on Windows in steps of some 15 ms.
/// Defined once in linux/ or windows/.
std::int64_t read_thread_cpu_clock_ns();

}  // namespace netlog::os

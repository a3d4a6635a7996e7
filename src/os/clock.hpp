// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <memory>

namespace netlog::os {

/// A change of the offset between the boot clock and UTC.
struct OffsetChange {
  std::int64_t by_ns = 0;
  bool is_step = false;  ///< UTC was set
};

/// How to change the offset when UTC has moved by `moved_ns` against the boot clock within
/// `since_ns`. More than clocks drift is a step, and followed at once. Anything less is a slew
/// (NTP: 500 ppm at most), or a step as small as one: it is followed by at most a thousandth of
/// `since_ns`, so that durations are never wrong by more than that.
OffsetChange follow_offset(std::int64_t moved_ns, std::int64_t since_ns);

/// UTC minus the boot clock, ns; good to some tens of ns.
std::int64_t measure_utc_offset_ns();

/// Keeps the offset between the boot clock and UTC up to date.
class UtcOffsetFollower {
 public:
  UtcOffsetFollower();

  /// What to add to the boot clock for UTC, ns.
  [[nodiscard]] std::int64_t offset_ns() const { return offset_ns_; }
  /// Measures again, and follows as follow_offset() says; a drift of less than 10 µs is left for
  /// later.
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

/// The offset of the local time zone at a moment, seconds east of UTC, by the system's rules for
/// its year. On Linux `TZ` counts, on Windows it does not. 0 if the system does not know it.
/// @param utc_s since 1970
std::int32_t local_utc_offset_s(std::int64_t utc_s);

/// What this thread has taken of a processor so far, in ns; on Windows the time that has passed,
/// which is as much or more. Only differences count. Defined once in linux/ or windows/.
std::int64_t read_thread_cpu_clock_ns();

/// How finely timers must end so that the ticks of an interval are on time, ns; a tick is late by a
/// tenth of it. 0: 15.6 ms, in which Windows counts, are fine enough.
std::int64_t timer_resolution_for(std::int64_t interval_ns);

/// As long as the handle lives, the timers of this process end as finely as an interval needs.
/// Empty on Linux, whose timers always do. Defined once in linux/ or windows/.
std::shared_ptr<void> make_timers_fine(std::int64_t interval_ns);

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>

namespace netlog::record {

/// Plans ticks on absolute deadlines: no drift, no catching up in a burst, every tick that was
/// missed is counted.
class TickSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  /// The first tick is due at `origin`, the others a whole number of periods later.
  TickSchedule(Clock::time_point origin, Clock::duration period)
      : origin_{origin}, period_{period} {}

  struct Tick {
    std::uint64_t index = 0;
    Clock::time_point due;
    std::uint64_t skipped = 0;  ///< ticks between the one before and this one
  };

  /// The first tick not given out yet that is due at `now` or later; the very first one is due at
  /// once.
  Tick next(Clock::time_point now);

 private:
  Clock::time_point origin_;
  Clock::duration period_;
  std::uint64_t next_ = 0;
  bool begun_ = false;
};

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
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
    std::uint64_t skipped = 0;  ///< ticks between the one that was to come and this one
  };

  /// The first tick that is due at `now` or later and `every` periods after the one before, or
  /// more; the very first one is due at once. What lies between two that are `every` periods apart
  /// was left out and is not skipped.
  Tick next(Clock::time_point now, std::uint64_t every = 1);

 private:
  Clock::time_point origin_;
  Clock::duration period_;
  std::uint64_t last_ = 0;
  bool begun_ = false;
};

/// How many periods apart the ticks are to be, so that they take no more than a share of the time:
/// by the median of the last three, since a single one can have waited for something.
class Pacer {
 public:
  static constexpr std::uint64_t kMax = 64;

  /// `budget`: of one processor, 0 … 1.
  Pacer(TickSchedule::Clock::duration period, double budget) : period_{period}, budget_{budget} {}

  void took(TickSchedule::Clock::duration time);
  [[nodiscard]] std::uint64_t every() const { return every_; }

 private:
  TickSchedule::Clock::duration period_;
  double budget_;
  std::array<TickSchedule::Clock::duration, 3> last_{};
  std::size_t next_ = 0;
  std::uint64_t every_ = 1;
};

}  // namespace netlog::record

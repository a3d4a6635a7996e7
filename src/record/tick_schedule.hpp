// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>

namespace netlog::record {

/// Plans ticks on absolute deadlines: they do not drift, do not catch up in a burst, and each
/// missed one is counted.
class TickSchedule {
 public:
  using Clock = std::chrono::steady_clock;

  /// The first tick is due at `origin`, the others a whole number of periods later.
  TickSchedule(Clock::time_point origin, Clock::duration period)
      : origin_{origin}, period_{period} {}

  struct Tick {
    std::uint64_t index = 0;
    Clock::time_point due;
    std::uint64_t skipped = 0;  ///< ticks missed before this one
  };

  /// The next tick: due at `now` or later, and at least `every` periods after the one before. The
  /// very first is due at once. Ticks that `every` leaves out do not count as skipped.
  Tick next(Clock::time_point now, std::uint64_t every = 1);

  [[nodiscard]] Clock::duration period() const { return period_; }

 private:
  Clock::time_point origin_;
  Clock::duration period_;
  std::uint64_t last_ = 0;
  bool begun_ = false;
};

/// Decides how many periods apart ticks are, so that they take at most a share of one processor.
/// Uses the median of the last three ticks, since a single one may have waited for something.
class Pacer {
 public:
  static constexpr std::uint64_t kMax = 64;

  /// `budget`: of one processor, 0 … 1.
  Pacer(TickSchedule::Clock::duration period, double budget) : period_{period}, budget_{budget} {}

  void set_budget(double budget) { budget_ = budget; }

  /// A tick has taken this much processor time.
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

// SPDX-License-Identifier: MIT
#include "record/tick_schedule.hpp"

#include <algorithm>
#include <chrono>
#include <cmath>
#include <utility>

namespace netlog::record {

TickSchedule::Tick TickSchedule::next(Clock::time_point now, std::uint64_t every) {
  if (!std::exchange(begun_, true)) {
    return {0, origin_, 0};  // nothing can have been missed before the first
  }
  const auto elapsed = std::max(now - origin_, Clock::duration::zero());
  const auto reachable =
      static_cast<std::uint64_t>((elapsed + period_ - Clock::duration{1}) / period_);
  const auto wanted = last_ + every;
  const auto index = std::max(wanted, reachable);
  const auto skipped = index - wanted;
  last_ = index;
  return {index, origin_ + period_ * static_cast<std::int64_t>(index), skipped};
}

void Pacer::took(TickSchedule::Clock::duration time) {
  last_.at(next_) = time;
  next_ = (next_ + 1) % last_.size();
  auto sorted = last_;
  std::sort(sorted.begin(), sorted.end());
  const std::chrono::duration<double> median = sorted.at(sorted.size() / 2);
  const std::chrono::duration<double> affordable = budget_ * period_;
  every_ = static_cast<std::uint64_t>(
      std::clamp(std::ceil(median / affordable), 1.0, static_cast<double>(kMax)));
}

}  // namespace netlog::record

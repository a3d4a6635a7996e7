// SPDX-License-Identifier: MIT
#include "record/tick_schedule.hpp"

#include <algorithm>
#include <utility>

namespace netlog::record {

TickSchedule::Tick TickSchedule::next(Clock::time_point now) {
  if (!std::exchange(begun_, true)) {
    next_ = 1;
    return {0, origin_, 0};  // nothing can have been missed before the first
  }
  const auto elapsed = std::max(now - origin_, Clock::duration::zero());
  const auto reachable =
      static_cast<std::uint64_t>((elapsed + period_ - Clock::duration{1}) / period_);
  const auto index = std::max(next_, reachable);
  const auto skipped = index - std::exchange(next_, index + 1);
  return {index, origin_ + period_ * static_cast<std::int64_t>(index), skipped};
}

}  // namespace netlog::record

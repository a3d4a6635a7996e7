// SPDX-License-Identifier: MIT
#include "record/utc_timeline.hpp"

#include <algorithm>
#include <iterator>
#include <limits>
#include <optional>
#include <utility>

namespace netlog::record {
namespace {

constexpr auto kNoMinimum = std::numeric_limits<std::int64_t>::min();

}  // namespace

void UtcTimeline::drift(std::int64_t boot_ns, std::int64_t offset_ns) {
  const auto min_utc_ns = breakpoints_.empty() ? kNoMinimum : to_utc(boot_ns, epoch_);
  add({epoch_, boot_ns, offset_ns, min_utc_ns});
}

void UtcTimeline::set(std::int64_t boot_ns, std::int64_t offset_ns) {
  if (breakpoints_.empty()) {
    add({epoch_, boot_ns, 0, kNoMinimum});
  }
  add({++epoch_, boot_ns, offset_ns, kNoMinimum});
}

void UtcTimeline::add(const Breakpoint& breakpoint) {
  breakpoints_.push_back(breakpoint);
  if (breakpoints_.size() > kMaxBreakpoints) {
    breakpoints_.pop_front();
  }
}

std::int64_t UtcTimeline::to_utc(std::int64_t boot_ns) const {
  return to_utc(boot_ns, epoch_at(boot_ns));
}

std::int64_t UtcTimeline::to_utc(std::int64_t boot_ns, Epoch epoch) const {
  if (breakpoints_.empty()) {
    return boot_ns;
  }
  const auto after = std::upper_bound(breakpoints_.begin(),
                                      breakpoints_.end(),
                                      std::pair{epoch, boot_ns},
                                      [](const auto& key, const Breakpoint& b) {
                                        return key < std::pair{b.epoch, b.boot_ns};
                                      });
  if (after != breakpoints_.begin() && std::prev(after)->epoch == epoch) {
    const auto& in_force = *std::prev(after);
    return std::max(boot_ns + in_force.offset_ns, in_force.min_utc_ns);
  }
  // Before the epoch began, or an epoch that is not remembered any more.
  const auto& nearest = after != breakpoints_.end() ? *after : breakpoints_.back();
  return boot_ns + nearest.offset_ns;
}

std::int64_t UtcTimeline::to_boot(std::int64_t utc_ns, std::int64_t now_ns) const {
  std::optional<std::int64_t> jump_ns;
  auto end_ns = now_ns;
  for (auto i = breakpoints_.size(); i-- > 0;) {
    const auto& breakpoint = breakpoints_[i];
    const auto boot_ns = utc_ns - breakpoint.offset_ns;
    if (boot_ns >= breakpoint.boot_ns && boot_ns <= end_ns) {
      return boot_ns;
    }
    if (boot_ns > end_ns && !jump_ns) {
      jump_ns = end_ns;
    }
    end_ns = std::min(end_ns, breakpoint.boot_ns);
  }
  const auto first_ns = utc_ns - (breakpoints_.empty() ? 0 : breakpoints_.front().offset_ns);
  return first_ns <= end_ns ? first_ns : jump_ns.value_or(end_ns);
}

UtcTimeline::Epoch UtcTimeline::epoch_at(std::int64_t boot_ns) const {
  const auto after =
      std::upper_bound(breakpoints_.begin(),
                       breakpoints_.end(),
                       boot_ns,
                       [](std::int64_t at_ns, const Breakpoint& b) { return at_ns < b.boot_ns; });
  if (after != breakpoints_.begin()) {
    return std::prev(after)->epoch;
  }
  return breakpoints_.empty() ? epoch_ : breakpoints_.front().epoch;
}

}  // namespace netlog::record

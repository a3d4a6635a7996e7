// SPDX-License-Identifier: MIT
#include "track/gap_ledger.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {

void GapLedger::add(const Gap& gap) {
  const auto run = std::find_if(runs_.begin(), runs_.end(), [&](const Gap& open) {
    return open.netns == gap.netns && open.source == gap.source && open.reason == gap.reason &&
           open.detail == gap.detail && gap.from_ns - open.to_ns < quiet_ns_;
  });
  if (run == runs_.end()) {
    runs_.push_back(gap);
    return;
  }
  run->from_ns = std::min(run->from_ns, gap.from_ns);
  run->to_ns = std::max(run->to_ns, gap.to_ns);
  // One unknown makes the sum unknown.
  run->lost = run->lost && gap.lost ? std::optional{*run->lost + *gap.lost} : std::nullopt;
}

std::vector<Gap> GapLedger::take(std::int64_t now_ns) {
  const auto over = std::stable_partition(runs_.begin(), runs_.end(), [&](const Gap& run) {
    return now_ns - run.to_ns < quiet_ns_ && run.to_ns - run.from_ns < longest_ns_;
  });
  std::vector<Gap> taken{std::make_move_iterator(over), std::make_move_iterator(runs_.end())};
  runs_.erase(over, runs_.end());
  return taken;
}

std::vector<Gap> GapLedger::finish() {
  return std::exchange(runs_, {});
}

}  // namespace netlog::track

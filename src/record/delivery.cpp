// SPDX-License-Identifier: MIT
#include "record/delivery.hpp"

#include <algorithm>
#include <variant>

namespace netlog::record {

std::optional<Delivery::Loss> Delivery::flush(std::int64_t now_ns) {
  if (items_.empty()) {
    return std::nullopt;
  }
  auto pushed = push_(std::exchange(items_, {}));
  blocked_ns_ += pushed.blocked.count();
  wants_resync_ = pushed.wants_resync;
  return note_loss(std::move(pushed), now_ns);
}

std::optional<Delivery::Loss> Delivery::resync(std::vector<Process> processes,
                                               std::vector<Connection> connections,
                                               std::int64_t now_ns) {
  wants_resync_ = false;
  std::vector<store::Item> known;
  known.reserve(processes.size() + 1);
  for (auto& process : processes) {
    known.emplace_back(std::move(process));
  }
  const auto since_ns = std::min(std::exchange(lost_since_ns_, {}).value_or(now_ns), now_ns);
  known.emplace_back(store::Resync{since_ns, now_ns, std::move(connections)});
  return note_loss(push_(std::move(known)), now_ns);
}

void Delivery::follow_clock(std::int64_t step_ns) {
  if (lost_since_ns_) {
    *lost_since_ns_ += step_ns;
  }
}

std::optional<Delivery::Loss> Delivery::note_loss(store::PushResult pushed, std::int64_t now_ns) {
  if (pushed.dropped.empty()) {
    return std::nullopt;
  }
  Loss loss;
  auto from_ns = now_ns;
  for (auto& item : pushed.dropped) {
    if (auto* const event = std::get_if<Event>(&item)) {
      from_ns = std::min(from_ns, event->at.at_ns);
      loss.events.push_back(std::move(*event));
    } else if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      from_ns = std::min(from_ns, heartbeat->at_ns);
    }
  }
  lost_since_ns_ = std::min(lost_since_ns_.value_or(from_ns), from_ns);
  loss.gap = Gap{std::nullopt,
                 from_ns,
                 now_ns,
                 "writer",
                 std::move(pushed.why.reason),
                 static_cast<std::int64_t>(loss.events.size()),
                 std::move(pushed.why.detail)};
  return loss;
}

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#include "record/delivery.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <cstdlib>
#include <span>
#include <variant>

namespace netlog::record {

std::optional<Gap> Delivery::set_utc_offset(std::int64_t boot_ns, const capture::UtcOffset& utc) {
  if (utc.step_ns == 0) {
    stamper_.drift(boot_ns, utc.offset_ns);
    return std::nullopt;
  }
  stamp();
  stamper_.set(boot_ns, utc.offset_ns);
  const auto new_ns = stamper_.to_utc(boot_ns);
  const auto old_ns = new_ns - utc.step_ns;
  const bool forwards = utc.step_ns > 0;
  items_.emplace_back(ClockStep{new_ns, utc.step_ns});
  Gap gap{std::nullopt,
          std::min(old_ns, new_ns),
          std::max(old_ns, new_ns),
          "clock",
          forwards ? "clock stepped forwards" : "clock stepped backwards",
          std::nullopt,
          (forwards ? "by " : "by -") + format_duration(std::abs(utc.step_ns))};
  items_.emplace_back(gap);
  stamped_ = items_.size();
  return gap;
}

void Delivery::stamp() {
  stamper_.stamp(std::span{items_}.subspan(stamped_));
  stamped_ = items_.size();
}

std::optional<Delivery::Loss> Delivery::flush(std::int64_t now_ns) {
  if (items_.empty()) {
    return std::nullopt;
  }
  stamp();
  stamped_ = 0;
  auto pushed = push_(std::exchange(items_, {}));
  items_ = std::move(pushed.spare);
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
  stamper_.stamp(known);
  return note_loss(push_(std::move(known)), now_ns);
}

std::optional<Delivery::Loss> Delivery::note_loss(store::PushResult pushed, std::int64_t now_ns) {
  if (pushed.dropped.empty()) {
    return std::nullopt;
  }
  Loss loss;
  std::int64_t lost = 0;
  const auto to_boot = [&](std::int64_t utc_ns) {
    return stamper_.timeline().to_boot(utc_ns, now_ns);
  };
  auto from_ns = now_ns;
  for (const auto& item : pushed.dropped) {
    if (const auto* const of = std::get_if<ConnectionEvents>(&item)) {
      for (const auto& event : of->events) {
        from_ns = std::min(from_ns, to_boot(event.at.at_ns));
        ++lost;
      }
      loss.events.push_back(*of);
    } else if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      from_ns = std::min(from_ns, to_boot(heartbeat->at_ns));
    }
  }
  lost_since_ns_ = std::min(lost_since_ns_.value_or(from_ns), from_ns);
  loss.gap = Gap{std::nullopt,
                 from_ns,
                 now_ns,
                 "writer",
                 std::move(pushed.why.reason),
                 lost,
                 std::move(pushed.why.detail)};
  return loss;
}

}  // namespace netlog::record

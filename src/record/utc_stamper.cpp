// SPDX-License-Identifier: MIT
#include "record/utc_stamper.hpp"

#include "model/event.hpp"
#include "model/recording.hpp"

#include <algorithm>
#include <variant>

namespace netlog::record {
namespace {

bool is_first(const Event& event) {
  return event.kind == EventKind::present || event.kind == EventKind::open;
}

}  // namespace

std::int64_t UtcStamper::to_utc(std::int64_t boot_ns) const {
  return timeline_.to_utc(boot_ns, timeline_.epoch());
}

void UtcStamper::stamp(std::span<store::Item> items) {
  for (const auto& item : items) {
    if (const auto* const of = std::get_if<ConnectionEvents>(&item)) {
      note_late_end(*of);
    }
  }
  struct Visitor {
    const UtcStamper& stamper;
    Epoch now = stamper.timeline_.epoch();

    void operator()(ConnectionEvents& of) const {
      for (auto& event : of.events) {
        stamp(event.at.at_ns);
      }
      stamper.stamp(of.connection, is_first(of.events.front()), now);
    }
    void operator()(store::Refresh& refresh) const {
      auto& connection = refresh.connection;
      const bool is_over = connection.gone && connection.closed;
      stamper.stamp(connection, false, is_over ? stamper.epoch_of_end(connection) : now);
    }
    void operator()(Process& process) const {
      stamp(process.started_ns);
      if (process.image_since_ns) {
        stamp(*process.image_since_ns);
      }
    }
    void operator()(store::ProcessEnded& ended) const { stamp(ended.at.at_ns); }
    void operator()(store::ExecutableHashed& /*hashed*/) const {}
    void operator()(ServiceName& /*service*/) const {}
    void operator()(Gap& gap) const {
      stamp(gap.from_ns);
      stamp(gap.to_ns);
    }
    void operator()(ClockStep& step) const { stamp(step.at_ns); }
    void operator()(Counters& counters) const { stamp(counters.at_ns); }
    void operator()(Coverage& coverage) const {
      stamp(coverage.from_ns);
      stamp(coverage.to_ns);
    }
    void operator()(Heartbeat& heartbeat) const { stamp(heartbeat.at_ns); }
    void operator()(store::Resumed& /*resumed*/) const {}
    void operator()(store::Resync& resync) const {
      stamp(resync.since_ns);
      stamp(resync.at_ns);
      for (auto& connection : resync.connections) {
        stamper.stamp(connection, false, now);
      }
    }
    void operator()(Lookup& lookup) const { stamp(lookup.at_ns); }
    void stamp(std::int64_t& at_ns) const { at_ns = stamper.to_utc(at_ns); }
  };
  const Visitor visitor{*this};
  for (auto& item : items) {
    std::visit(visitor, item);
  }
}

void UtcStamper::note_late_end(const ConnectionEvents& of) {
  const auto& closed = of.connection.closed;
  const auto epoch = timeline_.epoch();
  if (epoch == 0 || !closed || std::none_of(of.events.begin(), of.events.end(), reports_end) ||
      timeline_.epoch_at(closed->at_ns) == epoch) {
    return;
  }
  late_ends_[of.connection.id] = epoch;
  if (late_ends_.size() > kMaxLateEnds) {
    late_ends_.erase(late_ends_.begin());
  }
}

/// `is_new`: nothing of it was reported before. `seen_epoch`: whose clock shows when it was seen.
void UtcStamper::stamp(Connection& connection, bool is_new, Epoch seen_epoch) const {
  const auto stamp_opening = [&](std::int64_t& at_ns) {
    at_ns = is_new ? to_utc(at_ns) : timeline_.to_utc(at_ns);
  };
  stamp_opening(connection.first_seen_ns);
  if (connection.opened) {
    stamp_opening(connection.opened->at_ns);
  }
  if (connection.closed) {
    auto& at_ns = connection.closed->at_ns;
    at_ns = timeline_.to_utc(at_ns, epoch_of_end(connection));
  }
  connection.last_seen_ns = timeline_.to_utc(connection.last_seen_ns, seen_epoch);
}

UtcStamper::Epoch UtcStamper::epoch_of_end(const Connection& connection) const {
  const auto late = late_ends_.find(connection.id);
  return late != late_ends_.end() ? late->second : timeline_.epoch_at(connection.closed->at_ns);
}

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
// The tracker's part for what an earlier session has left open.
#include "track/bounds.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {

void Tracker::resume(const std::vector<Connection>& connections,
                     const Span& alive,
                     const Snapshot& shown_by) {
  for (const auto& connection : connections) {
    SocketRow row;
    row.tuple = connection.tuple;
    row.incarnation = connection.incarnation;
    row.state = connection.state;
    const auto identity = identity_of(row, connection.netns, shown_by.incarnation_is_unique);
    if (by_identity_.contains(identity)) {
      continue;
    }
    const auto index =
        create(identity, row, scope_index(connection.netns, table_of(connection.tuple)));
    --next_id_;  // it has a number
    auto& slot = slots_[index];
    slot.connection = connection;
    slot.announced = true;
    slot.seen = Span{std::max(alive.began_ns, connection.first_seen_ns),
                     std::max(alive.ended_ns, connection.first_seen_ns)};
    auto& owner = slot.connection.owner;
    if (connection.direction == Direction::listen) {
      listeners_.opened(
          connection.netns, connection.tuple.protocol, connection.tuple.local, connection.id);
      if (owner.process) {
        listeners_.owned(connection.netns,
                         connection.tuple.protocol,
                         connection.tuple.local,
                         connection.id,
                         *owner.process);
      }
    }
    // Nobody has looked since then: it is asked for again.
    if (owner.source == OwnerSource::exact) {
      owner.source = OwnerSource::last_seen;
    }
    count_held(owner, true);
    touch(index);
  }
  resumed_ns_ = alive.ended_ns;
  Snapshot then;
  then.netns = shown_by.netns;
  then.taken = alive;
  then.covers_time_wait = true;
  for (const auto table : kTableKinds) {
    remember(scopes_[scope_index(then.netns, table)], then);
  }
}

std::vector<Connection> Tracker::connections() const {
  std::vector<Connection> all;
  all.reserve(by_identity_.size());
  for (const auto& [identity, index] : by_identity_) {
    if (slots_[index].announced) {
      all.push_back(slots_[index].connection);
    }
  }
  return all;
}

}  // namespace netlog::track

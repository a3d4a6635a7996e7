// SPDX-License-Identifier: MIT
// The tracker's part for changes that the kernel tells as they happen.
#include "track/bounds.hpp"
#include "track/states.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

// TCP_TIMEWAIT_LEN (include/net/tcp.h), and a little.
constexpr std::int64_t kTimeWaitNs = 61'000'000'000;

}  // namespace

void Tracker::begin_trace() {
  tracing_ = true;
}

void Tracker::end_trace() {
  tracing_ = false;
  for (auto& slot : slots_) {
    slot.changed_ns = 0;  // from now on tables and notices tell
  }
}

void Tracker::apply(const Transition& transition) {
  const Identity identity{transition.netns, transition.row.incarnation, {}};
  const bool begins = transition.old_state == TcpState::closed;
  auto known = by_identity_.find(identity);
  if (known == by_identity_.end() && join_half_open(transition.row, identity)) {
    known = by_identity_.find(identity);
  }
  if (begins && known != by_identity_.end()) {
    const auto& slot = slots_[known->second];
    // The kernel shows a socket in its tables before it tells that it began.
    const bool read_before_told = slot.changed_ns == 0 &&
                                  slot.connection.tuple == transition.row.tuple &&
                                  slot.connection.state == transition.row.state;
    if (!read_before_told) {
      // A socket that is connected again.
      close(known->second, slot.gone.value_or(between(slot.seen.began_ns, transition.at_ns)));
      known = by_identity_.end();
    }
  }
  traced_ends_.erase(identity);
  if (known == by_identity_.end()) {
    open_traced(transition, identity);
  } else {
    advance(known->second, transition);
  }
}

void Tracker::open_traced(const Transition& transition, const Identity& identity) {
  const bool accepted =
      transition.direction == Direction::inbound && transition.old_state == TcpState::syn_received;
  const bool first = transition.old_state == TcpState::closed || accepted;
  // A connect that is over has been in SYN_SENT since it began.
  const bool connected = transition.direction == Direction::outbound && transition.begun_ns &&
                         transition.old_state == TcpState::syn_sent;
  const auto scope = scope_index(transition.netns, table_of(transition.row.tuple));
  auto row = transition.row;
  if (!first) {
    row.state = transition.old_state;  // what led there was lost
  }
  const auto index = create(identity, row, scope);
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  const auto& known_until = scopes_[scope].last;
  if (transition.begun_ns) {
    connection.opened = Moment{*transition.begun_ns, 0};
  } else if (known_until) {
    connection.opened = between(known_until->began_ns, transition.at_ns);
  }
  const auto opened = connection.opened.value_or(Moment{transition.at_ns, 0});
  connection.netns = transition.netns;
  connection.seen_by = SeenBy::trace;
  connection.first_seen_ns = opened.at_ns;
  connection.direction = transition.direction != Direction::unknown
                             ? transition.direction
                             : direction_of(row, transition.netns, true, opened.at_ns);
  slot.seen = {opened.at_ns, opened.at_ns};
  if (accepted) {
    completed_.put(Identity{transition.netns, 0, row.tuple}, transition.at_ns);
  }
  if (connection.direction == Direction::listen) {
    listeners_.opened(transition.netns, row.tuple.protocol, row.tuple.local, connection.id);
  }
  give_first_owner(index, row, HolderKeys::inodes, opened.at_ns);
  if (connection.owner.source == OwnerSource::unknown) {
    connection.owner.why = UnknownOwner::not_yet;
  }
  emit(index,
       connection.opened ? EventKind::open : EventKind::present,
       opened,
       std::nullopt,
       first || connected ? code(row.state) : std::nullopt);
  if (!first && !connected) {
    emit(index,
         EventKind::state,
         between(opened.at_ns, transition.at_ns),
         std::nullopt,
         code(row.state));
  }
  advance(index, transition);
}

/// The change itself, and what was lost before it.
void Tracker::advance(Index index, const Transition& transition) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  // Told in order; our clock can have been slowed meanwhile.
  const auto at_ns = std::max(transition.at_ns, slot.changed_ns);
  const auto known_ns = std::max(slot.changed_ns, slot.seen.began_ns);
  const auto state = *transition.row.state;
  if (connection.state != state && connection.state != transition.old_state) {
    enter(index, transition.old_state, between(known_ns, at_ns));
  }
  slot.changed_ns = at_ns;
  slot.seen = {at_ns, at_ns};
  connection.last_seen_ns = at_ns;
  connection.seen_by = connection.seen_by | SeenBy::trace;
  connection.metrics = transition.row.metrics.value_or(connection.metrics);
  connection.uid = transition.row.uid;
  take_caller(index, transition);
  touch(index);
  if (state == TcpState::closed) {
    end_traced(index, transition, known_ns);
  } else if (connection.state != state) {
    enter(index, state, Moment{at_ns, 0});
  }
}

void Tracker::end_traced(Index index, const Transition& transition, std::int64_t known_ns) {
  auto& slot = slots_[index];
  const Moment at{slot.changed_ns, 0};
  const auto& tuple = slot.connection.tuple;
  const auto netns = slot.connection.netns;
  slot.evidence.cause = transition.cause;
  slot.evidence.received_fin = slot.evidence.received_fin || transition.fin_received;
  const bool orderly = transition.cause == EndCause::none;
  if (orderly && slot.evidence.received_fin &&
      (transition.old_state == TcpState::fin_wait_2 || transition.old_state == TcpState::closing)) {
    return enter(index, TcpState::time_wait, at);
  }
  if (orderly && transition.old_state == TcpState::fin_wait_2 && transition.orphan) {
    slot.gone = at;
    slot.evidence.rest = true;
    set_phase(index, Mark::Phase::ending);
    orphaned_fin_wait2_[Identity{netns, 0, tuple}] = index;
    return;
  }
  traced_ends_.put(slot.identity, at.at_ns);
  const auto peer = seen_by_peer(tuple);
  close(index, at);
  if (slot.connection.owner.source != OwnerSource::exact) {
    remember_closed(slot);  // who lets go of it tells the owner
  }
  const auto rest =
      orderly ? orphaned_fin_wait2_.find(Identity{netns, 0, peer}) : orphaned_fin_wait2_.end();
  if (rest != orphaned_fin_wait2_.end()) {
    finish_rest(rest->second, transition.old_state, between(known_ns, at.at_ns));
  }
}

/// What is left of a socket in FIN_WAIT_2 has a peer on this host, which has left this state within
/// this time: our last ACK came from TIME_WAIT, or our RST has ended it.
void Tracker::finish_rest(Index index, TcpState peer_state, const Moment& at) {
  auto& slot = slots_[index];
  const auto ended = slot.gone;
  orphaned_fin_wait2_.erase(Identity{slot.connection.netns, 0, slot.connection.tuple});
  if (marks_[index].phase != Mark::Phase::ending || !ended) {
    return;
  }
  if (peer_state == TcpState::last_ack) {
    enter(index, TcpState::time_wait, both(at, between(ended->at_ns, at.at_ns)));
    slot.changed_ns = at.at_ns;
    slot.seen = {at.at_ns, at.at_ns};
    slot.connection.closed = ended;
    touch(index);
  } else {
    slot.evidence.cause = EndCause::reset;
    traced_ends_.put(slot.identity, at.at_ns);
    close(index, *ended);
  }
}

void Tracker::take_caller(Index index, const Transition& transition) {
  if (!transition.caller) {
    return;
  }
  const auto& connection = slots_[index].connection;
  // Of those who inherited a listener the last to let go is not the one who used it.
  const bool parting = connection.direction == Direction::listen &&
                       transition.row.state == TcpState::closed && connection.owner.process;
  if (!parting) {
    const auto& holder = transition.caller->id;
    const Moment at{transition.at_ns, 0};
    set_owner(index, Owner{holder, OwnerSource::exact, {}}, at);
    drop_question(index);
    learn_holder(index, holder);
  }
}

void Tracker::apply(const LastCloser& owner) {
  const Identity identity{owner.netns, owner.incarnation, {}};
  if (auto* const buried = recently_closed_.find(identity)) {
    buried->connection.owner = Owner{owner.caller.id, OwnerSource::exact, {}};
    late_.push_back(buried->connection);
    recently_closed_.erase(identity);
  }
}

void Tracker::apply(const UdpSocketCreated& birth) {
  births_.put(Identity{birth.netns, birth.incarnation, {}}, birth);
}

/// Whether the trace may have told of what a table that was read in this time does not show yet.
bool Tracker::may_be_newer(const Slot& slot, const Snapshot& snapshot) {
  return slot.changed_ns != 0 && slot.changed_ns + kTellNs >= snapshot.taken.began_ns;
}

void Tracker::expire(std::int64_t now_ns) {
  const auto is_unread = [&](const Scope& scope) {
    return !scope.last || scope.last->ended_ns + kTimeWaitNs < now_ns;
  };
  if (std::none_of(scopes_.begin(), scopes_.end(), is_unread)) {
    return;
  }
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& mark = marks_[index];
    const bool over = mark.phase == Mark::Phase::time_wait || mark.phase == Mark::Phase::ending;
    if (!over || !is_unread(scopes_[mark.scope])) {
      continue;
    }
    const auto& slot = slots_[index];
    if (slot.seen.ended_ns + kTimeWaitNs < now_ns) {
      close(index, slot.gone.value_or(between(slot.seen.began_ns, now_ns)));
    }
  }
}

AuditMisses Tracker::take_audit_misses() {
  return std::exchange(audit_misses_, {});
}

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
// The tracker's part for the life of a connection, whoever tells of it: from its slot's making to
// its last event.
#include "track/bounds.hpp"
#include "track/states.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * kOdd;
  return hash ^ (hash >> 32U);
}

}  // namespace

std::size_t IdentityHash::operator()(const Identity& identity) const {
  auto hash = mix(mix(0, identity.netns), identity.incarnation);
  if (identity.tuple.local.port != 0 || identity.tuple.remote.port != 0) {
    hash = mix(mix(hash, hash_value(identity.tuple.local)), hash_value(identity.tuple.remote));
  }
  return static_cast<std::size_t>(hash);
}

std::size_t ProcessIdHash::operator()(const ProcessId& process) const {
  return static_cast<std::size_t>(mix(mix(0, process.pid), process.start));
}

void Tracker::begin_namespace(std::uint64_t netns, std::int64_t at_ns) {
  Snapshot nothing;
  nothing.netns = netns;
  nothing.taken = Span{at_ns, at_ns};
  for (const auto table : kTableKinds) {
    remember(scopes_[scope_index(netns, table)], nothing);
  }
}

void Tracker::end_namespace(std::uint64_t netns, const Moment& at) {
  for (Index index = 0; index < slots_.size(); ++index) {
    const auto& slot = slots_[index];
    // What is traced goes on without a process to hold it, and is told.
    const bool to_be_told = slot.changed_ns != 0 && marks_[index].phase == Mark::Phase::active;
    if (marks_[index].phase != Mark::Phase::free && !slot.closed && !to_be_told &&
        slot.connection.netns == netns) {
      close(index, slot.gone.value_or(between(slot.seen.began_ns, at.at_ns)));
    }
  }
  for (auto& scope : scopes_) {
    if (scope.netns == netns) {
      scope.first.reset();
      scope.last.reset();
      scope.last_whole.reset();
      scope.recent.clear();
    }
  }
  remainders_.erase(netns);
  announced_.erase(netns);
}

std::vector<Event> Tracker::take_events() {
  std::vector<Event> events;
  events.reserve(pending_.size());
  take_events([&](const Event& event) { events.push_back(event); });
  return events;
}

void Tracker::take_events(const std::function<void(const Event&)>& take) {
  for (const auto& pending : pending_) {
    auto& slot = slots_[pending.slot];
    take(Event{pending.kind,
               pending.at,
               pending.old_code,
               pending.new_code,
               pending.old_owner,
               slot.connection,
               slot.brought});
    slot.announced = true;
    slot.brought = true;
    slot.dirty = false;
  }
  for (const auto& pending : pending_) {
    slots_[pending.slot].brought = false;
    if (pending.kind == EventKind::close) {
      release(pending.slot);
    }
  }
  pending_.clear();
}

std::vector<Connection> Tracker::take_refreshes() {
  auto connections = std::exchange(late_, {});
  for (const auto index : std::exchange(dirty_, {})) {
    auto& slot = slots_[index];
    // A slot can have been freed, and used again, since it was marked.
    if (slot.dirty && slot.announced) {
      slot.dirty = false;
      connections.push_back(slot.connection);
    }
  }
  return connections;
}

std::size_t Tracker::time_wait_connections() const {
  std::size_t total = 0;
  for (const auto& scope : scopes_) {
    total += scope.time_wait;
  }
  return total;
}

Tracker::Index Tracker::create(const Identity& identity,
                               const SocketRow& row,
                               std::uint32_t scope) {
  Index index = 0;
  if (free_.empty()) {
    index = static_cast<Index>(slots_.size());
    slots_.emplace_back();
    marks_.emplace_back();
  } else {
    index = free_.back();
    free_.pop_back();
    slots_[index] = Slot{};
  }
  marks_[index] = Mark{epoch_, scope, Mark::Phase::free};
  auto& slot = slots_[index];
  slot.identity = identity;
  slot.connection.id = next_id_++;
  slot.connection.tuple = row.tuple;
  slot.connection.state = row.state;
  slot.connection.offload = row.offload;
  slot.connection.uid = row.uid;
  slot.connection.module = row.module;
  slot.connection.incarnation = row.incarnation;
  slot.connection.metrics = row.metrics.value_or(Metrics{});
  if (row.state) {
    slot.evidence.add(*row.state);
  }
  by_identity_.emplace(identity, index);
  if (row.state == TcpState::syn_received) {
    half_open_[Identity{identity.netns, 0, row.tuple}] = index;
  }
  set_phase(index, row.state == TcpState::time_wait ? Mark::Phase::time_wait : Mark::Phase::active);
  return index;
}

void Tracker::set_phase(Index index, Mark::Phase phase) {
  auto& mark = marks_[index];
  auto& scope = scopes_[mark.scope];
  const auto count = [&](Mark::Phase of) -> std::size_t* {
    switch (of) {
      case Mark::Phase::active:
        return &scope.active;
      case Mark::Phase::ending:
        return &scope.ending;
      case Mark::Phase::time_wait:
        return &scope.time_wait;
      case Mark::Phase::free:
        break;
    }
    return nullptr;
  };
  if (auto* const before = count(mark.phase)) {
    --*before;
  }
  mark.phase = phase;
  if (auto* const after = count(phase)) {
    ++*after;
  }
}

void Tracker::release(Index index) {
  slots_[index].dirty = false;
  slots_[index].closed = false;
  free_.push_back(index);
}

void Tracker::emit(Index index,
                   EventKind kind,
                   const Moment& at,
                   std::optional<std::uint8_t> old_code,
                   std::optional<std::uint8_t> new_code) {
  pending_.push_back(Pending{kind, at, old_code, new_code, std::nullopt, index});
}

void Tracker::touch(Index index) {
  auto& slot = slots_[index];
  if (!slot.dirty) {
    slot.dirty = true;
    dirty_.push_back(index);
  }
}

void Tracker::set_outcome(Connection& connection, const Evidence& evidence) {
  const auto verdict = classify_outcome(connection, evidence);
  connection.outcome = verdict.outcome;
  connection.outcome_why = verdict.why;
  connection.syns = verdict.syns;
  // Where we closed first the announcement may have come before the peer's FIN.
  auto& received = connection.metrics.bytes_received;
  if (evidence.delivery && !evidence.disconnected && !evidence.finished && fin_received(evidence) &&
      received.value_or(0) > 0) {
    --*received;
  }
}

void Tracker::enter(Index index, TcpState state, const Moment& at) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  emit(index, EventKind::state, at, code(connection.state), code(std::optional{state}));
  if (connection.state == TcpState::syn_received) {
    half_open_.erase(Identity{connection.netns, 0, connection.tuple});
  }
  connection.state = state;
  slot.evidence.add(state);
  if (state == TcpState::time_wait) {
    connection.closed = at;
    set_outcome(connection, slot.evidence);
  }
  slot.gone.reset();
  set_phase(index, state == TcpState::time_wait ? Mark::Phase::time_wait : Mark::Phase::active);
}

void Tracker::close(Index index, const Moment& at) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  const bool tcp = connection.tuple.protocol == Protocol::tcp;
  emit(index,
       EventKind::close,
       at,
       code(connection.state),
       tcp ? code(std::optional{TcpState::closed}) : std::nullopt);
  if (connection.direction == Direction::listen) {
    listeners_.closed(connection.netns,
                      connection.tuple.protocol,
                      connection.tuple.local,
                      connection.id,
                      at.at_ns);
  }
  if (connection.outcome == Outcome::open) {
    connection.closed = at;
    set_outcome(connection, slot.evidence);
  }
  connection.gone = true;
  const bool to_be_announced = connection.state != TcpState::time_wait && !slot.evidence.noticed &&
                               notice_delay_ns(connection).has_value();
  if (tcp) {
    connection.state = TcpState::closed;
  }
  if (to_be_announced) {
    remember_closed(slot);
  }
  if (slot.holder_key != 0) {
    released_sockets_.push_back(slot.holder_key);
  }
  count_held(connection.owner, false);
  const auto half_open = half_open_.find(Identity{connection.netns, 0, connection.tuple});
  if (half_open != half_open_.end() && half_open->second == index) {
    half_open_.erase(half_open);
  }
  const auto rest = orphaned_fin_wait2_.find(Identity{connection.netns, 0, connection.tuple});
  if (rest != orphaned_fin_wait2_.end() && rest->second == index) {
    orphaned_fin_wait2_.erase(rest);
  }
  slot.closed = true;
  drop_question(index);
  by_identity_.erase(slot.identity);
  set_phase(index, Mark::Phase::free);
}

}  // namespace netlog::track

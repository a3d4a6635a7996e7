// SPDX-License-Identifier: MIT
#include "track/tracker.hpp"

#include "track/bounds.hpp"
#include "track/states.hpp"

#include <algorithm>
#include <array>
#include <cassert>
#include <iterator>
#include <utility>

namespace netlog::track {
namespace {

constexpr std::uint64_t kOdd = 0x9E3779B97F4A7C15U;

std::uint64_t mix(std::uint64_t hash, std::uint64_t value) {
  hash = (hash ^ value) * kOdd;
  return hash ^ (hash >> 32U);
}

// How many snapshots of a table are remembered.
constexpr std::size_t kMostRecent = 64;

// No dump takes longer.
constexpr std::int64_t kStaleNs = 5'000'000'000;

// A notice is not later than this, also where the kernel's workers and we have to wait.
constexpr std::int64_t kRemainderNs = 1'000'000'000;

bool listens(const SocketRow& row) {
  return row.state == TcpState::listen ||
         (row.tuple.protocol == Protocol::udp && row.tuple.remote.port == 0);
}

// What the kernel keeps of a socket that nobody holds any more: TIME_WAIT, and before it
// FIN_WAIT_2.
bool is_remainder(const SocketRow& row) {
  return row.state == TcpState::time_wait ||
         (row.state == TcpState::fin_wait_2 && row.holder_key == 0);
}

}  // namespace

Identity identity_of(const SocketRow& row, std::uint64_t netns, bool incarnation_is_unique) {
  return {netns, row.incarnation, incarnation_is_unique ? FiveTuple{} : row.tuple};
}

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

void Tracker::apply(const Snapshot& snapshot) {
  ++epoch_;
  ending_by_tuple_.clear();
  missing_by_tuple_.reset();
  if (snapshot.covers_time_wait) {
    auto& remainders = remainders_[snapshot.netns];
    if (snapshot.taken.began_ns - remainders.begun_ns >= kRemainderNs) {
      remainders.older = std::exchange(remainders.fresh, {});
      remainders.begun_ns = snapshot.taken.began_ns;
    }
  }
  std::vector<TableScope> tables;
  for (const auto table : kTableKinds) {
    if ((snapshot.tables & table_bit(table)) != 0) {
      const auto scope = scope_index(snapshot.netns, table);
      tables.push_back({scope, expected(scope, snapshot.covers_time_wait)});
    }
  }
  auto fresh = see_rows(snapshot, tables);
  // Listeners first: they tell which of the others were accepted, also of those that are over.
  const auto others = std::stable_partition(
      fresh.begin(), fresh.end(), [](const auto& entry) { return listens(*entry.row); });
  std::for_each(fresh.begin(), others, [&](const auto& entry) {
    open_from(*entry.row, snapshot, entry.identity);
  });
  if (others != fresh.begin()) {
    reconsider_directions(snapshot);
  }
  if (snapshot.covers_time_wait) {
    settle_doubts(snapshot);
  }
  // Before the missing are looked for: such a row is the rest of one of them.
  const auto unknown = std::remove_if(others, fresh.end(), [&](const auto& entry) {
    if (is_remainder(*entry.row)) {
      return adopt_remainder(*entry.row, snapshot, entry.identity);
    }
    return join_half_open(*entry.row, entry.identity) &&
           see(by_identity_.at(entry.identity), *entry.row, snapshot);
  });
  for (const auto& table : tables) {
    if (table.missing > 0) {
      find_missing(snapshot, table.scope);
    }
  }
  std::for_each(
      others, unknown, [&](const auto& entry) { open_from(*entry.row, snapshot, entry.identity); });
  for (const auto& table : tables) {
    remember(scopes_[table.scope], snapshot);
  }
  // Long enough for a notice of what it accepted to arrive.
  constexpr std::int64_t kRememberNs = 60'000'000'000;
  listeners_.forget_closed_before(snapshot.taken.began_ns - kRememberNs);
  const auto stale_ns = snapshot.taken.began_ns - kStaleNs;
  const auto is_stale = [&](std::int64_t told_ns) { return told_ns < stale_ns; };
  traced_ends_.forget_while(is_stale);
  completed_.forget_while(is_stale);
}

/// The kernel walks its tables in the same order every time: what follows is what followed.
std::optional<Tracker::Index> Tracker::find_after(std::optional<Index> before,
                                                  const Identity& identity) const {
  if (before) {
    const auto next = marks_[*before].next;
    if (marks_[next].phase != Mark::Phase::free && slots_[next].identity == identity) {
      return next;
    }
  }
  const auto known = by_identity_.find(identity);
  return known == by_identity_.end() ? std::nullopt : std::optional{known->second};
}

/// Updates what is known; returns what is not.
std::vector<Tracker::FreshRow> Tracker::see_rows(const Snapshot& snapshot,
                                                 std::vector<TableScope>& tables) {
  std::vector<FreshRow> fresh;
  std::optional<Index> last;
  for (const auto& row : snapshot.rows) {
    const auto identity = identity_of(row, snapshot.netns, snapshot.incarnation_is_unique);
    const auto known = find_after(last, identity);
    if (!known) {
      if (!is_over(row, identity, snapshot)) {
        fresh.push_back({&row, identity});
      }
      continue;
    }
    const auto index = *known;
    if (last) {
      marks_[*last].next = index;
    }
    last = index;
    auto& mark = marks_[index];
    const bool counted =
        mark.epoch != epoch_ && (snapshot.covers_time_wait || mark.phase == Mark::Phase::active);
    const auto table = std::find_if(tables.begin(), tables.end(), [&](const TableScope& entry) {
      return entry.scope == mark.scope;
    });
    if (counted && table != tables.end()) {
      --table->missing;
    }
    mark.epoch = epoch_;
    if (!see(index, row, snapshot)) {
      fresh.push_back({&row, identity});
    }
  }
  return fresh;
}

/// A row of a socket whose end was told: read before that, or what the kernel keeps of a socket
/// that this table's last walk had missed. Or of a handshake that was told to be complete.
bool Tracker::is_over(const SocketRow& row, const Identity& identity, const Snapshot& snapshot) {
  if (row.state == TcpState::syn_received) {
    const auto* const told_ns = completed_.find(Identity{identity.netns, 0, row.tuple});
    if (told_ns != nullptr && snapshot.taken.began_ns <= *told_ns + kTellNs) {
      return true;
    }
  }
  auto* const ended_ns = traced_ends_.find(identity);
  if (ended_ns == nullptr) {
    return false;
  }
  if (is_remainder(row)) {
    *ended_ns = std::max(*ended_ns, snapshot.taken.ended_ns);
    return true;
  }
  return snapshot.taken.began_ns <= *ended_ns + kTellNs;
}

void Tracker::remember(Scope& scope, const Snapshot& snapshot) {
  scope.first = scope.first.value_or(snapshot.taken);
  scope.last = snapshot.taken;
  scope.recent.push_back(snapshot.taken);
  if (scope.recent.size() > kMostRecent) {
    scope.recent.pop_front();
  }
  if (snapshot.covers_time_wait) {
    scope.last_whole = snapshot.taken;
  }
}

void Tracker::follow_clock(std::int64_t step_ns) {
  const auto shift = [&](Span& span) {
    span.began_ns += step_ns;
    span.ended_ns += step_ns;
  };
  const auto shift_known = [&](std::optional<Span>& span) {
    if (span) {
      shift(*span);
    }
  };
  for (auto& slot : slots_) {
    shift(slot.seen);
    slot.connection.last_seen_ns += step_ns;
    if (slot.gone) {
      slot.gone->at_ns += step_ns;
    }
    for (auto* const known_ns : {&slot.changed_ns, &slot.held_ns, &slot.doubted_ns}) {
      *known_ns += *known_ns == 0 ? 0 : step_ns;
    }
  }
  // What was told is soon forgotten; a clock that jumps makes it so at once.
  traced_ends_.clear();
  completed_.clear();
  births_.clear();
  for (auto& scope : scopes_) {
    shift_known(scope.first);
    shift_known(scope.last);
    shift_known(scope.last_whole);
    for (auto& span : scope.recent) {
      shift(span);
    }
  }
  for (auto& [netns, remainders] : remainders_) {
    remainders.begun_ns += step_ns;
  }
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
  for (const auto& pending : pending_) {
    auto& slot = slots_[pending.slot];
    events.push_back(Event{pending.kind,
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
  return events;
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

std::uint32_t Tracker::scope_index(std::uint64_t netns, TableKind table) {
  for (std::uint32_t i = 0; i < scopes_.size(); ++i) {
    if (scopes_[i].netns == netns && scopes_[i].table == table) {
      return i;
    }
  }
  auto& scope = scopes_.emplace_back();
  scope.netns = netns;
  scope.table = table;
  return static_cast<std::uint32_t>(scopes_.size() - 1);
}

std::size_t Tracker::expected(std::uint32_t scope, bool covers_time_wait) const {
  const auto& members = scopes_[scope];
  return members.active + (covers_time_wait ? members.time_wait + members.ending : 0);
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

/// False when the row is another use of the same identity: what was known has been closed, the row
/// is new.
bool Tracker::see(Index index, const SocketRow& row, const Snapshot& snapshot) {
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  const auto at = between(slot.seen.began_ns, snapshot.taken.ended_ns);
  // Read before the kernel announced the end, delivered after it.
  const bool stale =
      slot.evidence.noticed && slot.gone && snapshot.taken.began_ns < slot.gone->at_ns;
  if (stale) {
    return true;
  }
  if (may_be_newer(slot, snapshot)) {
    return true;
  }
  const bool other_use =
      connection.tuple != row.tuple ||
      (slot.holder_key != 0 && row.holder_key != 0 && slot.holder_key != row.holder_key);
  if (other_use) {
    close(index, slot.gone.value_or(at));
    return false;
  }
  connection.seen_by = connection.seen_by | SeenBy::snapshot;
  connection.last_seen_ns = snapshot.taken.ended_ns;
  const bool traced = slot.changed_ns != 0;
  if (row.state && row.state != connection.state) {
    if (traced && !slot.gone) {
      ++disagreements_.states;
    }
    const auto ended = std::exchange(slot.gone, std::nullopt);
    if (ended && row.state == TcpState::time_wait) {
      // What a notice ended may have been in TIME_WAIT since then; the rest of a traced socket came
      // there later, but its process was done with it.
      enter(index, *row.state, traced ? between(ended->at_ns, at.at_ns) : *ended);
      connection.closed = ended;
    } else {
      enter(index, *row.state, at);
    }
  } else if (slot.gone && !traced && row.state != TcpState::time_wait) {
    // Still there although it was missed or announced dead: FIN_WAIT_2 goes on as a timewait
    // minisock.
    slot.gone.reset();
    set_phase(index, Mark::Phase::active);
  }
  slot.seen = snapshot.taken;
  update_descriptor(index, row);
  doubt_holder(index, snapshot.taken.ended_ns);
  update_offload(index, row, at);
  update_metrics(index, row);
  return true;
}

void Tracker::open_from(const SocketRow& row, const Snapshot& snapshot, const Identity& identity) {
  if (by_identity_.contains(identity)) {
    return;  // listed twice in one dump, it moved while the kernel walked
  }
  const auto scope = scope_index(snapshot.netns, table_of(row.tuple));
  // A TIME_WAIT row can have begun and ended unseen since TIME_WAIT was last shown.
  const auto before =
      row.state == TcpState::time_wait ? scopes_[scope].last_whole : scopes_[scope].last;
  const auto alive_after_ns = before ? before->began_ns : 0;
  const auto index = create(identity, row, scope);
  auto& slot = slots_[index];
  auto& connection = slot.connection;
  slot.seen = snapshot.taken;
  slot.holder_key = row.holder_key;
  connection.netns = snapshot.netns;
  connection.seen_by = SeenBy::snapshot;
  connection.first_seen_ns = snapshot.taken.ended_ns;
  connection.last_seen_ns = snapshot.taken.ended_ns;
  connection.direction = direction_of(row, snapshot.netns, !before, alive_after_ns);
  auto at = between(before ? before->began_ns : snapshot.taken.began_ns, snapshot.taken.ended_ns);
  const auto* const birth = births_.find(identity);
  if (birth != nullptr) {
    at = between(std::max(birth->at_ns, at.at_ns - at.error_ns), at.at_ns);
  }
  if (before || birth != nullptr) {
    connection.opened = at;
  }
  // A handshake of a peer is never told, a connect not by every trace.
  const bool half_open = row.state == TcpState::syn_received || row.state == TcpState::syn_sent;
  const bool looked = before && before->ended_ns > resumed_ns_;
  if (tracing_ && looked && row.tuple.protocol == Protocol::tcp && !half_open) {
    ++disagreements_.opens;
  }
  if (is_remainder(row)) {
    remainders_[snapshot.netns].fresh.emplace(Identity{snapshot.netns, 0, row.tuple}, index);
  }
  if (row.state == TcpState::time_wait) {
    connection.closed = connection.opened;
    conclude(connection, slot.evidence);
  }
  if (connection.direction == Direction::listen) {
    listeners_.opened(snapshot.netns, row.tuple.protocol, row.tuple.local, connection.id);
  }
  give_first_owner(index, row, snapshot.keys, alive_after_ns);
  emit(index,
       connection.opened ? EventKind::open : EventKind::present,
       at,
       std::nullopt,
       code(row.state));
  if (row.offload && row.offload != Offload::in_host) {
    emit(index, EventKind::offload, at, std::nullopt, code(row.offload));
  }
}

void Tracker::find_missing(const Snapshot& snapshot, std::uint32_t scope) {
  for (Index index = 0; index < marks_.size(); ++index) {
    const auto& mark = marks_[index];
    if (mark.scope != scope || mark.epoch == epoch_ || mark.phase == Mark::Phase::free) {
      continue;
    }
    if (mark.phase == Mark::Phase::active || snapshot.covers_time_wait) {
      miss(index, snapshot);
    }
  }
}

void Tracker::miss(Index index, const Snapshot& snapshot) {
  auto& slot = slots_[index];
  if (may_be_newer(slot, snapshot)) {
    return;
  }
  if (slot.changed_ns != 0) {
    disagreements_.ends += marks_[index].phase == Mark::Phase::active ? 1 : 0;
    traced_ends_.put(slot.identity, snapshot.taken.ended_ns);
  }
  // A dump that began before the announced end proves nothing about what follows it.
  if (slot.evidence.noticed && slot.gone && snapshot.taken.began_ns < slot.gone->at_ns) {
    return;
  }
  const auto left = slot.gone.value_or(between(slot.seen.began_ns, snapshot.taken.ended_ns));
  const bool in_time_wait_perhaps =
      !snapshot.covers_time_wait && may_enter_time_wait(slot.connection);
  if (in_time_wait_perhaps || awaits_notice(slot, left, snapshot)) {
    slot.gone = left;
    set_phase(index, Mark::Phase::ending);
  } else {
    close(index, left);
  }
}

void Tracker::conclude(Connection& connection, const Evidence& evidence) {
  const auto verdict = judge(connection, evidence);
  connection.outcome = verdict.outcome;
  connection.outcome_why = verdict.why;
  connection.syns = verdict.syns;
  // Where we closed first the announcement may have come before the peer's FIN.
  auto& received = connection.metrics.bytes_received;
  if (evidence.delivery && !evidence.wiped && !evidence.finished && fin_received(evidence) &&
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
    conclude(connection, slot.evidence);
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
    conclude(connection, slot.evidence);
  }
  connection.gone = true;
  const bool to_be_announced = connection.state != TcpState::time_wait && !slot.evidence.noticed &&
                               notice_delay_ns(connection).has_value();
  if (tcp) {
    connection.state = TcpState::closed;
  }
  if (to_be_announced) {
    bury(slot);
  }
  if (slot.holder_key != 0) {
    vacated_.push_back(slot.holder_key);
  }
  count_held(connection.owner, false);
  const auto half_open = half_open_.find(Identity{connection.netns, 0, connection.tuple});
  if (half_open != half_open_.end() && half_open->second == index) {
    half_open_.erase(half_open);
  }
  const auto rest = rests_.find(Identity{connection.netns, 0, connection.tuple});
  if (rest != rests_.end() && rest->second == index) {
    rests_.erase(rest);
  }
  slot.closed = true;
  drop_question(index);
  by_identity_.erase(slot.identity);
  set_phase(index, Mark::Phase::free);
}

void Tracker::update_offload(Index index, const SocketRow& row, const Moment& at) {
  auto& connection = slots_[index].connection;
  if (!row.offload || row.offload == connection.offload) {
    return;
  }
  const bool first_reading = !connection.offload && row.offload == Offload::in_host;
  if (!first_reading) {
    emit(index, EventKind::offload, at, code(connection.offload), code(row.offload));
  }
  connection.offload = row.offload;
  touch(index);
}

void Tracker::update_metrics(Index index, const SocketRow& row) {
  auto& connection = slots_[index].connection;
  if (row.metrics && *row.metrics != connection.metrics) {
    connection.metrics = *row.metrics;
    touch(index);
  }
}

Direction Tracker::direction_of(const SocketRow& row,
                                std::uint64_t netns,
                                bool present,
                                std::int64_t alive_after_ns) const {
  if (listens(row)) {
    return Direction::listen;
  }
  if (row.state == TcpState::syn_sent) {
    return Direction::outbound;
  }
  const bool accepted =
      row.state == TcpState::syn_received ||
      listeners_.accepting(netns, row.tuple.protocol, row.tuple.local, alive_after_ns).has_value();
  if (accepted) {
    return Direction::inbound;
  }
  // Its listener may have closed before we came.
  return present ? Direction::unknown : Direction::outbound;
}

}  // namespace netlog::track

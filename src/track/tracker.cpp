// SPDX-License-Identifier: MIT
// The tracker's part for snapshots: what a table shows, and what it lacks.
#include "track/tracker.hpp"

#include "track/bounds.hpp"
#include "track/states.hpp"

#include <algorithm>
#include <utility>

namespace netlog::track {
namespace {

// How many snapshots of a table are remembered.
constexpr std::size_t kMaxRecent = 64;

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
  TableScopes tables;
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
    confirm_close_from_local_peer(snapshot);
  }
  // Before the missing are looked for: such a row is the rest of one of them.
  const auto unknown = std::remove_if(others, fresh.end(), [&](const auto& entry) {
    if (is_remainder(*entry.row)) {
      return match_minisock(*entry.row, snapshot, entry.identity);
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
std::vector<Tracker::FreshRow> Tracker::see_rows(const Snapshot& snapshot, TableScopes& tables) {
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
  if (scope.recent.size() > kMaxRecent) {
    scope.recent.pop_front();
  }
  if (snapshot.covers_time_wait) {
    scope.last_whole = snapshot.taken;
  }
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
      ++audit_misses_.states;
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
  recheck_listener_owner(index, snapshot.taken.ended_ns);
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
    ++audit_misses_.opens;
  }
  if (is_remainder(row)) {
    remainders_[snapshot.netns].fresh.emplace(Identity{snapshot.netns, 0, row.tuple}, index);
  }
  if (row.state == TcpState::time_wait) {
    connection.closed = connection.opened;
    set_outcome(connection, slot.evidence);
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
    audit_misses_.ends += marks_[index].phase == Mark::Phase::active ? 1 : 0;
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

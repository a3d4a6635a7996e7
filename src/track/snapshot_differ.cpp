// SPDX-License-Identifier: MIT
#include "track/snapshot_differ.hpp"

#include "track/socket_rules.hpp"
#include "track/time_bounds.hpp"
#include "util/filetime.hpp"

#include <algorithm>
#include <optional>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {
namespace {

// Long enough for a notice of what a listener accepted to arrive.
constexpr std::int64_t kKeepClosedListenersNs = 60'000'000'000;

/// Before this the socket of the row was not there, boot-clock ns. Absent: its row does not say.
std::optional<std::int64_t> created_after(const SocketRow& row, const Snapshot& snapshot) {
  const bool has_timestamp = row.incarnation != 0 && row.incarnation != row.holder_key;
  if (!snapshot.created_offset_ns || !has_timestamp) {
    return std::nullopt;
  }
  const auto created_ns = utc_ns_of(row.incarnation) - *snapshot.created_offset_ns;
  // A time that is still to come says nothing.
  return created_ns < snapshot.taken.ended_ns ? std::optional{created_ns} : std::nullopt;
}

/// A snapshot that began before the noticed end proves nothing about what follows the end.
bool precedes_noticed_end(const Entry& entry, const Snapshot& snapshot) {
  return entry.evidence.noticed && entry.left && snapshot.taken.began_ns < entry.left->at_ns;
}

}  // namespace

void SnapshotDiffer::apply(const Snapshot& snapshot) {
  table_.begin_sweep();
  aliases_.begin_snapshot();
  auto unseen = count_expected(snapshot);
  auto rows = see_rows(snapshot, unseen);
  drop_answered_handshakes(rows, snapshot);
  // Listeners first: they show which of the others were accepted, also of those that have ended.
  const auto others = std::stable_partition(
      rows.begin(), rows.end(), [](const NewRow& entry) { return listens(*entry.row); });
  std::for_each(rows.begin(), others, [&](const NewRow& entry) { open(entry, snapshot); });
  if (others != rows.begin()) {
    reconsider_directions(snapshot);
  }
  if (snapshot.covers_time_wait) {
    confirm_close_from_local_peer(snapshot);
  }
  // Before the missing ones are closed: some rows continue one of them.
  const auto unknown = std::remove_if(
      others, rows.end(), [&](const NewRow& entry) { return see_alias(entry, snapshot); });
  for (auto& table : unseen) {
    if (table.count > 0) {
      table_.for_each_unseen(table.scope, [&](Index index) {
        if (table_.phase(index) == Phase::active || snapshot.covers_time_wait) {
          close_missing(index, snapshot);
        }
        if (table_.phase(index) == Phase::ending && !snapshot.covers_time_wait &&
            trace_.is_tracing() && note_lack(index, snapshot)) {
          table.awaits_time_wait = true;
        }
      });
    }
  }
  std::for_each(others, unknown, [&](const NewRow& entry) { open(entry, snapshot); });
  for (const auto& table : unseen) {
    polls_.add(table.scope, snapshot.taken, snapshot.covers_time_wait, table.awaits_time_wait);
  }
  listeners_.forget_closed_before(snapshot.taken.began_ns - kKeepClosedListenersNs);
  trace_.forget_before(snapshot.taken.began_ns);
  // Where changes are traced, tables with TIME_WAIT rows are rare.
  aliases_.forget_before(snapshot.taken.began_ns -
                         (trace_.is_tracing() ? TraceHistory::kMinisockNs : 0));
}

SnapshotDiffer::UnseenCounts SnapshotDiffer::count_expected(const Snapshot& snapshot) {
  UnseenCounts unseen;
  for (const auto table : kTableKinds) {
    if ((snapshot.tables & table_bit(table)) != 0) {
      const auto scope = table_.scope(snapshot.netns, table);
      const auto& members = table_.members(scope);
      unseen.push_back({scope,
                        members.active +
                            (is_expected(Phase::ending, snapshot) ? members.ending : 0) +
                            (is_expected(Phase::time_wait, snapshot) ? members.time_wait : 0),
                        false});
    }
  }
  return unseen;
}

/// Tables without TIME_WAIT rows show who has not come there yet. That is asked only where tables
/// with them are rare.
bool SnapshotDiffer::is_expected(Phase phase, const Snapshot& snapshot) const {
  return phase == Phase::active || snapshot.covers_time_wait ||
         (phase == Phase::ending && trace_.is_tracing());
}

/// Updates the connections that are known. @return the rows of those that are not
std::vector<SnapshotDiffer::NewRow> SnapshotDiffer::see_rows(const Snapshot& snapshot,
                                                             UnseenCounts& unseen) {
  std::vector<NewRow> rows;
  std::optional<Index> last;
  for (const auto& row : snapshot.rows) {
    const auto identity = identity_of(row, snapshot.netns, snapshot.incarnation_is_unique);
    const auto known = table_.find_after(last, identity);
    if (!known) {
      if (!aliases_.is_stale_handshake(row, snapshot) &&
          !trace_.has_closed(row, identity, snapshot)) {
        rows.push_back({&row, identity});
      }
      continue;
    }
    const auto index = *known;
    if (last) {
      table_.set_next(*last, index);
    }
    last = index;
    if (!table_.is_seen(index) && is_expected(table_.phase(index), snapshot)) {
      const auto table = std::find_if(unseen.begin(), unseen.end(), [&](const Unseen& entry) {
        return entry.scope == table_.scope_of(index);
      });
      if (table != unseen.end()) {
        --table->count;
      }
    }
    table_.set_seen(index);
    if (!see(index, row, snapshot)) {
      rows.push_back({&row, identity});
    }
  }
  return rows;
}

/// The kernel can walk past a handshake and past the socket that follows it.
void SnapshotDiffer::drop_answered_handshakes(std::vector<NewRow>& rows, const Snapshot& snapshot) {
  boost::unordered_flat_map<Identity, bool, IdentityHash> is_answered;
  for (const auto& entry : rows) {
    if (entry.row->state == TcpState::syn_received) {
      is_answered[tuple_key(snapshot.netns, entry.row->tuple)] = false;
    }
  }
  if (is_answered.empty()) {
    return;
  }
  for (const auto& row : snapshot.rows) {
    if (row.state != TcpState::syn_received && row.state != TcpState::time_wait) {
      const auto handshake = is_answered.find(tuple_key(snapshot.netns, row.tuple));
      if (handshake != is_answered.end()) {
        handshake->second = true;
      }
    }
  }
  std::erase_if(rows, [&](const NewRow& entry) {
    return entry.row->state == TcpState::syn_received &&
           is_answered[tuple_key(snapshot.netns, entry.row->tuple)];
  });
}

/// @return false when the row is another use of the same identity: the known connection has been
/// closed, and the row is new
bool SnapshotDiffer::see(Index index, const SocketRow& row, const Snapshot& snapshot) {
  auto& entry = table_[index];
  const auto& connection = entry.connection;
  if (precedes_noticed_end(entry, snapshot) || TraceHistory::covers(entry, snapshot)) {
    return true;
  }
  const auto at = between(entry.seen.began_ns, snapshot.taken.ended_ns);
  const bool other_use =
      connection.tuple != row.tuple ||
      (entry.holder.key != 0 && row.holder_key != 0 && entry.holder.key != row.holder_key);
  if (other_use) {
    lifecycle_.close(index, entry.left.value_or(at));
    return false;
  }
  if (row.state && row.state != connection.state) {
    see_state(index, *row.state, at);
  } else if (entry.left && !entry.evidence.minisock && row.state != TcpState::time_wait) {
    // FIN_WAIT_2 goes on as a minisock after a notice, or the socket had been missed.
    lifecycle_.undo_end(index);
  }
  owners_.see_holder(index, row);
  owners_.recheck_listener_owner(index, snapshot.taken.ended_ns);
  lifecycle_.see_snapshot(index, row, snapshot, at);
  return true;
}

void SnapshotDiffer::see_state(Index index, TcpState state, const Moment& at) {
  const auto& entry = table_[index];
  const bool traced = entry.traced_ns != 0;
  const bool traced_orphan = traced && entry.evidence.minisock;
  if (traced && !traced_orphan) {
    trace_.audit_state(entry.seen.began_ns);
  }
  if (state != TcpState::time_wait || !entry.left) {
    return lifecycle_.enter(index, state, at);
  }
  // Tables without TIME_WAIT rows may have shown before that it had come there.
  const auto until_ns =
      entry.second_lack_ns != 0 ? std::min(entry.second_lack_ns, at.at_ns) : at.at_ns;
  const auto after_ns = at.at_ns - at.error_ns;
  if (traced && !traced_orphan) {
    return lifecycle_.enter(index, state, between(after_ns, until_ns));
  }
  // What ended with a notice may have been in TIME_WAIT since then. A traced orphan came there
  // later, but its process was done with it.
  const auto left = *entry.left;
  const auto entered = between(std::max(left.at_ns, after_ns), until_ns);
  lifecycle_.enter_time_wait(index, traced ? entered : left, left);
}

/// @return true when the row continues a connection that is known under another identity
bool SnapshotDiffer::see_alias(const NewRow& entry, const Snapshot& snapshot) {
  const auto& row = *entry.row;
  if (table_.contains(entry.identity)) {
    return false;  // shown twice: it moved while the kernel walked its table
  }
  if (!is_minisock(row)) {
    const auto index = lifecycle_.continue_handshake(row, entry.identity);
    return index && see(*index, row, snapshot);
  }
  const auto index = aliases_.match_minisock(row, snapshot, entry.identity);
  if (!index) {
    const auto scope = table_.scope(snapshot.netns, table_of(row.tuple));
    return aliases_.has_ended(entry.identity, row, snapshot, polls_.last_with_time_wait(scope));
  }
  lifecycle_.rename(*index, entry.identity);
  return see(*index, row, snapshot);
}

void SnapshotDiffer::open(const NewRow& entry, const Snapshot& snapshot) {
  const auto& row = *entry.row;
  if (table_.contains(entry.identity)) {
    return;  // shown twice
  }
  const auto scope = table_.scope(snapshot.netns, table_of(row.tuple));
  // A socket in TIME_WAIT can have begun and ended since TIME_WAIT was last shown.
  const auto& before =
      row.state == TcpState::time_wait ? polls_.last_with_time_wait(scope) : polls_.last(scope);
  const auto created = trace_.take_created(entry.identity);
  Opening opening;
  opening.seen_by = SeenBy::snapshot;
  opening.seen = snapshot.taken;
  opening.first_seen_ns = snapshot.taken.ended_ns;
  opening.last_seen_ns = snapshot.taken.ended_ns;
  opening.keys = snapshot.keys;
  opening.alive_after_ns = before ? before->began_ns : 0;
  // Only cookies come with proofs, sooner or later.
  const bool listeners_are_known = !snapshot.incarnation_is_unique ||
                                   expected_notices_.covers(snapshot.netns, table_of(row.tuple));
  opening.direction = lifecycle_.direction_of(
      row, snapshot.netns, !before, opening.alive_after_ns, listeners_are_known);
  opening.state = row.state;
  opening.reported =
      between(before ? before->began_ns : snapshot.taken.began_ns, snapshot.taken.ended_ns);
  if (created) {
    const auto [at_ns, error_ns] = opening.reported;
    opening.reported = between(std::max(created->at_ns, at_ns - error_ns), at_ns);
  }
  if (const auto created_ns = created_after(row, snapshot); created_ns && before) {
    const auto [at_ns, error_ns] = opening.reported;
    opening.reported = between(std::max(*created_ns, at_ns - error_ns), at_ns);
  } else if (created_ns && !created) {
    opening.max_age_ns = opening.first_seen_ns - *created_ns;
  }
  opening.owner = trace_.take_owner(entry.identity, created);
  if (before || created) {
    opening.opened = opening.reported;
  }
  trace_.audit_open(row, before);
  const auto index = lifecycle_.open(entry.identity, row, opening);
  if (row.offload && row.offload != Offload::in_host) {
    lifecycle_.report_offload(index, opening.reported);
  }
  if (is_minisock(row)) {
    aliases_.add_minisock(snapshot.netns, row.tuple, index);
  }
}

/// A listener that this snapshot is the first to show can have accepted what was opened since the
/// last one: the kernel walks listeners before connections.
void SnapshotDiffer::reconsider_directions(const Snapshot& snapshot) {
  table_.for_each([&](Index index) {
    const auto& entry = table_[index];
    const auto& connection = entry.connection;
    const auto& last = polls_.last(table_.scope_of(index));
    const bool traced = (connection.seen_by | SeenBy::trace) == connection.seen_by;
    const bool is_candidate =
        connection.direction == Direction::outbound || connection.direction == Direction::unknown;
    if (connection.netns != snapshot.netns || !is_candidate || traced || entry.is_direction_known ||
        entry.evidence.connecting || !connection.opened || !last ||
        connection.opened->at_ns < last->began_ns) {
      return;
    }
    const auto listener = listeners_.accepting(
        connection.netns, connection.tuple.protocol, connection.tuple.local, entry.seen.began_ns);
    if (listener && listener->is_certain) {
      lifecycle_.set_direction(index, Direction::inbound);
      owners_.inherit(index, *listener, between(snapshot.taken.began_ns, snapshot.taken.ended_ns));
    }
  });
}

/// A peer on this host that is in TIME_WAIT has sent a FIN and has received ours: the other end of
/// it ended in order, too.
void SnapshotDiffer::confirm_close_from_local_peer(const Snapshot& snapshot) {
  boost::unordered_flat_map<Identity, Index, IdentityHash> unconfirmed;
  table_.for_each([&](Index index) {
    const auto& entry = table_[index];
    if (table_.phase(index) == Phase::ending && entry.connection.netns == snapshot.netns &&
        fin_acknowledged(entry.connection, entry.evidence)) {
      unconfirmed.emplace(tuple_key(snapshot.netns, seen_by_peer(entry.connection.tuple)), index);
    }
  });
  if (unconfirmed.empty()) {
    return;
  }
  for (const auto& row : snapshot.rows) {
    if (row.state == TcpState::time_wait) {
      const auto found = unconfirmed.find(tuple_key(snapshot.netns, row.tuple));
      if (found != unconfirmed.end()) {
        table_[found->second].evidence.received_fin = true;
      }
    }
  }
}

void SnapshotDiffer::close_missing(Index index, const Snapshot& snapshot) {
  const auto& entry = table_[index];
  // A UDP socket has exchanged datagrams since the table was read.
  const bool is_newer = entry.connection.tuple.protocol == Protocol::udp &&
                        entry.seen.began_ns > snapshot.taken.began_ns;
  if (TraceHistory::covers(entry, snapshot) || is_newer) {
    return;
  }
  auto left = entry.left.value_or(between(entry.seen.began_ns, snapshot.taken.ended_ns));
  if (entry.evidence.minisock && entry.left) {
    // It has gone on without its socket until its peer ended it, or the kernel gave up waiting.
    left = between(std::max(left.at_ns, entry.seen.began_ns), snapshot.taken.ended_ns);
  }
  if (entry.traced_ns != 0) {
    if (table_.phase(index) == Phase::active) {
      // The walk can have missed it, or the trace is late: the next snapshot decides.
      return lifecycle_.begin_end(index, left);
    }
    if (!entry.evidence.minisock && table_.phase(index) == Phase::ending) {
      trace_.audit_end(left.at_ns - left.error_ns);
    }
  }
  if (precedes_noticed_end(entry, snapshot)) {
    return;
  }
  remember_end(index, snapshot);
  const bool may_be_in_time_wait =
      !snapshot.covers_time_wait && may_enter_time_wait(entry.connection);
  if (may_be_in_time_wait || notice_may_come(entry, left, snapshot)) {
    lifecycle_.begin_end(index, left);
  } else {
    lifecycle_.close(index, left);
  }
}

/// So that later records of a connection that the snapshot lacks open no second one.
void SnapshotDiffer::remember_end(Index index, const Snapshot& snapshot) {
  const auto& entry = table_[index];
  const auto& closed = entry.connection.closed;
  if (entry.traced_ns == 0) {
    if (snapshot.covers_time_wait) {
      aliases_.add_ended(index, snapshot.taken.ended_ns);
    }
  } else if (closed && closed->at_ns < snapshot.taken.began_ns - TraceHistory::kMinisockNs) {
    trace_.add_close(entry.identity, snapshot.taken.ended_ns);
  } else {
    // The walk can have missed its minisock.
    trace_.add_ended_minisock(entry.identity, snapshot.taken.ended_ns);
  }
}

/// A snapshot without TIME_WAIT rows lacks what has ended: it is in TIME_WAIT, or gone.
/// @return false if it may not have ended yet when the table was read
bool SnapshotDiffer::note_lack(Index index, const Snapshot& snapshot) {
  auto& entry = table_[index];
  if (TraceHistory::covers(entry, snapshot) || precedes_noticed_end(entry, snapshot)) {
    return false;
  }
  auto& lack_ns = entry.first_lack_ns == 0 ? entry.first_lack_ns : entry.second_lack_ns;
  if (lack_ns == 0) {
    lack_ns = snapshot.taken.ended_ns;
  }
  return true;
}

/// A notice knows more of the end than a snapshot. A minisock ends without one: its full socket has
/// had it.
bool SnapshotDiffer::notice_may_come(const Entry& entry,
                                     const Moment& left,
                                     const Snapshot& snapshot) const {
  if (entry.evidence.noticed || entry.evidence.minisock ||
      entry.connection.state == TcpState::time_wait) {
    return false;
  }
  const auto until_ns = expected_notices_.until(entry.connection, left.at_ns);
  return until_ns && snapshot.taken.began_ns < *until_ns;
}

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#include "track/lifecycle.hpp"

#include "track/event_codes.hpp"
#include "track/notice_times.hpp"
#include "track/socket_rules.hpp"
#include "track/time_bounds.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cassert>
#include <limits>
#include <optional>
#include <utility>

namespace netlog::track {

Index Lifecycle::add(const Identity& identity, const SocketRow& row, TableKind table) {
  const auto phase = row.state == TcpState::time_wait ? Phase::time_wait : Phase::active;
  const auto index = table_.add(identity, table_.scope(identity.netns, table), phase);
  if (row.state == TcpState::syn_received) {
    aliases_.add_handshake(identity.netns, row.tuple, index);
  } else if (row.state == TcpState::time_wait) {
    aliases_.add_time_wait(identity.netns, row.tuple, index);
  }
  return index;
}

Index Lifecycle::open(const Identity& identity, const SocketRow& row, const Opening& opening) {
  const auto index =
      add(identity, row, opening.is_flow ? TableKind::udp_flows : table_of(row.tuple));
  auto& entry = table_[index];
  auto& connection = entry.connection;
  connection.id = next_id_++;
  connection.netns = identity.netns;
  connection.tuple = row.tuple;
  connection.direction = opening.direction;
  connection.state = row.state;
  connection.offload = row.offload;
  connection.uid = row.uid;
  connection.module = row.module;
  connection.incarnation = row.incarnation;
  connection.opened = opening.opened;
  connection.max_age_ns = opening.max_age_ns;
  connection.first_seen_ns = opening.first_seen_ns;
  see_at(entry, row.metrics, opening.last_seen_ns);
  connection.seen_by = opening.seen_by;
  entry.seen = opening.seen;
  entry.is_direction_known = row.tuple.protocol != Protocol::tcp || listens(row) ||
                             opening.is_direction_known || proven_direction(row).has_value();
  entry.holder.key = row.holder_key;
  if (row.state) {
    entry.evidence.add(*row.state);
  }
  if (row.state == TcpState::time_wait) {
    connection.closed = connection.opened;
    set_outcome(connection, entry.evidence);
  }
  // A listener that is first met at its end accepts nothing any more.
  if (connection.direction == Direction::listen && opening.seen_by != SeenBy::notice) {
    listeners_.opened(
        connection.netns, connection.tuple.protocol, connection.tuple.local, connection.id);
  }
  counts_.add(connection);
  owners_.open(index, opening.keys, opening.alive_after_ns, opening.owner);
  changes_.emit(index,
                connection.opened ? EventKind::open : EventKind::present,
                opening.reported,
                std::nullopt,
                code(opening.state));
  return index;
}

void Lifecycle::resume(const Identity& identity, const Connection& connection, const Span& seen) {
  resume(identity, connection, seen, table_of(connection.tuple));
}

void Lifecycle::resume_flow(const Identity& identity,
                            const Connection& connection,
                            const Span& seen) {
  resume(identity, connection, seen, TableKind::udp_flows);
}

void Lifecycle::resume(const Identity& identity,
                       const Connection& connection,
                       const Span& seen,
                       TableKind table) {
  SocketRow row;
  row.tuple = connection.tuple;
  row.state = connection.state;
  const auto index = add(identity, row, table);
  auto& entry = table_[index];
  entry.connection = connection;
  counts_.add(connection);
  entry.seen = seen;
  if (connection.state) {
    entry.evidence.add(*connection.state);
  }
  if (connection.direction == Direction::listen) {
    listeners_.opened(
        connection.netns, connection.tuple.protocol, connection.tuple.local, connection.id);
  }
  owners_.resume(index);
  changes_.set_reported(index);
  changes_.refresh(index);
}

Direction Lifecycle::direction_of(const SocketRow& row,
                                  std::uint64_t netns,
                                  bool is_first,
                                  std::int64_t alive_after_ns,
                                  bool listeners_are_known) const {
  if (listens(row)) {
    return Direction::listen;
  }
  if (const auto proven = proven_direction(row)) {
    return *proven;
  }
  if (const auto listener =
          listeners_.accepting(netns, row.tuple.protocol, row.tuple.local, alive_after_ns)) {
    return listener->is_certain ? Direction::inbound : Direction::unknown;
  }
  // Its listener may have closed before the first snapshot, or between two.
  const bool may_be_accepted =
      is_first || (row.tuple.protocol == Protocol::tcp && !listeners_are_known);
  if (!may_be_accepted) {
    return Direction::outbound;
  }
  // A listener of this host at the other end has accepted it there.
  const auto& remote = row.tuple.remote;
  const bool is_local = remote.address == row.tuple.local.address || remote.address.is_loopback();
  return is_local && listeners_.accepting(netns, row.tuple.protocol, remote, alive_after_ns)
             ? Direction::outbound
             : Direction::unknown;
}

void Lifecycle::see_direction(Index index, const SocketRow& row) {
  auto& entry = table_[index];
  if (entry.is_direction_known) {
    return;
  }
  auto proven = proven_direction(row);
  if (!proven && row.is_active) {
    // Two rows that count the same are proof enough: one that was read while its socket changed
    // does not come again.
    const auto counted = counted_direction(row);
    proven = counted == entry.counted_direction ? counted : std::nullopt;
    entry.counted_direction = counted;
  }
  if (proven) {
    entry.is_direction_known = true;
    set_direction(index, *proven);
  }
}

void Lifecycle::rename(Index index, const Identity& identity) {
  table_.rename(index, identity);
  table_[index].connection.incarnation = identity.incarnation;
  table_[index].named_by_notice = false;
  changes_.refresh(index);
}

std::optional<Index> Lifecycle::continue_handshake(const SocketRow& row, const Identity& identity) {
  const auto index = aliases_.take_handshake(row, identity.netns);
  if (index) {
    rename(*index, identity);
  }
  return index;
}

void Lifecycle::enter(Index index, TcpState state, const Moment& at) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  assert(connection.state != state);
  changes_.emit(index, EventKind::state, at, code(connection.state), code(std::optional{state}));
  if (connection.state == TcpState::syn_received) {
    aliases_.end_handshake(connection.netns, connection.tuple);
  }
  counts_.remove(connection);
  connection.state = state;
  counts_.add(connection);
  entry.evidence.add(state);
  if (state == TcpState::time_wait) {
    connection.closed = at;
    set_outcome(connection, entry.evidence);
    aliases_.add_time_wait(connection.netns, connection.tuple, index);
  }
  entry.left.reset();
  entry.first_lack_ns = 0;
  entry.second_lack_ns = 0;
  table_.set_phase(index, state == TcpState::time_wait ? Phase::time_wait : Phase::active);
}

void Lifecycle::report_state(Index index, const Moment& at) {
  changes_.emit(index, EventKind::state, at, std::nullopt, code(table_[index].connection.state));
}

void Lifecycle::report_offload(Index index, const Moment& at) {
  changes_.emit(
      index, EventKind::offload, at, std::nullopt, code(table_[index].connection.offload));
}

void Lifecycle::enter_time_wait(Index index, const Moment& at, const Moment& closed) {
  enter(index, TcpState::time_wait, at);
  table_[index].connection.closed = closed;
}

void Lifecycle::begin_end(Index index, const Moment& left) {
  assert(left.error_ns >= 0);
  table_[index].left = left;
  table_.set_phase(index, Phase::ending);
}

void Lifecycle::undo_end(Index index) {
  table_[index].left.reset();
  table_.set_phase(index, Phase::active);
}

void Lifecycle::close(Index index, const Moment& at) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  const bool tcp = connection.tuple.protocol == Protocol::tcp;
  changes_.emit(index,
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
    set_outcome(connection, entry.evidence);
  }
  connection.gone = true;
  counts_.remove(connection);
  // The notice has the cookie of the full socket. Its handshake and its minisock can have others.
  const bool has_another_cookie =
      connection.state == TcpState::syn_received || aliases_.awaits_notice(index);
  const bool notice_may_come = connection.state != TcpState::time_wait && !entry.evidence.noticed &&
                               entry.traced_ns == 0 &&
                               expected_notices_.until(connection, at.at_ns).has_value();
  if (tcp) {
    connection.state = TcpState::closed;
  }
  if (notice_may_come) {
    recently_closed_.put(
        has_another_cookie ? tuple_key(connection.netns, connection.tuple) : entry.identity,
        ClosedConnection{connection, entry.evidence});
  }
  owners_.close(index);
  aliases_.forget(index);
  table_.remove(index);
  entry.closed = true;
}

std::optional<Identity> Lifecycle::end_earlier_use(Index index, std::int64_t since_ns) {
  const auto& connection = table_[index].connection;
  const auto earlier = aliases_.find_time_wait(connection.netns, connection.tuple);
  if (!earlier || *earlier == index) {
    return std::nullopt;
  }
  const auto& entry = table_[*earlier];
  // Seen later than that: sockets of different devices can have the same tuple.
  if (since_ns < entry.seen.began_ns) {
    return std::nullopt;
  }
  const auto identity = entry.identity;
  close(*earlier, between(entry.seen.began_ns, since_ns));
  return identity;
}

void Lifecycle::see_snapshot(Index index,
                             const SocketRow& row,
                             const Snapshot& snapshot,
                             const Moment& at) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  entry.seen = snapshot.taken;
  entry.first_lack_ns = 0;
  entry.second_lack_ns = 0;
  connection.seen_by = connection.seen_by | SeenBy::snapshot;
  const auto known = connection.metrics;
  see_at(entry, row.metrics, snapshot.taken.ended_ns);
  if (row.metrics && known != connection.metrics) {
    changes_.refresh(index);
  }
  if (row.offload && row.offload != connection.offload) {
    const bool first_reading = !connection.offload && row.offload == Offload::in_host;
    if (!first_reading) {
      changes_.emit(index, EventKind::offload, at, code(connection.offload), code(row.offload));
    }
    connection.offload = row.offload;
    changes_.refresh(index);
  }
  see_direction(index, row);
}

void Lifecycle::see_at(Entry& entry, const std::optional<Metrics>& read, std::int64_t at_ns) {
  auto& connection = entry.connection;
  connection.last_seen_ns = at_ns;
  if (read) {
    connection.metrics = *read;
    const auto since_ns = read->unanswered_ms ? at_ns - *read->unanswered_ms * kNsPerMs : 0;
    // Silent at the last reading, and since before it: the silence is the same. Its begin follows
    // from timers of the kernel that run out late, the more so the longer it lasts.
    const bool goes_on =
        since_ns != 0 && entry.unanswered_since_ns != 0 && since_ns <= entry.metrics_ns;
    entry.unanswered_since_ns = goes_on ? std::min(since_ns, entry.unanswered_since_ns) : since_ns;
    entry.metrics_ns = at_ns;
  }
  if (entry.unanswered_since_ns != 0) {
    // Until the next reading the peer has still not answered.
    const auto ms = std::max<std::int64_t>(at_ns - entry.unanswered_since_ns, 0) / kNsPerMs;
    connection.metrics.unanswered_ms = static_cast<std::uint32_t>(
        std::min<std::int64_t>(ms, std::numeric_limits<std::uint32_t>::max()));
  }
}

void Lifecycle::set_traced(Index index, std::int64_t at_ns) {
  auto& entry = table_[index];
  entry.traced_ns = at_ns;
  entry.seen = {at_ns, at_ns};
  changes_.refresh(index);
}

void Lifecycle::see_transition(Index index, const Transition& transition, std::int64_t at_ns) {
  set_traced(index, at_ns);
  auto& connection = table_[index].connection;
  see_at(table_[index], transition.row.metrics, at_ns);
  connection.seen_by = connection.seen_by | SeenBy::trace;
  connection.uid = transition.row.uid;
  if (transition.direction != Direction::unknown) {
    table_[index].is_direction_known = true;
    set_direction(index, transition.direction);
  }
}

void Lifecycle::set_direction(Index index, Direction direction) {
  auto& connection = table_[index].connection;
  if (connection.direction == direction) {
    return;
  }
  counts_.remove(connection);
  connection.direction = direction;
  counts_.add(connection);
  if (direction != Direction::outbound) {
    connection.remote_name.clear();
    connection.name_source = NameSource::none;
  }
  changes_.refresh(index);
}

void Lifecycle::see_datagrams(Index index, const UdpFlow& flow) {
  auto& entry = table_[index];
  auto& connection = entry.connection;
  auto& metrics = connection.metrics;
  for (const auto& [sum, more] :
       {std::pair{&metrics.bytes_sent, flow.bytes_sent},
        std::pair{&metrics.bytes_received, flow.bytes_received},
        std::pair{&metrics.datagrams_sent, flow.datagrams_sent},
        std::pair{&metrics.datagrams_received, flow.datagrams_received}}) {
    *sum = sum->value_or(0) + more;
  }
  connection.seen_by = connection.seen_by | SeenBy::trace;
  entry.seen.began_ns = std::max(entry.seen.began_ns, flow.last_ns);
  entry.seen.ended_ns = std::max(entry.seen.ended_ns, flow.last_ns);
  note_seen(index, flow.last_ns);
  changes_.refresh(index);
}

void Lifecycle::note_seen(Index index, std::int64_t at_ns) {
  auto& entry = table_[index];
  see_at(entry, std::nullopt, std::max(entry.connection.last_seen_ns, at_ns));
}

void Lifecycle::narrow_closed(Index index, const Moment& closed) {
  auto& known = table_[index].connection.closed;
  if (known) {
    known = overlap(*known, closed);
  }
}

void Lifecycle::take_destroy_info(Connection& connection,
                                  Evidence& evidence,
                                  const SocketRow& row) {
  evidence.noticed = true;
  evidence.delivery = row.delivery;
  // An abort, and a connect that fails, clear the remote port and the counters before the notice.
  evidence.disconnected = connection.tuple.protocol == Protocol::tcp &&
                          connection.direction != Direction::listen && row.tuple.remote.port == 0;
  if (!evidence.disconnected && row.metrics) {
    connection.metrics = *row.metrics;
  }
  connection.seen_by = connection.seen_by | SeenBy::notice;
}

void Lifecycle::apply_destroy_info(Index index, const SocketRow& row) {
  auto& entry = table_[index];
  see_direction(index, row);
  take_destroy_info(entry.connection, entry.evidence, row);
  if (entry.connection.outcome != Outcome::open) {
    set_outcome(entry.connection, entry.evidence);  // TIME_WAIT was seen before the notice came
  }
  changes_.refresh(index);
}

bool Lifecycle::apply_late_notice(const Notice& notice) {
  const auto& row = notice.row;
  Identity identity{notice.netns, row.incarnation, {}};
  auto* closed = recently_closed_.find(identity);
  if (closed != nullptr && closed->evidence.cause) {
    return true;  // the trace knows more
  }
  if (closed == nullptr) {
    identity = tuple_key(notice.netns, row.tuple);
    closed = recently_closed_.find(identity);
    if (closed == nullptr || !closed->connection.closed ||
        !may_have_ended(
            closed->connection, closed->evidence, notice, closed->connection.closed->at_ns)) {
      return false;
    }
  }
  take_destroy_info(closed->connection, closed->evidence, row);
  set_outcome(closed->connection, closed->evidence);
  changes_.refresh_closed(closed->connection);
  recently_closed_.erase(identity);
  return true;
}

bool Lifecycle::apply_late_user(const Identity& identity, const ProcessId& process) {
  auto* const closed = recently_closed_.find(identity);
  if (closed == nullptr) {
    return false;
  }
  closed->connection.owner = Owner{process, OwnerSource::exact, {}};
  changes_.refresh_closed(closed->connection);
  recently_closed_.erase(identity);
  return true;
}

void Lifecycle::apply_late_closer(const Identity& identity, const LastCloser& closer) {
  if (auto* const closed = recently_closed_.find(identity)) {
    closed->connection.owner = owner_by_close(closed->connection.owner, closer);
    changes_.refresh_closed(closed->connection);
    recently_closed_.erase(identity);
  }
}

void Lifecycle::remember_closed(Index index) {
  const auto& entry = table_[index];
  recently_closed_.put(entry.identity, ClosedConnection{entry.connection, entry.evidence});
}

void Lifecycle::set_outcome(Connection& connection, const Evidence& evidence) {
  const auto result = classify_outcome(connection, evidence);
  connection.outcome = result.outcome;
  connection.outcome_why = result.why;
  connection.syns = result.syns;
  connection.error = evidence.error;
  auto& received = connection.metrics.bytes_received;
  if (evidence.delivery && !evidence.disconnected && fin_counted(evidence) &&
      received.value_or(0) > 0) {
    --*received;
  }
}

std::string Lifecycle::broken_invariant() const {
  std::string broken;
  OpenCounts open;
  table_.for_each([&](Index index) {
    const auto& entry = table_[index];
    const auto& connection = entry.connection;
    open.add(connection);
    const auto phase = table_.phase(index);
    const bool in_time_wait = connection.state == TcpState::time_wait;
    const auto require = [&](bool holds, const char* what) {
      if (!holds && broken.empty()) {
        broken = "connection " + std::to_string(connection.id) + ": " + what;
      }
    };
    require((phase == Phase::time_wait) == in_time_wait, "its phase and its state differ");
    require(phase != Phase::ending || entry.left.has_value(), "it ends at no time");
    require(!in_time_wait || connection.outcome != Outcome::open,
            "it is in TIME_WAIT without an outcome");
    require(!connection.gone, "it is gone and open");
    require(connection.netns == entry.identity.netns, "it is of another namespace");
    require(entry.seen.began_ns <= entry.seen.ended_ns, "it was seen in a negative time");
    require(connection.id < next_id_, "its number is not given out yet");
  });
  if (broken.empty() && open != counts_) {
    broken = "the counts of open connections are not those of the table";
  }
  return broken;
}

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#include "store/write/connection_rows.hpp"

#include "model/event.hpp"
#include "store/db/statement.hpp"
#include "util/arithmetic.hpp"

#include <limits>
#include <optional>

namespace netlog::store {
namespace {

std::optional<std::int64_t> at(const std::optional<Moment>& moment) {
  return moment ? std::optional{moment->at_ns} : std::nullopt;
}

std::optional<std::int64_t> after(std::int64_t first_seen_ns, const std::optional<Moment>& moment) {
  return moment ? std::optional{wrapping_subtract(moment->at_ns, first_seen_ns)} : std::nullopt;
}

std::optional<std::int64_t> error(const std::optional<Moment>& moment) {
  return moment ? std::optional{moment->error_ns} : std::nullopt;
}

std::optional<UnknownOwner> reason(const Owner& owner) {
  return owner.source == OwnerSource::unknown ? std::optional{owner.why} : std::nullopt;
}

std::optional<UnknownOutcome> reason(const Connection& connection) {
  return connection.outcome_why;
}

// The row of a process can have been dropped in an outage.
Owner owner_of(const Connection& connection, const std::optional<std::int64_t>& process) {
  return connection.owner.process && !process
             ? Owner{std::nullopt, OwnerSource::unknown, UnknownOwner::gone}
             : connection.owner;
}

// It may still be in TIME_WAIT.
bool is_over(const Connection& connection) {
  return connection.closed || connection.gone;
}

/// Of a connection that was opened after the last clock step.
std::vector<StateEntry> states_of(const std::vector<StoredEvent>& events) {
  constexpr auto kAfterAllClockSteps = std::numeric_limits<std::int64_t>::max();
  const auto code = [](EventKind kind) { return static_cast<std::int64_t>(kind); };
  std::vector<StateEntry> states;
  for (const auto& event : events) {
    if (event.kind != code(EventKind::offload) && event.kind != code(EventKind::owner)) {
      states.push_back({event.at_ns,
                        event.kind == code(EventKind::close) ? std::nullopt : event.to,
                        kAfterAllClockSteps});
    }
  }
  return states;
}

/// As a column has it.
template <typename T>
std::optional<std::int64_t> number(const std::optional<T>& value) {
  return value ? std::optional{static_cast<std::int64_t>(*value)} : std::nullopt;
}

}  // namespace

std::optional<std::int64_t> known_netns(std::uint64_t netns) {
  return netns == 0 ? std::nullopt : std::optional{static_cast<std::int64_t>(netns)};
}

std::optional<std::int64_t> netns_above(std::uint64_t netns) {
  constexpr std::int64_t kFirst = 4'026'531'840;  // include/linux/proc_ns.h, PROC_DYNAMIC_FIRST
  const auto known = known_netns(netns);
  return known ? std::optional{*known - kFirst} : std::nullopt;
}

ConnectionRows::ConnectionRows(SQLite::Database& database,
                               const SessionStart& start,
                               ReferenceRows& references,
                               EventRows& events,
                               Flows& flows)
    : start_{start},
      references_{references},
      events_{events},
      flows_{flows},
      insert_{
          database,
          "INSERT INTO connection (id, session_id, protocol, local_address_id, local_port, "
          "remote_address_id, remote_port, netns_above, first_seen_ns, opened_after_ns, "
          "open_error_ns, max_age_ns, module, flow_id, duration_bucket, history, first_event, "
          "last_event, "
          "direction, peer_id, process_id, owner_source, owner_reason, uid, last_seen_after_ns, "
          "closed_after_ns, close_error_ns, gone, state, offload, outcome, outcome_reason, syns, "
          "errno, bytes_sent, bytes_received, retransmits, rtt_us, unanswered_ms, seen_by, "
          "incarnation, datagrams_sent, datagrams_received) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?)"},
      update_{database,
              "UPDATE connection SET direction = ?, peer_id = ?, process_id = ?, owner_source = ?, "
              "owner_reason = ?, uid = ?, "
              "last_seen_after_ns = ?, closed_after_ns = ?, "
              "close_error_ns = ?, gone = ?, state = "
              "?, offload = ?, outcome = ?, outcome_reason = ?, syns = ?, errno = ?, "
              "bytes_sent = ?, bytes_received = ?, retransmits = ?, rtt_us = ?, unanswered_ms = ?, "
              "seen_by "
              "= ?, incarnation = ?, datagrams_sent = ?, datagrams_received = ? WHERE id = ?"} {}

void ConnectionRows::open(const Connection& connection) {
  const auto row = start_.row_of(connection.id);
  by_row_[row] = pending_.size();
  pending_.push_back(
      {.row = row, .first = &connection, .last = &connection, .stored = {}, .events = {}});
}

bool ConnectionRows::update(const Connection& connection) {
  auto& pending = pending_row(start_.row_of(connection.id));
  pending.last = &connection;
  return pending.exists();
}

void ConnectionRows::add_event(std::int64_t row, const StoredEvent& event) {
  pending_row(row).events.push_back(event);
}

void ConnectionRows::close(std::int64_t row) {
  pending_row(row).closed = true;
}

void ConnectionRows::count_without_row(const Connection& connection,
                                       const std::vector<StoredEvent>& events) {
  flows_.add_without_row(closed_connection(connection, connection, events));
}

ConnectionRows::PendingRow& ConnectionRows::pending_row(std::int64_t row) {
  const auto [entry, is_new] = by_row_.try_emplace(row, pending_.size());
  if (is_new) {
    pending_.push_back({.row = row, .stored = events_.find(row), .events = {}});
  }
  return pending_[entry->second];
}

void ConnectionRows::write() {
  std::vector<std::int64_t> closed;
  for (auto& pending : pending_) {
    if (pending.first != nullptr) {
      insert(pending);
    } else if (pending.stored) {
      update(pending);
    }
    if (pending.closed && pending.exists()) {
      closed.push_back(pending.row);
    }
  }
  events_.flush();
  flows_.add(closed);
  pending_.clear();
  by_row_.clear();
}

void ConnectionRows::insert(PendingRow& pending) {
  const auto& first = *pending.first;
  const auto& tuple = first.tuple;
  const auto history = events_.place(pending.row,
                                     {first.first_seen_ns, true, std::nullopt, 0},
                                     pending.events,
                                     is_over(*pending.last));
  const auto text = history ? std::optional{"[" + history->elements + "]"} : std::nullopt;
  std::optional<Flows::Place> place;
  if (pending.closed && pending.last->gone) {
    place = flows_.add(pending.row, closed_connection(first, *pending.last, pending.events));
    pending.closed = false;
  }
  BoundStatement insert{insert_};
  insert.with(pending.row)
      .with(start_.session_id)
      .with(tuple.protocol)
      .with(references_.address(tuple.local.address))
      .with(tuple.local.port)
      .with(knows_remote(tuple) ? std::optional{references_.address(tuple.remote.address)}
                                : std::nullopt)
      .with(tuple.remote.port != 0 ? std::optional{tuple.remote.port} : std::nullopt)
      .with(netns_above(first.netns))
      .with(first.first_seen_ns)
      .with(after(first.first_seen_ns, first.opened))
      .with(error(first.opened))
      .with(first.max_age_ns)
      .with(first.module != 0 ? std::optional{first.module} : std::nullopt)
      .with(place ? std::optional{place->flow} : std::nullopt)
      .with(place ? place->duration_bucket : std::nullopt)
      .with(text)
      .with(history ? std::optional{history->first_event} : std::nullopt)
      .with(history ? std::optional{history->last_event} : std::nullopt);
  bind_changing(insert, *pending.last, first.first_seen_ns);
  insert.exec();
}

void ConnectionRows::update(PendingRow& pending) {
  if (pending.last != nullptr) {
    BoundStatement update{update_};
    bind_changing(update, *pending.last, pending.stored->first_seen_ns);
    update.with(pending.row);
    update.exec();
  }
  const bool over = pending.last != nullptr && is_over(*pending.last);
  if (const auto history = events_.place(pending.row, *pending.stored, pending.events, over)) {
    events_.append(pending.row, *pending.stored, *history);
  }
}

/// Binds the columns that change while a connection is open, in the order of both statements.
void ConnectionRows::bind_changing(BoundStatement& statement,
                                   const Connection& connection,
                                   std::int64_t first_seen_ns) {
  const auto process = references_.process(connection.owner.process);
  const auto owner = owner_of(connection, process);
  statement.with(connection.direction)
      .with(references_.peer(connection))
      .with(process)
      .with(owner.source)
      .with(reason(owner))
      .with(connection.uid)
      .with(wrapping_subtract(connection.last_seen_ns, first_seen_ns))
      .with(after(first_seen_ns, connection.closed))
      .with(error(connection.closed))
      .with(connection.gone)
      .with(connection.state)
      .with(connection.offload)
      .with(connection.outcome)
      .with(reason(connection))
      .with(connection.syns)
      .with(connection.error)
      .with(connection.metrics.bytes_sent)
      .with(connection.metrics.bytes_received)
      .with(connection.metrics.retransmits)
      .with(connection.metrics.rtt_us)
      .with(connection.metrics.unanswered_ms)
      .with(connection.seen_by)
      .with(connection.gone || connection.incarnation == 0 ? std::nullopt
                                                           : std::optional{connection.incarnation})
      .with(connection.metrics.datagrams_sent)
      .with(connection.metrics.datagrams_received);
}

/// What an inserted row has.
ClosedConnection ConnectionRows::closed_connection(const Connection& first,
                                                   const Connection& last,
                                                   const std::vector<StoredEvent>& events) {
  const auto process = references_.process(last.owner.process);
  return {
      .process = process,
      .direction = static_cast<std::int64_t>(last.direction),
      .protocol = static_cast<std::int64_t>(first.tuple.protocol),
      .netns = known_netns(first.netns),
      .local_address = references_.address(first.tuple.local.address),
      .local_port = first.tuple.local.port,
      .peer = references_.peer(last),
      .outcome = static_cast<std::int64_t>(last.outcome),
      .outcome_reason = number(reason(last)),
      .owner_reason = number(reason(owner_of(last, process))),
      .opened_ns = at(first.opened),
      .open_error_ns = error(first.opened),
      .first_seen_ns = first.first_seen_ns,
      .last_seen_ns = last.last_seen_ns,
      .closed_ns = at(last.closed),
      .syns = number(last.syns),
      .bytes_sent = number(last.metrics.bytes_sent),
      .bytes_received = number(last.metrics.bytes_received),
      .clock_adjust_ns = 0,  // at a clock step all pending rows are written first
      .states = states_of(events),
  };
}

}  // namespace netlog::store

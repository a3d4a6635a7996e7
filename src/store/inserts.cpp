// SPDX-License-Identifier: MIT
#include "store/inserts.hpp"

#include "store/statement.hpp"
#include "store/unseen_ends.hpp"

#include <algorithm>
#include <string_view>

#include <fmt/format.h>

namespace netlog::store {

namespace {

// However many there are; what is not remembered is looked up in the file.
constexpr std::size_t kMostAddresses = 100'000;
constexpr std::size_t kMostPeers = 100'000;
constexpr std::size_t kMostProcesses = 100'000;

// Where there are no network namespaces the number is 0, which is no inode.
std::optional<std::uint64_t> known_netns(std::uint64_t netns) {
  return netns == 0 ? std::nullopt : std::optional{netns};
}

bool knows_remote(const FiveTuple& tuple) {
  return tuple.remote.port != 0 || !tuple.remote.address.is_unspecified();
}

std::optional<std::int64_t> at(const std::optional<Moment>& moment) {
  return moment ? std::optional{moment->at_ns} : std::nullopt;
}

std::optional<std::int64_t> error(const std::optional<Moment>& moment) {
  return moment ? std::optional{moment->error_ns} : std::nullopt;
}

std::optional<UnknownOwner> reason(const Owner& owner) {
  return owner.source == OwnerSource::unknown ? std::optional{owner.why} : std::nullopt;
}

std::optional<UnknownOutcome> reason(const Connection& connection) {
  return connection.outcome == Outcome::unknown ? std::optional{connection.outcome_why}
                                                : std::nullopt;
}

}  // namespace

Inserts::Inserts(SQLite::Database& database, const SessionStart& start)
    : database_{database},
      start_{start},
      processes_{start.owners},
      flows_{database},
      port_use_{database},
      insert_address_{
          database,
          "INSERT INTO address (family, text, bytes) VALUES (?, ?, ?) ON CONFLICT DO NOTHING"},
      find_address_{database, "SELECT id FROM address WHERE text = ?"},
      insert_peer_{database,
                   "INSERT INTO peer (direction, protocol, remote_address_id, port) VALUES (?, ?, "
                   "?, ?)"},
      find_peer_{database,
                 "SELECT id FROM peer WHERE remote_address_id = ? AND port IS ? AND direction = ? "
                 "AND protocol = ?"},
      insert_connection_{
          database,
          "INSERT INTO connection (id, session_id, protocol, local_address_id, "
          "local_port, remote_address_id, "
          "remote_port, netns, opened_ns, open_error_ns, first_seen_ns, module, direction, "
          "peer_id, process_id, owner_source, "
          "owner_reason, uid, last_seen_ns, closed_ns, close_error_ns, gone, state, "
          "offload, outcome, outcome_reason, syns, bytes_sent, "
          "bytes_received, retransmits, rtt_us, seen_by, incarnation) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      update_connection_{
          database,
          "UPDATE connection SET direction = ?, peer_id = ?, process_id = ?, owner_source = ?, "
          "owner_reason = ?, uid = ?, "
          "last_seen_ns = ?, closed_ns = ?, close_error_ns = ?, gone = ?, state = "
          "?, offload = ?, outcome = ?, outcome_reason = ?, syns = ?, "
          "bytes_sent = ?, bytes_received = ?, retransmits = ?, rtt_us = ?, seen_by "
          "= ?, incarnation = ? WHERE id = ?"},
      find_connection_{database, "SELECT state, process_id, gone FROM connection WHERE id = ?"},
      resume_connection_{database, "UPDATE connection SET session_id = ? WHERE id = ?"},
      insert_event_{database,
                    "INSERT INTO event (connection_id, kind, at_ns, error_ns, old, new) VALUES (?, "
                    "?, ?, ?, ?, ?)"},
      insert_process_{database,
                      "INSERT INTO process (session_id, pid, start, started_ns, name, exe, "
                      "cmdline, user, cgroup, service, "
                      "parent_pid, container) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      find_process_{database,
                    "SELECT p.id FROM process AS p JOIN session AS s ON s.id = p.session_id "
                    "WHERE p.pid = ? AND p.start = ? AND (s.id = ? OR s.boot_id = ?) "
                    "ORDER BY p.id DESC LIMIT 1"},
      end_process_{database, "UPDATE process SET ended_ns = ?, end_error_ns = ? WHERE id = ?"},
      insert_service_{database,
                      "INSERT INTO service (session_id, pid, tag, name) VALUES (?, ?, ?, ?) "
                      "ON CONFLICT DO UPDATE SET name = excluded.name"},
      insert_gap_{
          database,
          "INSERT INTO gap (session_id, netns, from_ns, to_ns, source, reason, lost, detail) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      insert_clock_step_{
          database,
          "INSERT INTO clock_step (session_id, at_ns, step_ns, after_event) VALUES (?, ?, ?, "
          "(SELECT coalesce(max(id), 0) FROM event))"},
      step_open_{database,
                 "UPDATE connection SET last_seen_ns = last_seen_ns + ?1, stepped_ns = "
                 "iif(closed_ns IS NULL, coalesce(stepped_ns, 0) + ?1, stepped_ns) WHERE "
                 "life_class IS NULL AND NOT gone"},
      insert_counters_{
          database,
          "INSERT INTO counter_sample (session_id, netns, at_ns, active_opens, passive_opens, "
          "attempt_fails, "
          "estab_resets, curr_estab, in_segs, out_segs, retrans_segs, in_errs, out_rsts, "
          "in_datagrams, no_ports, "
          "in_errors, out_datagrams) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      insert_coverage_{database,
                       "INSERT INTO coverage_window (session_id, netns, from_ns, to_ns, "
                       "kernel_opens, recorded_opens, kernel_failures, recorded_failures) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      heartbeat_{database,
                 "UPDATE session SET alive_ns = ?, ticks = ?, late_ticks = ?, skipped_ticks = ? "
                 "WHERE id = ?"} {
  port_use_.resume(start.session_id);
}

void Inserts::operator()(const Event& event) {
  const auto& connection = event.connection;
  const auto id = row_of(connection.id);
  const bool owner = event.kind == EventKind::owner;
  if (owner && connection.gone) {
    flows_.remove({id});  // it had been summed up under another owner
  }
  if (event.kind == EventKind::present || event.kind == EventKind::open) {
    insert_connection(connection);
  } else if (!(event.repeats ? is_there(id) : update_connection(connection))) {
    port_use_.left(id);
    return;
  }
  if (event.kind == EventKind::close) {
    port_use_.left(id);
  }
  if (event.kind == EventKind::close || (owner && connection.gone)) {
    ended_.push_back(id);
  }
  const auto wide = [](std::optional<std::uint8_t> code) {
    return code ? std::optional<std::int64_t>{*code} : std::nullopt;
  };
  insert_event(id,
               event.kind,
               event.at,
               owner ? process_row(event.old_owner) : wide(event.old_code),
               owner ? process_row(connection.owner.process) : wide(event.new_code));
}

void Inserts::insert_event(std::int64_t connection,
                           EventKind kind,
                           const Moment& at,
                           std::optional<std::int64_t> from,
                           std::optional<std::int64_t> to) {
  Run{insert_event_}
      .with(connection)
      .with(kind)
      .with(at.at_ns)
      .with(at.error_ns)
      .with(from)
      .with(to)
      .exec();
}

void Inserts::operator()(const Refresh& refresh) {
  const auto& connection = refresh.connection;
  const auto id = row_of(connection.id);
  if (connection.gone) {
    flows_.remove({id});  // it had been summed up as it was
  }
  if (update_connection(connection) && connection.gone) {
    ended_.push_back(id);
  }
}

/// It was summed up as what an earlier recorder left open when the session began.
void Inserts::operator()(const Resumed& resumed) {
  const auto row = row_of(resumed.id);
  flows_.remove({row});
  Run{resume_connection_}.with(start_.session_id).with(row).exec();
  port_use_.resume_one(row);
}

void Inserts::operator()(const Census& census) {
  const Moment changed{census.at_ns, census.at_ns - census.since_ns};
  std::vector<std::int64_t> listed;
  listed.reserve(census.connections.size());
  for (const auto& connection : census.connections) {
    take_up(connection, changed);
    listed.push_back(row_of(connection.id));
  }
  std::sort(listed.begin(), listed.end());
  end_unlisted(listed, changed);
}

/// Writes what the file lacks of a connection whose events were lost.
void Inserts::take_up(const Connection& connection, const Moment& changed) {
  const auto row = row_of(connection.id);
  const auto state =
      connection.state ? std::optional{static_cast<std::int64_t>(*connection.state)} : std::nullopt;
  const auto owner = process_row(connection.owner.process);
  std::optional<std::int64_t> old_state;
  std::optional<std::int64_t> old_owner;
  bool known = false;
  bool gone = false;
  {
    Run find{find_connection_};
    find.with(row);
    known = find.step();
    if (known) {
      old_state = find.number(0);
      old_owner = find.number(1);
      gone = find.number(2) != 0;
    }
  }
  if (!known) {
    insert_connection(connection);
    insert_event(row,
                 connection.opened ? EventKind::open : EventKind::present,
                 connection.opened.value_or(Moment{connection.first_seen_ns, 0}),
                 std::nullopt,
                 state);
    return;
  }
  if (gone) {
    return;
  }
  flows_.remove({row});  // left open by an earlier session
  Run{resume_connection_}.with(start_.session_id).with(row).exec();
  update_connection(connection);
  if (old_state != state) {
    insert_event(row, EventKind::state, changed, old_state, state);
  }
  if (old_owner != owner) {
    insert_event(row, EventKind::owner, changed, old_owner, owner);
  }
}

/// What this session had open and is not there any more.
void Inserts::end_unlisted(const std::vector<std::int64_t>& listed, const Moment& ended) {
  std::vector<std::int64_t> unlisted;
  {
    SQLite::Statement select{database_,
                             "SELECT id FROM connection WHERE life_class IS NULL AND gone = 0 AND "
                             "session_id = ? ORDER BY id"};
    Run open{select};
    open.with(start_.session_id);
    while (open.step()) {
      const auto row = open.number(0).value_or(0);
      if (!std::binary_search(listed.begin(), listed.end(), row)) {
        unlisted.push_back(row);
      }
    }
  }
  UnseenEnds ends{database_};
  for (const auto row : unlisted) {
    ends.end(row, ended);
    ended_.push_back(row);
    port_use_.left(row);
  }
}

void Inserts::insert_connection(const Connection& connection) {
  const auto& tuple = connection.tuple;
  const bool has_remote = knows_remote(tuple);
  const auto local = address_id(tuple.local.address);
  const auto remote = has_remote ? address_id(tuple.remote.address) : 0;
  Run insert{insert_connection_};
  insert.with(row_of(connection.id))
      .with(start_.session_id)
      .with(tuple.protocol)
      .with(local)
      .with(tuple.local.port)
      .with(has_remote ? std::optional{remote} : std::nullopt)
      .with(tuple.remote.port != 0 ? std::optional{tuple.remote.port} : std::nullopt)
      .with(known_netns(connection.netns))
      .with(at(connection.opened))
      .with(error(connection.opened))
      .with(connection.first_seen_ns)
      .with(connection.module != 0 ? std::optional{connection.module} : std::nullopt);
  with_changing(insert, connection);
  insert.exec();
  const bool ours =
      connection.direction == Direction::inbound || connection.direction == Direction::listen;
  if (tuple.protocol == Protocol::tcp && tuple.remote.port != 0 && !ours) {
    const auto netns = known_netns(connection.netns);
    port_use_.taken(
        row_of(connection.id),
        {netns ? static_cast<std::int64_t>(*netns) : -1, local, remote, tuple.remote.port},
        connection.opened ? connection.opened->at_ns : connection.first_seen_ns);
  }
}

/// False when it has been dropped to make room.
bool Inserts::is_there(std::int64_t connection) {
  Run find{find_connection_};
  return find.with(connection).step();
}

/// False when it has been dropped to make room.
bool Inserts::update_connection(const Connection& connection) {
  if (connection.direction == Direction::inbound) {
    port_use_.left(row_of(connection.id));  // it was taken for one of ours
  }
  Run update{update_connection_};
  with_changing(update, connection);
  update.with(row_of(connection.id));
  update.exec();
  return database_.getChanges() > 0;
}

/// The columns that change over a connection's life, in the order of both statements.
void Inserts::with_changing(Run& run, const Connection& connection) {
  const auto process = process_row(connection.owner.process);
  // What was told of the process can have been lost.
  const auto owner = connection.owner.process && !process
                         ? Owner{std::nullopt, OwnerSource::unknown, UnknownOwner::gone}
                         : connection.owner;
  run.with(connection.direction)
      .with(peer_id(connection))
      .with(process)
      .with(owner.source)
      .with(reason(owner))
      .with(connection.uid)
      .with(connection.last_seen_ns)
      .with(at(connection.closed))
      .with(error(connection.closed))
      .with(connection.gone)
      .with(connection.state)
      .with(connection.offload)
      .with(connection.outcome)
      .with(reason(connection))
      .with(connection.syns)
      .with(connection.metrics.bytes_sent)
      .with(connection.metrics.bytes_received)
      .with(connection.metrics.retransmits)
      .with(connection.metrics.rtt_us)
      .with(connection.seen_by)
      .with(connection.gone || connection.incarnation == 0 ? std::nullopt
                                                           : std::optional{connection.incarnation});
}

void Inserts::operator()(const Process& process) {
  // The incarnation may be known from an earlier session of the same boot.
  processes_.erase(process.id);
  auto known = process_row(process.id);
  if (!known) {
    Run{insert_process_}
        .with(start_.session_id)
        .with(process.id.pid)
        .with(process.id.start)
        .with(process.started_ns)
        .with(process.name)
        .with(process.exe)
        .with(process.cmdline)
        .with(process.user)
        .with(process.cgroup)
        .with(process.service)
        .with(process.parent_pid)
        .with(process.container)
        .exec();
    known = database_.getLastInsertRowid();
  }
  processes_.emplace(process.id, *known);
}

void Inserts::operator()(const ProcessEnded& ended) {
  const auto row = process_row(ended.id);
  if (row) {
    // Its connections may outlive it, so it stays known.
    Run{end_process_}.with(ended.at.at_ns).with(ended.at.error_ns).with(*row).exec();
  }
}

void Inserts::operator()(const ServiceName& service) {
  Run{insert_service_}
      .with(start_.session_id)
      .with(service.pid)
      .with(service.tag)
      .with(service.name)
      .exec();
}

void Inserts::operator()(const Gap& gap) {
  Run{insert_gap_}
      .with(start_.session_id)
      .with(gap.netns ? known_netns(*gap.netns) : std::nullopt)
      .with(gap.from_ns)
      .with(gap.to_ns)
      .with(gap.source)
      .with(gap.reason)
      .with(gap.lost)
      .with(gap.detail)
      .exec();
}

void Inserts::operator()(const ClockStep& step) {
  Run{insert_clock_step_}.with(start_.session_id).with(step.at_ns).with(step.step_ns).exec();
  Run{step_open_}.with(step.step_ns).exec();
  flows_.note_clock_step();
}

void Inserts::operator()(const Counters& counters) {
  Run{insert_counters_}
      .with(start_.session_id)
      .with(known_netns(counters.netns))
      .with(counters.at_ns)
      .with(counters.active_opens)
      .with(counters.passive_opens)
      .with(counters.attempt_fails)
      .with(counters.estab_resets)
      .with(counters.curr_estab)
      .with(counters.in_segs)
      .with(counters.out_segs)
      .with(counters.retrans_segs)
      .with(counters.in_errs)
      .with(counters.out_rsts)
      .with(counters.in_datagrams)
      .with(counters.no_ports)
      .with(counters.in_errors)
      .with(counters.out_datagrams)
      .exec();
}

void Inserts::operator()(const Coverage& coverage) {
  Run{insert_coverage_}
      .with(start_.session_id)
      .with(known_netns(coverage.netns))
      .with(coverage.from_ns)
      .with(coverage.to_ns)
      .with(coverage.kernel_opens)
      .with(coverage.recorded_opens)
      .with(coverage.kernel_failures)
      .with(coverage.recorded_failures)
      .exec();
}

void Inserts::operator()(const Heartbeat& heartbeat) {
  Run{heartbeat_}
      .with(heartbeat.at_ns)
      .with(heartbeat.ticks)
      .with(heartbeat.late_ticks)
      .with(heartbeat.skipped_ticks)
      .with(start_.session_id)
      .exec();
}

void Inserts::end_batch() {
  std::sort(ended_.begin(), ended_.end());
  ended_.erase(std::unique(ended_.begin(), ended_.end()), ended_.end());
  flows_.add(ended_);
  ended_.clear();
  port_use_.write();
}

std::int64_t Inserts::address_id(const IpAddress& address) {
  if (const auto cached = addresses_.find(address); cached != addresses_.end()) {
    return cached->second;
  }
  const auto text = to_string(address);
  auto id = Run{find_address_}.with(text).number();
  if (!id) {
    Run{insert_address_}
        .with(address.family)
        .with(text)
        .blob(address.bytes.data(), address.size())
        .exec();
    id = database_.getLastInsertRowid();
  }
  if (addresses_.size() >= kMostAddresses) {
    addresses_.clear();
  }
  addresses_.emplace(address, *id);
  return *id;
}

std::optional<std::int64_t> Inserts::peer_id(const Connection& connection) {
  const auto& tuple = connection.tuple;
  if (connection.direction == Direction::listen || !knows_remote(tuple)) {
    return std::nullopt;
  }
  const auto port =
      connection.direction == Direction::inbound ? tuple.local.port : tuple.remote.port;
  Peer peer{connection.direction, tuple.protocol, address_id(tuple.remote.address), std::nullopt};
  if (port != 0) {
    peer.port = port;
  }
  if (const auto cached = peers_.find(peer); cached != peers_.end()) {
    return cached->second;
  }
  auto id = Run{find_peer_}
                .with(peer.remote_address)
                .with(peer.port)
                .with(peer.direction)
                .with(peer.protocol)
                .number();
  if (!id) {
    Run{insert_peer_}
        .with(peer.direction)
        .with(peer.protocol)
        .with(peer.remote_address)
        .with(peer.port)
        .exec();
    id = database_.getLastInsertRowid();
  }
  if (peers_.size() >= kMostPeers) {
    peers_.clear();
  }
  peers_.emplace(peer, *id);
  return id;
}

std::optional<std::int64_t> Inserts::process_row(const std::optional<ProcessId>& process) {
  if (!process) {
    return std::nullopt;
  }
  if (const auto cached = processes_.find(*process); cached != processes_.end()) {
    return cached->second;
  }
  const auto row = Run{find_process_}
                       .with(process->pid)
                       .with(process->start)
                       .with(start_.session_id)
                       .with(start_.boot_id)
                       .number();
  if (processes_.size() >= kMostProcesses) {
    processes_.clear();
  }
  if (row) {
    processes_.emplace(*process, *row);
  }
  return row;
}

void Inserts::forget() {
  processes_.clear();
  addresses_.clear();
  peers_.clear();
  flows_.forget();
}

}  // namespace netlog::store

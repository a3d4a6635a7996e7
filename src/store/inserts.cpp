// SPDX-License-Identifier: MIT
#include "store/inserts.hpp"

#include "store/statement.hpp"

#include <algorithm>
#include <cassert>
#include <string_view>

#include <fmt/format.h>

namespace netlog::store {

namespace {

// The process table and the address cache stay bounded however many peers there are; an address
// that is not cached is looked up in the file.
constexpr std::size_t kMostAddresses = 1'000'000;
constexpr std::size_t kMostPeers = 500'000;

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

Inserts::Inserts(SQLite::Database& database, const Session& session)
    : database_{database},
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
          "bytes_received, retransmits, rtt_us, seen_by) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      update_connection_{
          database,
          "UPDATE connection SET direction = ?, peer_id = ?, process_id = ?, owner_source = ?, "
          "owner_reason = ?, uid = ?, "
          "last_seen_ns = ?, closed_ns = ?, close_error_ns = ?, gone = ?, state = "
          "?, offload = ?, outcome = ?, outcome_reason = ?, syns = ?, "
          "bytes_sent = ?, bytes_received = ?, retransmits = ?, rtt_us = ?, seen_by "
          "= ? WHERE id = ?"},
      insert_event_{database,
                    "INSERT INTO event (connection_id, kind, at_ns, error_ns, old, new) VALUES (?, "
                    "?, ?, ?, ?, ?)"},
      insert_process_{database,
                      "INSERT INTO process (session_id, pid, start, started_ns, name, exe, "
                      "cmdline, user, cgroup, service, "
                      "parent_pid, container) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"},
      find_process_{database,
                    "SELECT p.id FROM process AS p JOIN session AS s ON s.id = p.session_id "
                    "WHERE p.pid = ? AND p.start = ? AND s.boot_id = ? ORDER BY p.id DESC LIMIT 1"},
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
  SQLite::Statement insert{database,
                           "INSERT INTO session (host, os, kernel, netlog_version, boot_id, "
                           "utc_offset_s, interval_ns, sources, "
                           "started_ns, alive_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  Run{insert}
      .with(session.host)
      .with(session.os)
      .with(session.kernel)
      .with(session.netlog_version)
      .with(session.boot_id)
      .with(session.utc_offset_s)
      .with(session.interval_ns)
      .with(session.sources)
      .with(session.started_ns)
      .with(session.started_ns)
      .exec();
  session_id_ = database.getLastInsertRowid();
  connection_base_ = database.execAndGet("SELECT coalesce(max(id), 0) FROM connection").getInt64();
  flows_.catch_up();
  enter_downtime(session);
}

void Inserts::enter_downtime(const Session& session) {
  SQLite::Statement last{database_,
                         "SELECT coalesce(ended_ns, alive_ns), ended_ns IS NULL FROM session WHERE "
                         "id < ? ORDER BY id DESC LIMIT 1"};
  last.bind(1, session_id_);
  if (last.executeStep()) {
    const auto from_ns = last.getColumn(0).getInt64();
    const bool killed = last.getColumn(1).getInt() != 0;
    if (from_ns < session.started_ns) {
      (*this)(Gap{std::nullopt,
                  from_ns,
                  session.started_ns,
                  "recorder",
                  killed ? "recorder was killed" : "not recording",
                  std::nullopt,
                  std::nullopt});
    }
  }
}

void Inserts::operator()(const Event& event) {
  const auto& connection = event.connection;
  const auto id = connection_base_ + connection.id;
  const bool owner = event.kind == EventKind::owner;
  if (owner && connection.gone) {
    flows_.remove(id);  // it had been summed up under another owner
  }
  if (event.kind == EventKind::present || event.kind == EventKind::open) {
    insert_connection(connection);
  } else if (!event.repeats) {
    update_connection(connection);
  }
  if (event.kind == EventKind::close || (owner && connection.gone)) {
    ended_.push_back(id);
  }
  if (event.kind == EventKind::close) {
    port_use_.left(id);
  }
  const auto wide = [](std::optional<std::uint8_t> code) {
    return code ? std::optional<std::int64_t>{*code} : std::nullopt;
  };
  Run{insert_event_}
      .with(id)
      .with(event.kind)
      .with(event.at.at_ns)
      .with(event.at.error_ns)
      .with(owner ? process_row(event.old_owner) : wide(event.old_code))
      .with(owner ? process_row(connection.owner.process) : wide(event.new_code))
      .exec();
  ++events_;
}

void Inserts::insert_connection(const Connection& connection) {
  const auto& tuple = connection.tuple;
  const bool has_remote = knows_remote(tuple);
  const auto local = address_id(tuple.local.address);
  const auto remote = has_remote ? address_id(tuple.remote.address) : 0;
  Run insert{insert_connection_};
  insert.with(connection_base_ + connection.id)
      .with(session_id_)
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
        connection_base_ + connection.id,
        {netns ? static_cast<std::int64_t>(*netns) : -1, local, remote, tuple.remote.port},
        connection.opened ? connection.opened->at_ns : connection.first_seen_ns);
  }
}

void Inserts::update_connection(const Connection& connection) {
  if (connection.direction == Direction::inbound) {
    port_use_.left(connection_base_ + connection.id);  // it was taken for one of ours
  }
  Run update{update_connection_};
  with_changing(update, connection);
  update.with(connection_base_ + connection.id);
  update.exec();
}

/// The columns that change over a connection's life, in the order of both statements.
void Inserts::with_changing(Run& run, const Connection& connection) {
  run.with(connection.direction)
      .with(peer_id(connection))
      .with(process_row(connection.owner.process))
      .with(connection.owner.source)
      .with(reason(connection.owner))
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
      .with(connection.seen_by);
}

void Inserts::operator()(const Process& process) {
  SQLite::Statement boot{database_, "SELECT boot_id FROM session WHERE id = ?"};
  boot.bind(1, session_id_);
  boot.executeStep();
  // The incarnation may be known from an earlier session of the same boot.
  std::optional<std::int64_t> known;
  if (!boot.getColumn(0).isNull()) {
    const auto boot_id = boot.getColumn(0).getString();
    known = Run{find_process_}.with(process.id.pid).with(process.id.start).with(boot_id).number();
  }
  if (!known) {
    Run{insert_process_}
        .with(session_id_)
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
  processes_[process.id] = *known;
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
      .with(session_id_)
      .with(service.pid)
      .with(service.tag)
      .with(service.name)
      .exec();
}

void Inserts::operator()(const Gap& gap) {
  Run{insert_gap_}
      .with(session_id_)
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
  Run{insert_clock_step_}.with(session_id_).with(step.at_ns).with(step.step_ns).exec();
  Run{step_open_}.with(step.step_ns).exec();
  flows_.note_clock_step();
}

void Inserts::operator()(const Counters& counters) {
  Run{insert_counters_}
      .with(session_id_)
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
      .with(session_id_)
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
      .with(session_id_)
      .exec();
}

void Inserts::end_batch() {
  std::sort(ended_.begin(), ended_.end());
  ended_.erase(std::unique(ended_.begin(), ended_.end()), ended_.end());
  flows_.add(ended_);
  ended_.clear();
  port_use_.write();
}

void Inserts::end_session(std::int64_t ended_ns) {
  SQLite::Statement end{database_, "UPDATE session SET ended_ns = ?, alive_ns = ? WHERE id = ?"};
  Run{end}.with(ended_ns).with(ended_ns).with(session_id_).exec();
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

std::optional<std::int64_t> Inserts::process_row(const std::optional<ProcessId>& process) const {
  if (!process) {
    return std::nullopt;
  }
  const auto row = processes_.find(*process);
  assert(row != processes_.end());
  return row == processes_.end() ? std::nullopt : std::optional{row->second};
}

}  // namespace netlog::store

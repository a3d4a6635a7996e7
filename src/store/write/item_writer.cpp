// SPDX-License-Identifier: MIT
#include "store/write/item_writer.hpp"

#include "store/db/statement.hpp"
#include "store/write/orphan_closer.hpp"

#include <algorithm>
#include <set>

#include <fmt/format.h>

namespace netlog::store {

ItemWriter::ItemWriter(SQLite::Database& database, SessionStart& start)
    : database_{database},
      start_{start},
      references_{database, start},
      flows_{database},
      events_{database},
      connections_{database, start, references_, events_, flows_},
      port_use_{database},
      thinning_{database, start.session_id},
      find_connection_{database, "SELECT state, process_id, gone FROM connection WHERE id = ?"},
      resume_connection_{database, "UPDATE connection SET session_id = ? WHERE id = ?"},
      end_process_{
          database,
          // A socket that outlives its process brings a later report of the end, which is wrong.
          "UPDATE process SET ended_ns = iif(ended_ns <= ?1, ended_ns, ?1), "
          "end_error_ns = iif(ended_ns <= ?1, end_error_ns, ?2), "
          "exit_status = coalesce(?3, exit_status), exit_signal = coalesce(?4, exit_signal) "
          "WHERE pid = ?5 AND start = ?6 AND id >= ?7"},
      hash_process_{database,
                    "UPDATE process SET exe_sha256 = coalesce(exe_sha256, ?) WHERE id = ?"},
      insert_service_{database,
                      "INSERT INTO service (session_id, pid, tag, name, caption) VALUES (?, ?, ?, "
                      "?, ?) "
                      "ON CONFLICT DO UPDATE SET name = excluded.name, caption = "
                      "excluded.caption"},
      insert_gap_{
          database,
          "INSERT INTO gap (session_id, netns, from_ns, to_ns, source, reason, lost, detail) "
          "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      insert_clock_step_{
          database,
          "INSERT INTO clock_step (session_id, at_ns, step_ns, after_event) VALUES (?, ?, ?, ?)"},
      step_open_{
          database,
          "UPDATE connection SET last_seen_after_ns = last_seen_after_ns + ?1, clock_adjust_ns = "
          "iif(closed_ns IS NULL, coalesce(clock_adjust_ns, 0) + ?1, clock_adjust_ns) WHERE "
          "duration_bucket IS NULL AND NOT gone"},
      insert_counters_{
          database,
          "INSERT INTO counter_sample (session_id, netns, at_ns, active_opens, passive_opens, "
          "attempt_fails, "
          "estab_resets, curr_estab, in_segs, out_segs, retrans_segs, in_errs, out_rsts, "
          "in_datagrams, no_ports, "
          "in_errors, out_datagrams, num_conns, num_addrs, bound_sockets, rto_algorithm, "
          "rto_min, rto_max, max_conn) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?, ?, ?, ?, ?)"},
      insert_coverage_{database,
                       "INSERT INTO coverage_window (session_id, netns, from_ns, to_ns, "
                       "kernel_opens, recorded_opens, kernel_failures, recorded_failures) "
                       "VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      insert_lookup_{
          database,
          "INSERT INTO lookup (session_id, at_ns, process_id, netns_above, name_id, type, rcode, "
          "answers, ttl_s, latency_ns, server_id, server_port) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, "
          "?, ?, ?)"},
      heartbeat_{database,
                 "UPDATE session SET alive_ns = ?, ticks = ?, late_ticks = ?, skipped_ticks = ? "
                 "WHERE id = ?"} {
  port_use_.resume(start.session_id);
}

void ItemWriter::operator()(const ConnectionEvents& of) {
  const auto& connection = of.connection;
  if (detail_ == Detail::thinned && is_whole_life(of) && thinning_.leaves_out(connection)) {
    return count_without_row(of);
  }
  const auto id = row_of(connection.id);
  const auto has = [&](EventKind kind) {
    return std::any_of(
        of.events.begin(), of.events.end(), [&](const Event& event) { return event.kind == kind; });
  };
  // A new owner of a connection that is part of the sums. If its close is still buffered, or comes
  // later, there is nothing to take out.
  const bool was_in_sums = has(EventKind::owner) && connection.gone && flows_.remove({id});
  if (const auto first = of.events.front().kind;
      first == EventKind::present || first == EventKind::open) {
    open(connection);
  } else if (!update(connection)) {
    port_use_.left(id);
    return;
  }
  const bool closes = has(EventKind::close);
  if (closes) {
    port_use_.left(id);
  }
  if (closes || was_in_sums) {
    connections_.close(id);
  }
  for (const auto& event : of.events) {
    connections_.add_event(id, stored(connection, event));
  }
}

void ItemWriter::count_without_row(const ConnectionEvents& of) {
  const auto& connection = of.connection;
  std::vector<StoredEvent> events;
  events.reserve(of.events.size());
  for (const auto& event : of.events) {
    events.push_back(stored(connection, event));
  }
  connections_.count_without_row(connection, events);
  take_port(connection);
  if (connection.gone) {
    port_use_.left(row_of(connection.id));
  }
}

/// Without its id.
StoredEvent ItemWriter::stored(const Connection& connection, const Event& event) {
  const auto wide = [](std::optional<std::uint8_t> code) {
    return code ? std::optional<std::int64_t>{*code} : std::nullopt;
  };
  const bool owner = event.kind == EventKind::owner;
  return {0,
          static_cast<std::int64_t>(event.kind),
          event.at.at_ns,
          event.at.error_ns,
          owner ? references_.process(event.old_owner) : wide(event.old_code),
          owner ? references_.process(connection.owner.process) : wide(event.new_code)};
}

void ItemWriter::open(const Connection& connection) {
  connections_.open(connection);
  take_port(connection);
}

void ItemWriter::take_port(const Connection& connection) {
  const auto& tuple = connection.tuple;
  const bool ours =
      connection.direction == Direction::inbound || connection.direction == Direction::listen;
  if (tuple.protocol == Protocol::tcp && tuple.remote.port != 0 && !ours) {
    port_use_.taken(row_of(connection.id),
                    {known_netns(connection.netns).value_or(-1),
                     references_.address(tuple.local.address),
                     references_.address(tuple.remote.address),
                     tuple.remote.port},
                    connection.opened ? connection.opened->at_ns : connection.first_seen_ns);
  }
}

/// @returns false if retention has deleted the row
bool ItemWriter::update(const Connection& connection) {
  if (connection.direction == Direction::inbound) {
    port_use_.left(row_of(connection.id));  // it was thought to be outbound
  }
  return connections_.update(connection);
}

void ItemWriter::operator()(const Refresh& refresh) {
  const auto& connection = refresh.connection;
  const auto id = row_of(connection.id);
  const bool was_in_sums = connection.gone && flows_.remove({id});
  if (update(connection) && was_in_sums) {
    connections_.close(id);
  }
}

/// The connection became part of the sums when the session began, as one that was left open.
void ItemWriter::operator()(const Resumed& resumed) {
  const auto row = row_of(resumed.id);
  flows_.remove({row});
  BoundStatement{resume_connection_}.with(start_.session_id).with(row).exec();
  port_use_.resume_one(row);
}

void ItemWriter::operator()(const Resync& resync) {
  connections_.write();  // the connections are compared with the rows of the file
  start_.continue_rows(resync.connections);
  const Moment changed{resync.at_ns, resync.at_ns - resync.since_ns};
  std::vector<std::int64_t> listed;
  listed.reserve(resync.connections.size());
  for (const auto& connection : resync.connections) {
    reconcile(connection, changed);
    listed.push_back(row_of(connection.id));
  }
  std::sort(listed.begin(), listed.end());
  close_missing(listed, changed);
  if (start_.in_another_file) {
    close_left_open(resync);
  }
}

/// Brings the row of a connection up to date. Its lost events become one for each difference.
void ItemWriter::reconcile(const Connection& connection, const Moment& changed) {
  const auto row = row_of(connection.id);
  const auto add_event = [&](EventKind kind, const Moment& at, auto from, auto to) {
    connections_.add_event(row,
                           {0, static_cast<std::int64_t>(kind), at.at_ns, at.error_ns, from, to});
  };
  const auto state =
      connection.state ? std::optional{static_cast<std::int64_t>(*connection.state)} : std::nullopt;
  const auto owner = references_.process(connection.owner.process);
  std::optional<std::int64_t> old_state;
  std::optional<std::int64_t> old_owner;
  bool known = false;
  bool gone = false;
  {
    BoundStatement find{find_connection_};
    find.with(row);
    known = find.step();
    if (known) {
      old_state = find.number(0);
      old_owner = find.number(1);
      gone = find.number(2) != 0;
    }
  }
  if (!known) {
    open(connection);
    add_event(connection.opened ? EventKind::open : EventKind::present,
              connection.opened.value_or(Moment{connection.first_seen_ns, 0}),
              std::optional<std::int64_t>{},
              state);
    return;
  }
  if (gone) {
    return;
  }
  flows_.remove({row});  // it is part of the sums if an earlier session left it open
  BoundStatement{resume_connection_}.with(start_.session_id).with(row).exec();
  update(connection);
  if (old_state != state) {
    add_event(EventKind::state, changed, old_state, state);
  }
  if (old_owner != owner) {
    add_event(EventKind::owner, changed, old_owner, owner);
  }
}

/// Closes the connections that are open in this session and are not listed.
void ItemWriter::close_missing(const std::vector<std::int64_t>& listed, const Moment& ended) {
  std::vector<std::int64_t> missing;
  {
    SQLite::Statement select{
        database_,
        "SELECT id FROM connection WHERE duration_bucket IS NULL AND gone = 0 AND "
        "session_id = ? ORDER BY id"};
    BoundStatement open{select};
    open.with(start_.session_id);
    while (open.step()) {
      const auto row = open.number(0).value_or(0);
      if (!std::binary_search(listed.begin(), listed.end(), row)) {
        missing.push_back(row);
      }
    }
  }
  connections_.write();  // so that the close events come after those that it writes
  OrphanCloser closer{database_, events_};
  for (const auto row : missing) {
    closer.close(row, ended);
    connections_.close(row);
    port_use_.left(row);
  }
}

/// Closes the connections that earlier sessions left open in this file and that do not go on in
/// this session: they ended when none of these sessions recorded into the file. Where the source
/// does not identify sockets, nobody knows which of them go on.
void ItemWriter::close_left_open(const Resync& resync) {
  std::set<std::uint64_t> unidentified;  // namespaces
  for (const auto& connection : resync.connections) {
    if (connection.incarnation == 0) {
      unidentified.insert(connection.netns);
    }
  }
  auto left = rows_left_open(database_, start_);
  std::erase_if(left, [&](const auto& row) { return unidentified.contains(row.netns); });
  std::vector<std::int64_t> rows;
  rows.reserve(left.size());
  for (const auto& connection : left) {
    rows.push_back(connection.row);
  }
  flows_.remove(rows);  // they are part of the sums, as those that were left open
  OrphanCloser closer{database_, events_};
  for (const auto& connection : left) {
    closer.close_since(connection.row, connection.seen_ns, resync.at_ns);
    connections_.close(connection.row);
  }
}

void ItemWriter::operator()(const Process& process) {
  references_.add(process);
}

void ItemWriter::operator()(const ProcessEnded& ended) {
  if (const auto row = references_.process(ended.id)) {
    // It stays in the cache: its connections may outlive it.
    // wait(2): the signal that ended it, or its exit status.
    constexpr std::int64_t kSignal = 0x7f;
    constexpr int kStatusShift = 8;
    std::optional<std::int64_t> status;
    std::optional<std::int64_t> signal;
    if (ended.wait_status && (*ended.wait_status & kSignal) != 0) {
      signal = *ended.wait_status & kSignal;
    } else if (ended.wait_status) {
      status = *ended.wait_status >> kStatusShift;
    }
    BoundStatement{end_process_}
        .with(ended.at.at_ns)
        .with(ended.at.error_ns)
        .with(status)
        .with(signal)
        .with(ended.id.pid)
        .with(ended.id.start)
        .with(*row)
        .exec();
  }
}

void ItemWriter::operator()(const ExecutableHashed& hashed) {
  if (const auto row = references_.process(hashed.id)) {
    BoundStatement{hash_process_}.with(hashed.sha256).with(*row).exec();
  }
}

void ItemWriter::operator()(const ServiceName& service) {
  BoundStatement{insert_service_}
      .with(start_.session_id)
      .with(service.pid)
      .with(service.tag)
      .with(service.name)
      .with(service.caption)
      .exec();
}

void ItemWriter::operator()(const Gap& gap) {
  BoundStatement{insert_gap_}
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

void ItemWriter::operator()(const ClockStep& step) {
  connections_.write();  // the times of open connections are moved to the new clock below
  BoundStatement{insert_clock_step_}
      .with(start_.session_id)
      .with(step.at_ns)
      .with(step.step_ns)
      .with(events_.last_id())
      .exec();
  BoundStatement{step_open_}.with(step.step_ns).exec();
  flows_.reload_clock_steps();
}

void ItemWriter::operator()(const Counters& counters) {
  BoundStatement{insert_counters_}
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
      .with(counters.num_conns)
      .with(counters.num_addrs)
      .with(counters.bound_sockets)
      .with(counters.parameters.rto_algorithm)
      .with(counters.parameters.rto_min_ms)
      .with(counters.parameters.rto_max_ms)
      .with(counters.parameters.max_conn)
      .exec();
}

void ItemWriter::operator()(const Coverage& coverage) {
  BoundStatement{insert_coverage_}
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

void ItemWriter::operator()(const Lookup& lookup) {
  const auto answers = fmt::format("{}", fmt::join(lookup.answers, ", "));
  BoundStatement{insert_lookup_}
      .with(start_.session_id)
      .with(lookup.at_ns)
      .with(references_.process(lookup.process))
      .with(netns_above(lookup.netns))
      .with(references_.name(lookup.name))
      .with(lookup.type)
      .with(lookup.rcode)
      .with(lookup.answers.empty() ? std::nullopt : std::optional{answers})
      .with(lookup.ttl_s)
      .with(lookup.latency_ns)
      .with(references_.address(lookup.server.address))
      .with(lookup.server.port)
      .exec();
}

void ItemWriter::operator()(const Heartbeat& heartbeat) {
  BoundStatement{heartbeat_}
      .with(heartbeat.at_ns)
      .with(heartbeat.ticks - start_.counted.ticks)
      .with(heartbeat.late_ticks - start_.counted.late_ticks)
      .with(heartbeat.skipped_ticks - start_.counted.skipped_ticks)
      .with(start_.session_id)
      .exec();
}

void ItemWriter::end_batch() {
  thinning_.end_batch();
  connections_.write();
  port_use_.write();
}

void ItemWriter::forget() {
  references_.forget();
  flows_.forget();
}

}  // namespace netlog::store

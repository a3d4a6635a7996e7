// SPDX-License-Identifier: MIT
#include "store/write/session_start.hpp"

#include "store/db/statement.hpp"
#include "store/rollup/flows.hpp"
#include "store/write/orphan_closer.hpp"

#include <algorithm>
#include <utility>

#include <SQLiteCpp/Transaction.h>

namespace netlog::store {
namespace {

// Of 255 bytes on the wire, each written as `\DDD`. A file may be damaged or forged.
constexpr int kLongestName = 1'020;

/// The session before this one.
struct Earlier {
  std::int64_t id = 0;
  std::optional<std::string> boot_id;
  std::int64_t alive_ns = 0;
  bool killed = false;
};

std::int64_t insert_session(SQLite::Database& database, const Session& session) {
  SQLite::Statement insert{database,
                           "INSERT INTO session (host, os, kernel, netlog_version, boot_id, "
                           "utc_offset_s, interval_ns, sources, "
                           "started_ns, alive_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"};
  BoundStatement{insert}
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
  return database.getLastInsertRowid();
}

std::optional<Earlier> find_earlier(SQLite::Database& database, std::int64_t session_id) {
  SQLite::Statement select{database,
                           "SELECT id, boot_id, coalesce(ended_ns, alive_ns), "
                           "ended_ns IS NULL FROM session WHERE id < ? ORDER BY id DESC LIMIT 1"};
  select.bind(1, session_id);
  if (!select.executeStep()) {
    return std::nullopt;
  }
  const auto boot = select.getColumn(1);
  return Earlier{select.getColumn(0).getInt64(),
                 boot.isNull() ? std::nullopt : std::optional{boot.getString()},
                 select.getColumn(2).getInt64(),
                 select.getColumn(3).getInt() != 0};
}

void insert_downtime_gap(SQLite::Database& database,
                         std::int64_t session_id,
                         const Earlier& earlier,
                         std::int64_t started_ns) {
  const std::string reason{earlier.killed ? "recorder was killed" : "not recording"};
  SQLite::Statement insert{database,
                           "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, detail) "
                           "SELECT ?1, min(?2, ?3), max(?2, ?3), 'recorder', ?4, iif(?2 > ?3, "
                           "'the clock stood before its last sign of life', NULL) WHERE ?2 <> ?3"};
  BoundStatement{insert}
      .with(session_id)
      .with(earlier.alive_ns)
      .with(started_ns)
      .with(reason)
      .exec();
}

/// Closes all open connections: no socket survives a reboot.
void close_all_after_reboot(SQLite::Database& database, std::int64_t started_ns) {
  std::vector<RowLeftOpen> left;
  std::vector<std::int64_t> summed;  // part of the sums, as left open by a session
  {
    SQLite::Statement select{database,
                             "SELECT c.id, max(c.last_seen_ns, s.alive_ns), c.duration_bucket IS "
                             "NOT NULL FROM connection AS "
                             "c JOIN session AS s ON s.id = c.session_id WHERE c.gone = 0 AND "
                             "(c.duration_bucket IS NULL OR "
                             "c.incarnation IS NOT NULL) ORDER BY c.id"};
    while (select.executeStep()) {
      left.push_back({select.getColumn(0).getInt64(), select.getColumn(1).getInt64()});
      if (select.getColumn(2).getInt() != 0) {
        summed.push_back(left.back().row);
      }
    }
  }
  Flows{database}.remove(summed);
  EventRows events{database};
  OrphanCloser closer{database, events};
  for (const auto& connection : left) {
    closer.close_since(connection.row, connection.seen_ns, started_ns);
  }
}

/// Nothing if the columns are not valid: the file may be damaged or forged.
std::optional<Endpoint> endpoint_of(const SQLite::Column& text, std::int64_t port) {
  const auto address = text.isNull() ? std::optional{IpAddress{}} : parse_address(text.getString());
  return address && port >= 0 && port <= UINT16_MAX
             ? std::optional{Endpoint{*address, static_cast<std::uint16_t>(port)}}
             : std::nullopt;
}

template <typename Code>
std::optional<Code> code_of(const BoundStatement& row, int column) {
  const auto value = row.number(column);
  return value ? std::optional{static_cast<Code>(*value)} : std::nullopt;
}

template <typename Number>
std::optional<Number> number_of(const BoundStatement& row, int column) {
  const auto value = row.number(column);
  return value ? std::optional{static_cast<Number>(*value)} : std::nullopt;
}

void read_left_open(SQLite::Database& database,
                    const std::optional<std::string>& boot_id,
                    SessionStart& start) {
  SQLite::Statement select{
      database,
      "SELECT c.id, c.netns, c.protocol, l.text, c.local_port, r.text, coalesce(c.remote_port, 0), "
      "c.direction, c.state, c.offload, p.pid, p.start, c.owner_source, c.owner_reason, c.uid, "
      "coalesce(c.module, 0), c.opened_ns, c.open_error_ns, c.first_seen_ns, "
      "max(c.last_seen_ns, s.alive_ns), c.closed_ns, c.close_error_ns, c.outcome, "
      "c.outcome_reason, c.bytes_sent, c.bytes_received, c.retransmits, c.rtt_us, "
      "c.seen_by, c.incarnation, c.process_id, coalesce(s.ended_ns, s.alive_ns), s.interval_ns, "
      "coalesce(p.image, 0), c.datagrams_sent, c.datagrams_received, substr(n.text, 1, :longest), "
      "e.name_source "
      "FROM connection AS c JOIN session AS s ON s.id = c.session_id "
      "JOIN address AS l ON l.id = c.local_address_id "
      "LEFT JOIN address AS r ON r.id = c.remote_address_id "
      "LEFT JOIN process AS p ON p.id = c.process_id "
      "LEFT JOIN peer AS e ON e.id = c.peer_id "
      "LEFT JOIN name AS n ON n.id = e.name_id "
      // Also of sessions before the last one, whose source may not have known incarnations.
      "WHERE c.incarnation IS NOT NULL AND c.gone = 0 AND s.boot_id IS :boot ORDER BY c.id"};
  if (boot_id) {
    select.bind(":boot", *boot_id);
  }
  select.bind(":longest", kLongestName);
  BoundStatement row{select};
  while (row.step()) {
    const auto moment = [&](int column) {
      const auto at = row.number(column);
      return at ? std::optional{Moment{*at, row.number(column + 1).value_or(0)}} : std::nullopt;
    };
    auto local = endpoint_of(select.getColumn(3), row.number(4).value_or(-1));
    auto remote = endpoint_of(select.getColumn(5), row.number(6).value_or(-1));
    if (!local || !remote) {
      continue;
    }
    if (select.getColumn(5).isNull()) {
      remote->address.family = local->address.family;
    }
    Connection connection;
    connection.id = static_cast<ConnectionId>(start.left_open_rows.size()) + 1;
    connection.netns = static_cast<std::uint64_t>(row.number(1).value_or(0));
    connection.tuple = FiveTuple{static_cast<Protocol>(row.number(2).value_or(0)), *local, *remote};
    connection.direction = static_cast<Direction>(row.number(7).value_or(0));
    connection.state = code_of<TcpState>(row, 8);
    connection.offload = code_of<Offload>(row, 9);
    if (row.number(10) && row.number(11)) {
      connection.owner.process = ProcessId{static_cast<std::uint32_t>(*row.number(10)),
                                           static_cast<std::uint64_t>(*row.number(11)),
                                           static_cast<std::uint32_t>(*row.number(33))};
      start.owners[*connection.owner.process] = row.number(30).value_or(0);
    }
    connection.owner.source = static_cast<OwnerSource>(row.number(12).value_or(0));
    connection.owner.why = static_cast<UnknownOwner>(row.number(13).value_or(0));
    connection.uid = number_of<std::uint32_t>(row, 14);
    connection.module = static_cast<std::uint64_t>(row.number(15).value_or(0));
    connection.opened = moment(16);
    connection.first_seen_ns = row.number(18).value_or(0);
    connection.last_seen_ns = row.number(19).value_or(0);
    connection.closed = moment(20);
    connection.outcome = static_cast<Outcome>(row.number(22).value_or(0));
    connection.outcome_why = code_of<UnknownOutcome>(row, 23);
    connection.metrics.bytes_sent = number_of<std::uint64_t>(row, 24);
    connection.metrics.bytes_received = number_of<std::uint64_t>(row, 25);
    connection.metrics.retransmits = number_of<std::uint32_t>(row, 26);
    connection.metrics.datagrams_sent = number_of<std::uint64_t>(row, 34);
    connection.metrics.datagrams_received = number_of<std::uint64_t>(row, 35);
    connection.metrics.rtt_us = number_of<std::uint32_t>(row, 27);
    if (const auto name = select.getColumn(36); !name.isNull()) {
      connection.remote_name = name.getString();
      connection.name_source = code_of<NameSource>(row, 37).value_or(NameSource::none);
    }
    connection.seen_by = static_cast<SeenBy>(row.number(28).value_or(0));
    connection.incarnation = static_cast<std::uint64_t>(row.number(29).value_or(0));
    // The last session that had one of them.
    if (const auto alive_ns = row.number(31).value_or(0); alive_ns > start.left_open.alive_ns) {
      start.left_open.alive_ns = alive_ns;
      start.left_open.interval_ns = row.number(32).value_or(0);
    }
    start.left_open_rows.push_back(row.number(0).value_or(0));
    start.left_open.connections.push_back(connection);
  }
}

}  // namespace

std::int64_t SessionStart::row_of(ConnectionId id) const {
  if (const auto row = continued_.find(id); row != continued_.end()) {
    return row->second;
  }
  const auto old = static_cast<ConnectionId>(left_open_rows.size());
  return id <= old ? left_open_rows.at(static_cast<std::size_t>(id - 1))
                   : connection_base + id - old;
}

void SessionStart::begin_in_another_file(const Heartbeat& there) {
  in_another_file = true;
  counted = there;
  for (std::size_t i = 0; i < left_open_rows.size(); ++i) {
    const auto& connection = left_open.connections[i];
    rows_here_.try_emplace({connection.netns, connection.tuple, connection.incarnation},
                           left_open_rows[i]);
  }
  left_open = {};
  left_open_rows.clear();
}

void SessionStart::continue_rows(const std::vector<Connection>& connections) {
  if (rows_here_.empty()) {
    return;
  }
  for (const auto& connection : connections) {
    const auto row = rows_here_.find({connection.netns, connection.tuple, connection.incarnation});
    if (row != rows_here_.end()) {
      continued_.try_emplace(connection.id, row->second);
    }
  }
  rows_here_.clear();  // what opens later has a row of its own
}

std::vector<RowLeftOpen> rows_left_open(SQLite::Database& database, const SessionStart& start) {
  SQLite::Statement select{
      database,
      "SELECT c.id, max(c.last_seen_ns, s.alive_ns), coalesce(c.netns, 0) FROM connection AS c "
      "JOIN session AS s ON s.id = c.session_id WHERE c.incarnation IS NOT NULL AND c.gone = 0 "
      "AND c.session_id <> :session AND s.boot_id IS :boot ORDER BY c.id"};
  select.bind(":session", start.session_id);
  if (start.boot_id) {
    select.bind(":boot", *start.boot_id);
  }
  std::vector<RowLeftOpen> left;
  while (select.executeStep()) {
    left.push_back({select.getColumn(0).getInt64(),
                    select.getColumn(1).getInt64(),
                    static_cast<std::uint64_t>(select.getColumn(2).getInt64())});
  }
  return left;
}

SessionStart start_session(SQLite::Database& database, const Session& session) {
  SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
  SessionStart start;
  start.session_id = insert_session(database, session);
  start.boot_id = session.boot_id;
  if (const auto earlier = find_earlier(database, start.session_id)) {
    insert_downtime_gap(database, start.session_id, *earlier, session.started_ns);
    const bool same_boot = earlier->boot_id == session.boot_id;
    if (!same_boot && earlier->boot_id && session.boot_id) {
      close_all_after_reboot(database, session.started_ns);
    } else if (same_boot) {
      read_left_open(database, session.boot_id, start);
      start.left_open.alive_ns = std::min(start.left_open.alive_ns, session.started_ns);
    }
  }
  start.connection_base =
      database.execAndGet("SELECT coalesce(max(id), 0) FROM connection").getInt64();
  Flows{database}.add_missing();
  transaction.commit();
  return start;
}

}  // namespace netlog::store

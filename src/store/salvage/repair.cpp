// SPDX-License-Identifier: MIT
#include "store/salvage/repair.hpp"

#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/port_use.hpp"
#include "store/salvage/event_repair.hpp"

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog::store {
namespace {

/// Makes rows of the events in histories, and counts those that are lost: the ids that are missing
/// then, or at least one for each history that is no list any more.
void unfold_histories(SQLite::Database& database, Salvaged& salvaged) {
  const auto number = [&](std::string_view sql) {
    return database.execAndGet(expand_sql(sql)).getInt64();
  };
  const auto unreadable = number("SELECT count(*) FROM connection WHERE history <> $list(history)");
  const auto unfolded = database.exec(
      "INSERT OR IGNORE INTO event (id, connection_id, kind, at_ns, error_ns, old, new) SELECT id, "
      "connection_id, kind, at_ns, error_ns, old, new FROM event_codes WHERE id IS NOT NULL");
  database.exec("UPDATE connection SET history = NULL, first_event = NULL, last_event = NULL");
  const auto is_damaged = [](const SalvagedTable& table) {
    return table.lost > 0 && (table.name == "event" || table.name == "connection");
  };
  const bool damaged = std::any_of(salvaged.tables.begin(), salvaged.tables.end(), is_damaged);
  for (auto& table : salvaged.tables) {
    if (table.name == "event") {
      table.rows += unfolded;
      table.lost = damaged ? number(
                                 "SELECT coalesce(max(id) - min(id) + 1, 0) - count(*) FROM "
                                 "event WHERE id > 0")
                           : 0;
      table.lost = std::max(table.lost, unreadable);
    }
  }
}

/// Deletes rows that mean nothing without a lost row, and replaces references to lost rows.
/// @returns how many rows of each table were deleted
std::map<std::string, std::int64_t> repair_references(SQLite::Database& database) {
  std::map<std::string, std::int64_t> dropped;
  dropped["event"] = database.exec(
      "DELETE FROM event WHERE connection_id NOT IN (SELECT id FROM connection) OR kind NOT "
      "BETWEEN 0 AND 5 OR error_ns < 0");
  dropped["connection"] = database.exec("DELETE FROM connection WHERE gone NOT IN (0, 1)");
  database.exec(
      "INSERT INTO session (id, host, os, kernel, netlog_version, utc_offset_s, interval_ns, "
      "sources, started_ns, alive_ns) "
      "SELECT session_id, '?', '?', '?', 'salvaged', 0, 0, '?', min(from_ns), max(to_ns) FROM ("
      "SELECT session_id, coalesce(opened_ns, first_seen_ns) AS from_ns, max(last_seen_ns, "
      "coalesce(closed_ns, 0)) AS to_ns FROM connection "
      "UNION ALL SELECT session_id, started_ns, coalesce(ended_ns, started_ns) FROM process "
      "UNION ALL SELECT session_id, from_ns, to_ns FROM gap "
      "UNION ALL SELECT session_id, from_ns, to_ns FROM coverage_window "
      "UNION ALL SELECT session_id, at_ns, at_ns FROM lookup "
      "UNION ALL SELECT session_id, at_ns, at_ns FROM counter_sample) "
      "WHERE session_id NOT IN (SELECT id FROM session) GROUP BY session_id");
  database.exec("DELETE FROM service WHERE session_id NOT IN (SELECT id FROM session)");
  dropped["lookup"] = database.exec(
      "DELETE FROM lookup WHERE name_id NOT IN (SELECT id FROM name) OR server_id NOT IN (SELECT "
      "id FROM address)");
  database.exec(
      "UPDATE lookup SET process_id = NULL WHERE process_id NOT IN (SELECT id FROM process)");
  if (database.exec(
          "UPDATE connection SET local_address_id = -1 WHERE local_address_id NOT IN (SELECT id "
          "FROM address)") > 0) {
    database.exec(
        "INSERT OR IGNORE INTO address (family, text, bytes) VALUES (4, '0.0.0.0', x'00000000')");
    database.exec(
        "UPDATE connection SET local_address_id = (SELECT id FROM address WHERE text = "
        "'0.0.0.0') WHERE local_address_id = -1");
  }
  database.exec(
      "UPDATE connection SET remote_address_id = NULL WHERE remote_address_id NOT IN (SELECT id "
      "FROM address)");
  database.exec(
      expand_sql("UPDATE connection SET process_id = NULL, owner_source = $owner_source.unknown, "
                 "owner_reason = NULL WHERE "
                 "process_id NOT IN (SELECT id FROM process)"));
  database.exec(expand_sql(
      "UPDATE event SET old = iif(old IN (SELECT id FROM process), old, NULL), new = iif(new IN "
      "(SELECT id FROM process), new, NULL) WHERE kind = $event.owner"));
  database.exec(
      "UPDATE connection SET open_error_ns = NULL, opened_after_ns = NULL WHERE open_error_ns < 0 "
      "OR "
      "(closed_ns < opened_ns - open_error_ns AND NOT EXISTS (SELECT 1 FROM gap AS g WHERE "
      "g.session_id = connection.session_id AND g.source = 'clock'))");
  database.exec(
      "UPDATE connection SET close_error_ns = NULL, closed_after_ns = NULL WHERE close_error_ns < "
      "0");
  return dropped;
}

/// Connections keep the peers that were saved, which know names. For others there are peers without
/// a name.
void repair_peers(SQLite::Database& database) {
  constexpr std::string_view kIsPeer =
      "p.remote_address_id = connection.remote_address_id AND p.port IS iif(connection.direction = "
      "$direction.inbound, connection.local_port, connection.remote_port) AND p.direction = "
      "connection.direction AND p.protocol = connection.protocol";
  database.exec(
      "UPDATE peer SET name_id = NULL, name_source = NULL WHERE name_id NOT IN (SELECT id FROM "
      "name)");
  database.exec(expand_sql(
      fmt::format("UPDATE connection SET peer_id = NULL WHERE direction = $direction.listen OR NOT "
                  "EXISTS (SELECT 1 FROM peer AS p WHERE p.id = connection.peer_id AND {})",
                  kIsPeer)));
  database.exec(
      expand_sql("INSERT INTO peer (direction, protocol, remote_address_id, port) "
                 "SELECT DISTINCT direction, protocol, remote_address_id, iif(direction = "
                 "$direction.inbound, local_port, remote_port) FROM connection WHERE peer_id IS "
                 "NULL AND remote_address_id IS NOT NULL AND direction <> $direction.listen"));
  database.exec(expand_sql(
      fmt::format("UPDATE connection SET peer_id = (SELECT max(p.id) FROM peer AS p WHERE {}) "
                  "WHERE peer_id IS NULL AND direction <> $direction.listen",
                  kIsPeer)));
  database.exec(
      "DELETE FROM peer WHERE id NOT IN (SELECT peer_id FROM connection WHERE peer_id IS NOT "
      "NULL)");
}

void recompute_sums(SQLite::Database& database) {
  database.exec("UPDATE connection SET flow_id = NULL, duration_bucket = NULL");
  repair_peers(database);
  Flows{database}.add_missing();
  sum_ports(database);
}

/// One gap for each table with lost rows, over the time of the whole recording.
void insert_gaps(SQLite::Database& database, const Salvaged& salvaged) {
  database.exec(
      "INSERT INTO session (host, os, kernel, netlog_version, utc_offset_s, interval_ns, "
      "sources, started_ns, alive_ns) SELECT '?', '?', '?', 'salvaged', 0, 0, '?', 0, 0 WHERE "
      "NOT EXISTS (SELECT 1 FROM session)");
  SQLite::Statement insert{
      database,
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, detail) SELECT "
      "max(id), "
      "min(started_ns), max(max(alive_ns, coalesce(ended_ns, alive_ns))), 'salvage', 'rows could "
      "not "
      "be read', ?, ? FROM session"};
  for (const auto& table : salvaged.tables) {
    if (table.lost + table.dropped > 0) {
      const auto detail = fmt::format("{}: {} could not be read, {} were dropped, {} were saved",
                                      table.name,
                                      table.lost,
                                      table.dropped,
                                      table.rows - table.dropped);
      BoundStatement{insert}.with(table.lost + table.dropped).with(detail).exec();
    }
  }
  if (salvaged.damaged_pages > 0 || salvaged.missing_pages > 0) {
    const auto detail = salvaged.damage();
    BoundStatement{insert}.with(std::optional<std::int64_t>{}).with(detail).exec();
  }
}

}  // namespace

void repair(SQLite::Database& database, Salvaged& salvaged) {
  unfold_histories(database, salvaged);
  auto dropped = repair_references(database);
  dropped["event"] += repair_events(database);
  for (auto& table : salvaged.tables) {
    table.dropped = dropped[table.name];
  }
  recompute_sums(database);
  insert_gaps(database, salvaged);
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/clip/clip_selection.hpp"

#include "store/db/sql_macros.hpp"

#include <cstdint>
#include <limits>
#include <variant>

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

// The owners of the selected connections, earlier and later ones too; with
// :include_unrelated_processes also the processes that were alive in the window; and the recorded
// parents of all these. A process whose end nobody saw has ended with its boot.
constexpr std::string_view kSelectProcesses = R"sql(
INSERT INTO temp.clip_process
WITH RECURSIVE
lived AS (
  SELECT
    p.id,
    p.pid,
    p.parent_pid,
    p.started_ns,
    coalesce(s.boot_id, s.id) AS boot,
    coalesce(p.ended_ns, (
      SELECT max(b.alive_ns) FROM session AS b WHERE coalesce(b.boot_id, b.id) = coalesce(s.boot_id, s.id)
    )) AS ended_ns
  FROM process AS p
  LEFT JOIN session AS s ON s.id = p.session_id
),
family (id) AS (
  SELECT process_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE process_id IS NOT NULL
  UNION
  SELECT old FROM temp.clip_connection AS k CROSS JOIN event AS e ON e.connection_id = k.id WHERE kind = $event.owner AND old IS NOT NULL
  UNION
  SELECT new FROM temp.clip_connection AS k CROSS JOIN event AS e ON e.connection_id = k.id WHERE kind = $event.owner AND new IS NOT NULL
  UNION
  SELECT process_id FROM lookup WHERE :include_unrelated_processes AND at_ns BETWEEN :from_ns AND :to_ns AND process_id IS NOT NULL
  UNION
  SELECT id FROM lived WHERE :include_unrelated_processes AND started_ns <= :to_ns AND ended_ns >= :from_ns
  UNION
  SELECT parent.id
  FROM family
  JOIN lived AS child ON child.id = family.id
  JOIN lived AS parent
    ON parent.pid = child.parent_pid AND parent.boot = child.boot AND parent.id <> child.id
    AND parent.started_ns <= child.started_ns AND parent.ended_ns >= child.started_ns
)
SELECT id FROM family WHERE id IN (SELECT id FROM process))sql";

constexpr std::string_view kSelectRest = R"sql(
CREATE TEMP TABLE clip_coverage AS SELECT id FROM coverage_window WHERE from_ns <= :to_ns AND to_ns >= :from_ns;
CREATE TEMP TABLE clip_counters AS SELECT id FROM counter_sample WHERE at_ns BETWEEN :from_ns AND :to_ns;
CREATE TEMP TABLE clip_lookup AS SELECT id FROM lookup WHERE at_ns BETWEEN :from_ns AND :to_ns AND (
  :include_unrelated_processes
  OR process_id IN (SELECT process_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id)
);
-- Clock steps explain the times of whole connections, so those are copied, too.
CREATE TEMP TABLE clip_gap AS SELECT id FROM gap WHERE from_ns <= :to_ns AND to_ns >= :from_ns OR source = 'clock'
  AND session_id IN (SELECT session_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id);
CREATE TEMP TABLE clip_peer AS
  SELECT DISTINCT peer_id AS id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE peer_id IS NOT NULL;
CREATE TEMP TABLE clip_name AS
  SELECT name_id AS id FROM temp.clip_peer AS k CROSS JOIN peer AS p ON p.id = k.id WHERE name_id IS NOT NULL
  UNION
  SELECT name_id FROM temp.clip_lookup AS k CROSS JOIN lookup AS q ON q.id = k.id;
CREATE TEMP TABLE clip_address AS
  SELECT server_id AS id FROM temp.clip_lookup AS k CROSS JOIN lookup AS q ON q.id = k.id
  UNION
  SELECT local_address_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id
  UNION
  SELECT remote_address_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE remote_address_id IS NOT NULL
  UNION
  SELECT remote_address_id FROM temp.clip_peer AS k CROSS JOIN peer AS p ON p.id = k.id;
CREATE TEMP TABLE clip_session AS
  SELECT id FROM session WHERE started_ns <= :to_ns AND max(coalesce(ended_ns, 0), alive_ns) >= :from_ns
  UNION
  SELECT session_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id
  UNION
  SELECT session_id FROM temp.clip_process AS k CROSS JOIN process AS p ON p.id = k.id
  UNION
  SELECT session_id FROM temp.clip_lookup AS k CROSS JOIN lookup AS q ON q.id = k.id
  UNION
  SELECT session_id FROM temp.clip_gap AS k CROSS JOIN gap AS g ON g.id = k.id
  UNION
  SELECT session_id FROM temp.clip_coverage AS k CROSS JOIN coverage_window AS w ON w.id = k.id
  UNION
  SELECT session_id FROM temp.clip_counters AS k CROSS JOIN counter_sample AS n ON n.id = k.id;
)sql";

void bind(SQLite::Statement& statement, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    const auto index = statement.getIndex((":" + name).c_str());
    if (index == 0) {
      continue;  // the statement does not use it
    }
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
      statement.bind(index, *number);
    } else if (const auto* const real = std::get_if<double>(&value)) {
      statement.bind(index, *real);
    } else if (const auto* const text = std::get_if<std::string>(&value)) {
      statement.bind(index, *text);
    }
  }
}

void run(SQLite::Database& database, const std::string& sql, const Parameters& parameters) {
  SQLite::Statement statement{database, sql};
  bind(statement, parameters);
  statement.exec();
}

/// Runs several statements, each with the parameters that it uses.
void run_all(SQLite::Database& database, const char* sql, const Parameters& parameters) {
  while (sql != nullptr && *sql != '\0') {
    sqlite3_stmt* statement = nullptr;
    const auto* const begin = sql;
    if (sqlite3_prepare_v2(database.getHandle(), begin, -1, &statement, &sql) != SQLITE_OK) {
      throw SQLite::Exception{database.getHandle()};
    }
    const bool is_empty = statement == nullptr;
    sqlite3_finalize(statement);
    if (is_empty) {
      return;
    }
    run(database, std::string{begin, sql}, parameters);
  }
}

}  // namespace

std::vector<TablePart> selected_parts() {
  const auto by_id = [](std::string_view table, std::string_view ids) {
    return TablePart{table,
                     fmt::format("temp.{} AS k CROSS JOIN {} AS t ON t.id = k.id", ids, table)};
  };
  return {
      by_id("session", "clip_session"),
      by_id("process", "clip_process"),
      by_id("address", "clip_address"),
      by_id("name", "clip_name"),
      by_id("peer", "clip_peer"),
      by_id("connection", "clip_connection"),
      {"event", "temp.clip_connection AS k CROSS JOIN event_codes AS t ON t.connection_id = k.id"},
      by_id("gap", "clip_gap"),
      by_id("coverage_window", "clip_coverage"),
      by_id("counter_sample", "clip_counters"),
      by_id("lookup", "clip_lookup"),
      {"service",
       "service AS t WHERE session_id IN (SELECT id FROM temp.clip_session) AND pid IN "
       "(SELECT p.pid FROM temp.clip_process AS k CROSS JOIN process AS p ON p.id = k.id)"},
      {"clock_step", "clock_step AS t WHERE session_id IN (SELECT id FROM temp.clip_session)"},
      {"clip", "clip AS t"}};
}

void select_rows(SQLite::Database& source, const ClipOptions& options) {
  const Parameters window{
      {"from_ns", options.from_ns.value_or(std::numeric_limits<std::int64_t>::min())},
      {"to_ns", options.to_ns.value_or(std::numeric_limits<std::int64_t>::max())},
      {"include_unrelated_processes",
       static_cast<std::int64_t>(options.include_unrelated_processes)}};
  source.exec("CREATE TEMP TABLE clip_connection (id INTEGER PRIMARY KEY)");
  for (const auto& condition : options.connections) {
    run(source,
        fmt::format("INSERT OR IGNORE INTO temp.clip_connection SELECT id FROM connections "
                    "WHERE {}",
                    condition.sql),
        condition.parameters);
  }
  source.exec("CREATE TEMP TABLE clip_process (id INTEGER PRIMARY KEY)");
  run(source, expand_sql(kSelectProcesses), window);
  run_all(source, kSelectRest.data(), window);
}

}  // namespace netlog::store

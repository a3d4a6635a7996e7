// SPDX-License-Identifier: MIT
#include "report/event_feed.hpp"

#include "store/db/sql_macros.hpp"

#include <algorithm>
#include <iterator>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// How the connection ended is known with its end.
constexpr std::string_view kSelect = R"(
SELECT
  at_ns, error_ns, kind, old, new, pid, process,
  (
    SELECT s.script FROM connection AS c JOIN scripts AS s ON s.process_id = c.process_id WHERE c.id = connection_id
  ) AS script,
  protocol, local, remote,
  (SELECT c.remote_name FROM connections AS c WHERE c.id = connection_id) AS remote_name,
  (SELECT c.name_source FROM connections AS c WHERE c.id = connection_id) AS name_source,
  (SELECT c.direction FROM connections AS c WHERE c.id = connection_id) AS direction,
  iif(kind = 'close', (SELECT c.outcome FROM connections AS c WHERE c.id = connection_id), NULL) AS outcome,
  iif(kind = 'close', (SELECT c.outcome_reason FROM connections AS c WHERE c.id = connection_id), NULL) AS outcome_reason,
  iif(kind = 'close', (SELECT c.duration_ns FROM connections AS c WHERE c.id = connection_id), NULL) AS duration_ns,
  iif(kind = 'close', (SELECT c.bytes_sent FROM connections AS c WHERE c.id = connection_id), NULL) AS bytes_sent,
  iif(kind = 'close', (SELECT c.bytes_received FROM connections AS c WHERE c.id = connection_id), NULL) AS bytes_received,
  connection_id, id
FROM event_rows
WHERE )";

// Ids are in order for each connection only.
std::string recorded_time() {
  return store::expand_sql("$by_clock_now(e)");
}

// Looks only at the rows of the file that hold such events.
constexpr std::string_view kIsAfterLast =
    "newest > :last_id AND id > :last_id AND id <= :newest_id";

/// The newest rows of the file that hold events, at most `:rows`. Each holds one event or several,
/// so the last events are in the last rows. The arguments select rows.
std::string newest_rows(std::string_view of_event, std::string_view of_connection) {
  return fmt::format(
      "SELECT newest, connection_id FROM (SELECT * FROM (SELECT id AS newest, connection_id FROM "
      "event {} ORDER BY id DESC LIMIT :rows) UNION ALL SELECT * FROM (SELECT last_event, id FROM "
      "connection WHERE last_event IS NOT NULL {} ORDER BY last_event DESC LIMIT :rows)) ORDER BY "
      "newest DESC LIMIT :rows",
      of_event,
      of_connection);
}

/// 0 where a file has none that is a number.
std::int64_t id_of(const Cell& cell) {
  const auto* const id = std::get_if<std::int64_t>(&cell);
  return id == nullptr ? 0 : *id;
}

}  // namespace

std::int64_t data_version(store::Reader& reader) {
  return id_of(reader.query("PRAGMA data_version").cells[0][0]);
}

std::int64_t newest_event_id(store::Reader& reader) {
  return id_of(reader.query("SELECT coalesce((SELECT id FROM newest_event), 0)").cells[0][0]);
}

std::vector<Column> event_columns() {
  return {{"at_ns", "at", Unit::time, Align::left, false},
          {"error_ns", "±", Unit::ns, Align::right, false},
          {"kind", "kind", Unit::none, Align::left, false},
          {"old", "old", Unit::none, Align::left, false},
          {"new", "new", Unit::none, Align::left, false},
          {"pid", "pid", Unit::none, Align::right, false},
          {"process", "process", Unit::none, Align::left, false},
          {"script", "script", Unit::none, Align::left, false},
          {"protocol", "proto", Unit::none, Align::left, false},
          {"local", "local", Unit::endpoint, Align::left, false},
          {"remote", "remote", Unit::endpoint, Align::left, false},
          {"remote_name", "name", Unit::none, Align::left, false},
          {"name_source", "name by", Unit::none, Align::left, false},
          {"direction", "direction", Unit::none, Align::left, false},
          {"outcome", "outcome", Unit::none, Align::left, false},
          {"outcome_reason", "why", Unit::none, Align::left, false},
          {"duration_ns", "duration", Unit::ns, Align::right, false},
          {"bytes_sent", "sent", Unit::bytes, Align::right, false},
          {"bytes_received", "received", Unit::bytes, Align::right, false},
          {"connection_id", "connection", Unit::none, Align::right, false},
          {"id", "id", Unit::none, Align::right, false}};
}

EventFeed::EventFeed(store::Reader& reader, Filter filter, const std::vector<std::string>& kinds)
    : reader_{reader}, filter_{std::move(filter)} {
  std::string list;
  for (const auto& kind : kinds) {
    const auto name = fmt::format("kind{}", kinds_.parameters.size());
    kinds_.parameters[name] = kind;
    list += fmt::format("{}:{}", list.empty() ? "" : ", ", name);
  }
  kinds_.sql = list.empty() ? "" : fmt::format(" AND kind IN ({})", list);
  if (filter_.since_ns) {
    kinds_.parameters["window_since"] = *filter_.since_ns;
    kinds_.sql += " AND at_ns >= :window_since";
  }
  if (filter_.until_ns) {
    kinds_.parameters["window_until"] = *filter_.until_ns;
    kinds_.sql += " AND at_ns - error_ns <= :window_until";
  }
}

void EventFeed::last(std::int64_t count, const OnEvent& on_event) {
  constexpr std::int64_t kRecentRows = 4'000;
  const auto clause = connection_clause(filter_);
  auto parameters = clause.parameters;
  parameters.insert(kinds_.parameters.begin(), kinds_.parameters.end());
  parameters["count"] = count;
  parameters["newest_id"] = last_id_ = newest_event_id(reader_);
  // Mostly they are in the newest rows.
  const auto rows = std::max(count, kRecentRows);
  parameters["rows"] = rows;
  const auto recent = newest_rows("", "");
  const auto found =
      reader_.query(fmt::format("SELECT count(*), min(newest) - 1 FROM ({})", recent), parameters);
  const bool are_all = id_of(found.cells[0][0]) < rows;
  parameters["last_id"] = are_all ? 0 : id_of(found.cells[0][1]);
  auto selected = fmt::format("{}{}", kIsAfterLast, kinds_.sql);
  if (clause.sql != "1") {
    selected += fmt::format(
        " AND connection_id IN (SELECT id FROM connections WHERE id IN (SELECT connection_id FROM "
        "({})) AND ({}))",
        recent,
        clause.sql);
  }
  const auto are_enough = [&] {
    const auto counted = reader_.query(
        fmt::format("SELECT count(*) FROM (SELECT 1 FROM event_rows WHERE {} LIMIT :count)",
                    selected),
        parameters);
    return id_of(counted.cells[0][0]) == count;
  };
  if (!are_all && !are_enough()) {
    selected = select_of_all(clause.sql, count, parameters);
  }
  // The ids first: what an event shows of its connection takes longer.
  reader_.each(
      fmt::format("WITH last_ids AS MATERIALIZED (SELECT id FROM event_rows AS e WHERE {1} "
                  "ORDER BY {2} DESC, id DESC LIMIT :count) SELECT * FROM ({0}{1} AND id "
                  "IN (SELECT id FROM last_ids)) AS e ORDER BY {2}, id",
                  kSelect,
                  selected,
                  recorded_time()),
      parameters,
      [](const auto&) {},
      on_event);
}

/// A condition for the last events that the filter selects in the whole file. Where it selects
/// events by what they are, or many, all have to be looked at.
std::string EventFeed::select_of_all(const std::string& connections,
                                     std::int64_t count,
                                     store::Parameters& parameters) {
  // Ids are in order for each connection only: the last events may be in other rows than the last.
  constexpr std::int64_t kFewRows = 1'000;
  parameters["last_id"] = std::int64_t{0};
  const auto chosen = fmt::format("SELECT id FROM connections WHERE {}", connections);
  if (!kinds_.sql.empty() || count > kFewRows) {
    return fmt::format("{}{} AND connection_id IN ({})", kIsAfterLast, kinds_.sql, chosen);
  }
  parameters["rows"] = kFewRows;
  const auto rows =
      reader_.query(fmt::format("WITH chosen AS MATERIALIZED ({}) {}",
                                chosen,
                                newest_rows("WHERE connection_id IN (SELECT id FROM chosen)",
                                            "AND id IN (SELECT id FROM chosen)")),
                    parameters);
  std::string ids;
  for (const auto& row : rows.cells) {
    ids += fmt::format("{}{}", ids.empty() ? "" : ", ", id_of(row[1]));
  }
  if (std::ssize(rows.cells) == kFewRows) {
    parameters["last_id"] = id_of(rows.cells.back()[0]) - 1;
  }
  // SQLite looks for constant ids by an index, not for those of a subquery.
  return fmt::format("{} AND connection_id IN ({})", kIsAfterLast, ids);
}

void EventFeed::next(const OnEvent& on_event) {
  const auto version = data_version(reader_);
  if (std::exchange(version_, version) == version) {
    return;
  }
  // Each new event is looked up by itself: a recording may hold millions of connections.
  auto clause = known_connection_clause(filter_);
  if (clause.sql != "1") {
    clause.sql = fmt::format(
        "EXISTS (SELECT 1 FROM connections AS c WHERE c.id = connection_id AND ({}))", clause.sql);
  }
  const auto newest = newest_event_id(reader_);
  clause.parameters["newest_id"] = newest;
  clause.parameters["last_id"] = std::exchange(last_id_, newest);
  clause.parameters.insert(kinds_.parameters.begin(), kinds_.parameters.end());
  reader_.each(
      fmt::format("SELECT * FROM ({}{} AND {}{}) AS e ORDER BY {}, id",
                  kSelect,
                  kIsAfterLast,
                  clause.sql,
                  kinds_.sql,
                  recorded_time()),
      clause.parameters,
      [](const auto&) {},
      on_event);
}

}  // namespace netlog::report

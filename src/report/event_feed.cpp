// SPDX-License-Identifier: MIT
#include "report/event_feed.hpp"

#include "store/db/sql_macros.hpp"

#include <algorithm>
#include <limits>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

// How the connection ended is known with its end.
constexpr std::string_view kSelect = R"(
SELECT
  at_ns, error_ns, kind, old, new, pid, process, protocol, local, remote,
  (SELECT c.direction FROM connections AS c WHERE c.id = connection_id) AS direction,
  iif(kind = 'close', (SELECT c.outcome FROM connections AS c WHERE c.id = connection_id), NULL) AS outcome,
  iif(kind = 'close', (SELECT c.outcome_reason FROM connections AS c WHERE c.id = connection_id), NULL) AS outcome_reason,
  iif(kind = 'close', (SELECT c.duration_ns FROM connections AS c WHERE c.id = connection_id), NULL) AS duration_ns,
  iif(kind = 'close', (SELECT c.bytes_sent FROM connections AS c WHERE c.id = connection_id), NULL) AS bytes_sent,
  iif(kind = 'close', (SELECT c.bytes_received FROM connections AS c WHERE c.id = connection_id), NULL) AS bytes_received,
  connection_id, id
FROM events
WHERE )";

// Ids are in order for each connection only.
std::string recorded_time() {
  return store::expand_sql("$by_clock_now(e)");
}

// Looks only at the rows of the file that hold such events.
constexpr std::string_view kIsAfterLast =
    "connection_id IN (SELECT connection_id FROM event_codes WHERE newest > :last_id) AND id > "
    ":last_id";

/// 0 where a file has none that is a number.
std::int64_t id_of(const Cell& cell) {
  const auto* const id = std::get_if<std::int64_t>(&cell);
  return id == nullptr ? 0 : *id;
}

}  // namespace

std::vector<Column> event_columns() {
  return {{"at_ns", "at", Unit::time, Align::left, false},
          {"error_ns", "±", Unit::ns, Align::right, false},
          {"kind", "kind", Unit::none, Align::left, false},
          {"old", "old", Unit::none, Align::left, false},
          {"new", "new", Unit::none, Align::left, false},
          {"pid", "pid", Unit::none, Align::right, false},
          {"process", "process", Unit::none, Align::left, false},
          {"protocol", "proto", Unit::none, Align::left, false},
          {"local", "local", Unit::endpoint, Align::left, false},
          {"remote", "remote", Unit::endpoint, Align::left, false},
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
  auto clause = connection_clause(filter_);
  if (clause.sql != "1") {
    clause.sql = fmt::format("connection_id IN (SELECT id FROM connections WHERE {})", clause.sql);
  }
  clause.parameters["count"] = count;
  last_id_ = first_of_last(count, clause);
  read(fmt::format("SELECT * FROM (SELECT * FROM ({{}}) AS e ORDER BY {0} DESC, id DESC LIMIT "
                   ":count) AS e ORDER BY {0}, id",
                   recorded_time()),
       std::move(clause),
       on_event);
}

/// An id before the last `count` events that the clause selects. Each row of the file holds one
/// event or several, so the last events are in the last rows.
std::int64_t EventFeed::first_of_last(std::int64_t count, const Clause& clause) {
  constexpr std::int64_t kMinRows = 1'000;
  constexpr std::int64_t kMore = 16;
  for (auto rows = std::max(count, kMinRows);; rows *= kMore) {
    const auto found = reader_.query(
        "SELECT min(id) - 1, count(*) FROM (SELECT id FROM (SELECT * FROM (SELECT id FROM event "
        "ORDER BY id DESC LIMIT :rows) UNION ALL SELECT * FROM (SELECT last_event FROM connection "
        "WHERE last_event IS NOT NULL ORDER BY last_event DESC LIMIT :rows)) ORDER BY id DESC "
        "LIMIT :rows)",
        {{"rows", rows}});
    if (id_of(found.cells[0][1]) < rows ||
        rows > std::numeric_limits<std::int64_t>::max() / kMore) {
      return 0;
    }
    auto parameters = clause.parameters;
    parameters.insert(kinds_.parameters.begin(), kinds_.parameters.end());
    parameters["last_id"] = id_of(found.cells[0][0]);
    const auto enough = reader_.query(
        fmt::format("SELECT count(*) = :count FROM (SELECT 1 FROM events WHERE {} AND {}{} LIMIT "
                    ":count)",
                    kIsAfterLast,
                    clause.sql,
                    kinds_.sql),
        parameters);
    if (id_of(enough.cells[0][0]) != 0) {
      return id_of(found.cells[0][0]);
    }
  }
}

void EventFeed::next(const OnEvent& on_event) {
  const auto version = id_of(reader_.query("PRAGMA data_version").cells[0][0]);
  if (std::exchange(version_, version) == version) {
    return;
  }
  // Each new event is looked up by itself: a recording may hold millions of connections.
  auto clause = known_connection_clause(filter_);
  if (clause.sql != "1") {
    clause.sql = fmt::format(
        "EXISTS (SELECT 1 FROM connections AS c WHERE c.id = connection_id AND ({}))", clause.sql);
  }
  read(fmt::format("SELECT * FROM ({{}}) AS e ORDER BY {}, id", recorded_time()),
       std::move(clause),
       on_event);
}

/// The events after those that were read before.
void EventFeed::read(std::string_view sql, Clause clause, const OnEvent& on_event) {
  const auto newest =
      id_of(reader_.query("SELECT coalesce((SELECT id FROM newest_event), 0)").cells[0][0]);
  clause.parameters["last_id"] = std::exchange(last_id_, newest);
  clause.parameters["newest_id"] = newest;
  clause.parameters.insert(kinds_.parameters.begin(), kinds_.parameters.end());
  const auto select = fmt::format(
      "{}{} AND id <= :newest_id AND {}{}", kSelect, kIsAfterLast, clause.sql, kinds_.sql);
  reader_.each(
      fmt::format(fmt::runtime(sql), select), clause.parameters, [](const auto&) {}, on_event);
}

}  // namespace netlog::report

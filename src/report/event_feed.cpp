// SPDX-License-Identifier: MIT
#include "report/event_feed.hpp"

#include <string_view>

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

EventFeed::EventFeed(store::Reader& reader,
                     const Filter& filter,
                     const std::vector<std::string>& kinds)
    : reader_{reader}, clause_{connection_clause(filter)} {
  if (clause_.sql != "1") {
    clause_.sql =
        fmt::format("connection_id IN (SELECT id FROM connections WHERE {})", clause_.sql);
  }
  std::string list;
  for (const auto& kind : kinds) {
    const auto name = fmt::format("kind{}", clause_.parameters.size());
    clause_.parameters[name] = kind;
    list += fmt::format("{}:{}", list.empty() ? "" : ", ", name);
  }
  if (!list.empty()) {
    clause_.sql += fmt::format(" AND kind IN ({})", list);
  }
}

void EventFeed::last(std::int64_t count, const OnEvent& on_event) {
  clause_.parameters["count"] = count;
  read(fmt::format(
           "SELECT * FROM ({}{} ORDER BY id DESC LIMIT :count) ORDER BY id", kSelect, clause_.sql),
       on_event);
  if (last_id_ == 0) {
    const auto newest = reader_.query("SELECT coalesce(max(id), 0) FROM events");
    last_id_ = id_of(newest.cells[0][0]);
  }
}

void EventFeed::next(const OnEvent& on_event) {
  clause_.parameters["last_id"] = last_id_;
  read(fmt::format("{}id > :last_id AND {} ORDER BY id", kSelect, clause_.sql), on_event);
}

void EventFeed::read(const std::string& sql, const OnEvent& on_event) {
  reader_.each(
      sql,
      clause_.parameters,
      [](const auto&) {},
      [&](const std::vector<Cell>& event) {
        last_id_ = id_of(event.back());
        return on_event(event);
      });
}

}  // namespace netlog::report

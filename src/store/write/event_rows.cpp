// SPDX-License-Identifier: MIT
#include "store/write/event_rows.hpp"

#include "model/event.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <algorithm>

namespace netlog::store {
namespace {

bool is_of_owner(const StoredEvent& event) {
  return event.kind == static_cast<std::int64_t>(EventKind::owner);
}

}  // namespace

EventRows::EventRows(SQLite::Database& database)
    : last_id_{database.execAndGet("SELECT coalesce((SELECT id FROM newest_event), 0)").getInt64()},
      rows_{database,
            "INSERT INTO event (id, connection_id, kind, at_ns, error_ns, old, new) VALUES",
            ""},
      find_{database,
            expand_sql("SELECT first_seen_ns, first_event, json_array_length($list(history)) FROM "
                       "connection WHERE id = ?")},
      append_{
          database,
          // Others may have written blanks behind the list.
          "UPDATE connection SET history = iif(? > 0, substr(rtrim(history, char(9, 10, 13, 32)), "
          "1, length(rtrim(history, char(9, 10, 13, 32))) - 1) || ',', '[') || ? || ']', "
          "first_event = ?, last_event = ? WHERE id = ?"},
      select_{database,
              expand_sql("SELECT id, kind, at_ns, error_ns, old, new FROM event WHERE "
                         "connection_id = ? AND kind <> $event.owner ORDER BY id")},
      delete_{database,
              expand_sql("DELETE FROM event WHERE connection_id = ? AND kind <> $event.owner")} {}

std::optional<StoredRow> EventRows::find(std::int64_t connection) {
  BoundStatement find{find_};
  if (!find.with(connection).step()) {
    return std::nullopt;
  }
  return StoredRow{find.number(0).value_or(0), false, find.number(1), find.number(2).value_or(0)};
}

std::optional<HistoryPart> EventRows::place(std::int64_t connection,
                                            const StoredRow& row,
                                            std::vector<StoredEvent>& events,
                                            bool is_over) {
  for (auto& event : events) {
    event.id = ++last_id_;
    if (is_of_owner(event)) {
      insert(connection, event);
    }
  }
  std::erase_if(events, is_of_owner);
  if (events.empty()) {
    return std::nullopt;
  }
  if (row.first_event) {
    return history_after(events, row.first_seen_ns, *row.first_event, row.history_length);
  }
  if (is_over) {
    auto all = row.is_new ? std::vector<StoredEvent>{} : read(connection);
    all.insert(all.end(), events.begin(), events.end());
    if (all.size() <= kMaxHistory) {
      if (all.size() > events.size()) {
        BoundStatement{delete_}.with(connection).exec();
      }
      return history_of(all, row.first_seen_ns);
    }
  }
  for (const auto& event : events) {
    insert(connection, event);
  }
  return std::nullopt;
}

void EventRows::append(std::int64_t connection, const StoredRow& row, const HistoryPart& part) {
  BoundStatement{append_}
      .with(row.history_length)
      .with(part.elements)
      .with(part.first_event)
      .with(part.last_event)
      .with(connection)
      .exec();
}

void EventRows::insert(std::int64_t connection, const StoredEvent& event) {
  rows_.add({event.id, connection, event.kind, event.at_ns, event.error_ns, event.from, event.to});
}

std::vector<StoredEvent> EventRows::read(std::int64_t connection) {
  rows_.flush();
  std::vector<StoredEvent> events;
  BoundStatement select{select_};
  select.with(connection);
  while (select.step()) {
    events.push_back({select.number(0).value_or(0),
                      select.number(1).value_or(0),
                      select.number(2).value_or(0),
                      select.number(3).value_or(0),
                      select.number(4),
                      select.number(5)});
  }
  return events;
}

}  // namespace netlog::store

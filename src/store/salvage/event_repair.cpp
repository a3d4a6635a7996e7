// SPDX-License-Identifier: MIT
#include "store/salvage/event_repair.hpp"

#include "model/event.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>

namespace netlog::store {
namespace {

/// A row of the table `event`, without its connection.
struct EventRow {
  std::int64_t id = 0;  ///< 0: the next free one
  std::int64_t kind = 0;
  std::int64_t at_ns = 0;
  std::int64_t error_ns = 0;
  std::optional<std::int64_t> from;
  std::optional<std::int64_t> to;
};

/// A row of the table `connection`, and where its events have led so far.
struct History {
  std::int64_t id = 0;
  std::optional<std::int64_t> state;
  bool gone = false;
  std::optional<std::int64_t> opened_ns;
  std::optional<std::int64_t> open_error_ns;
  std::int64_t first_seen_ns = 0;
  std::int64_t last_ns = 0;

  bool begun = false;
  bool closed = false;
  std::int64_t at_ns = 0;                          ///< of the last event that changed the state
  std::optional<std::int64_t> current_state = {};  ///< after that event
};

/// A connection whose close event is right and whose row is not.
struct ClosedRow {
  std::int64_t connection = 0;
  std::int64_t at_ns = 0;
  std::optional<std::int64_t> state;
};

constexpr std::int64_t code(EventKind kind) {
  return static_cast<std::int64_t>(kind);
}

bool is_first_kind(std::int64_t kind) {
  return kind == code(EventKind::present) || kind == code(EventKind::open);
}

bool changes_state(std::int64_t kind) {
  return kind == code(EventKind::state) || kind == code(EventKind::close);
}

/// At least 1. A damaged file may hold any times, so an overflow becomes the largest number.
std::int64_t elapsed_ns(std::int64_t from_ns, std::int64_t to_ns) {
  const auto ns = static_cast<std::uint64_t>(to_ns) - static_cast<std::uint64_t>(from_ns);
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  return to_ns > from_ns ? static_cast<std::int64_t>(std::min(ns, kMax)) : 1;
}

/// Collects the changes of all connections, then writes them.
class EventRepair {
 public:
  explicit EventRepair(SQLite::Database& database) : database_{database} {}

  void read() {
    SQLite::Statement rows{
        database_,
        "SELECT c.id, c.state, c.gone, c.opened_ns, c.open_error_ns, c.first_seen_ns, "
        "max(c.last_seen_ns, coalesce(c.closed_ns, 0)), e.id, e.kind, e.at_ns, e.error_ns, e.old, "
        "e.new FROM connection AS c LEFT JOIN event AS e ON e.connection_id = c.id ORDER BY c.id, "
        "e.id"};
    std::optional<History> history;
    BoundStatement row{rows};
    while (row.step()) {
      if (!history || history->id != row.number(0)) {
        finish(history);
        history = History{row.number(0).value_or(0),
                          row.number(1),
                          row.number(2) == 1,
                          row.number(3),
                          row.number(4),
                          row.number(5).value_or(0),
                          row.number(6).value_or(0)};
      }
      if (const auto id = row.number(7)) {
        follow(*history,
               {*id,
                row.number(8).value_or(0),
                row.number(9).value_or(0),
                row.number(10).value_or(0),
                row.number(11),
                row.number(12)});
      }
    }
    finish(history);
  }

  /// @returns how many events were deleted
  std::int64_t write() {
    SQLite::Statement insert{database_,
                             "INSERT INTO event (id, connection_id, kind, at_ns, error_ns, old, "
                             "new) VALUES (?, ?, ?, ?, ?, ?, ?)"};
    for (const auto& [connection, event] : inserted_) {
      BoundStatement{insert}
          .with(event.id < 0 ? std::optional{event.id} : std::nullopt)
          .with(connection)
          .with(event.kind)
          .with(event.at_ns)
          .with(event.error_ns)
          .with(event.from)
          .with(event.to)
          .exec();
    }
    SQLite::Statement update{database_, "UPDATE event SET old = ?, error_ns = ? WHERE id = ?"};
    for (const auto& event : updated_) {
      BoundStatement{update}.with(event.from).with(event.error_ns).with(event.id).exec();
    }
    SQLite::Statement remove{database_, "DELETE FROM event WHERE id = ?"};
    for (const auto id : deleted_) {
      BoundStatement{remove}.with(id).exec();
    }
    SQLite::Statement close{
        database_,
        expand_sql(
            "UPDATE connection SET gone = 1, state = coalesce(?, state), closed_after_ns "
            "= coalesce(closed_after_ns, ? - first_seen_ns), close_error_ns = "
            "coalesce(close_error_ns, "
            "0), outcome = iif(outcome = $outcome.open, $outcome.unknown, outcome) WHERE id = ?")};
    for (const auto& row : closed_) {
      BoundStatement{close}.with(row.state).with(row.at_ns).with(row.connection).exec();
    }
    return static_cast<std::int64_t>(deleted_.size());
  }

 private:
  /// Inserts a first event. It must come before all others, so it gets a negative id.
  void begin(History& history, std::optional<std::int64_t> state) {
    const auto at_ns = history.opened_ns.value_or(history.first_seen_ns);
    inserted_.emplace_back(history.id,
                           EventRow{--lowest_id_,
                                    code(history.opened_ns ? EventKind::open : EventKind::present),
                                    at_ns,
                                    history.opened_ns ? history.open_error_ns.value_or(0) : 0,
                                    std::nullopt,
                                    state});
    history.begun = true;
    history.at_ns = at_ns;
    history.current_state = state;
  }

  void follow(History& history, EventRow event) {
    const bool begins = is_first_kind(event.kind);
    if ((history.begun && begins) || (history.closed && event.kind != code(EventKind::owner))) {
      deleted_.push_back(event.id);
      return;
    }
    if (!history.begun && !begins) {
      begin(history, changes_state(event.kind) ? event.from : history.state);
    }
    if (changes_state(event.kind) && event.from != history.current_state) {
      // Events in between are lost: the change happened at some time since the last one.
      event.from = history.current_state;
      event.error_ns = std::max(event.error_ns, elapsed_ns(history.at_ns, event.at_ns));
      updated_.push_back(event);
    }
    if (begins || changes_state(event.kind)) {
      history.begun = true;
      history.at_ns = event.at_ns;
      history.current_state = event.to;
      history.closed = event.kind == code(EventKind::close);
    }
  }

  /// After the last event of a connection.
  void finish(std::optional<History>& finished) {
    if (!finished) {
      return;
    }
    auto& history = *finished;
    if (!history.begun) {
      begin(history, history.state);
    }
    const bool differs = history.current_state && history.current_state != history.state;
    if (history.closed) {
      if (!history.gone || differs) {  // the row is older than the close event
        closed_.push_back({history.id, history.at_ns, history.current_state});
      }
    } else if (history.gone) {
      insert_last(history, EventKind::close);
    } else if (differs) {
      insert_last(history, EventKind::state);
    }
  }

  void insert_last(const History& history, EventKind kind) {
    const auto at_ns = std::max(history.last_ns, history.at_ns);
    inserted_.emplace_back(history.id,
                           EventRow{0,
                                    code(kind),
                                    at_ns,
                                    elapsed_ns(history.at_ns, at_ns),
                                    history.current_state,
                                    history.state});
  }

  SQLite::Database& database_;
  std::int64_t lowest_id_ = 0;
  std::vector<std::pair<std::int64_t, EventRow>> inserted_;  ///< with their connections
  std::vector<EventRow> updated_;
  std::vector<std::int64_t> deleted_;
  std::vector<ClosedRow> closed_;
};

}  // namespace

std::int64_t repair_events(SQLite::Database& database) {
  EventRepair repair{database};
  repair.read();
  return repair.write();
}

}  // namespace netlog::store

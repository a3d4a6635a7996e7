// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "store/rollup/closed_connection.hpp"
#include "store/rollup/flows.hpp"
#include "store/write/event_rows.hpp"
#include "store/write/reference_rows.hpp"
#include "store/write/session_start.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

class BoundStatement;

/// Buffers connection changes and events for one batch and writes each row once. A connection that
/// opens and closes in the batch is a single INSERT, already part of the sums. Keeps pointers to
/// the connections that it is given until write(). Used on the writer thread, inside its
/// transactions; must be destroyed before the database.
class ConnectionRows {
 public:
  ConnectionRows(SQLite::Database& database,
                 const SessionStart& start,
                 ReferenceRows& references,
                 EventRows& events,
                 Flows& flows);

  /// A connection that is not in the file yet.
  void open(const Connection& connection);
  /// @returns false if the row was deleted by retention: there is nothing to change
  bool update(const Connection& connection);
  /// An event without its id.
  void add_event(std::int64_t row, const StoredEvent& event);
  /// The connection is closed: write() adds it to the sums.
  void close(std::int64_t row);
  /// A connection that is over and gets no row: write() adds it to the sums.
  /// @param events all of it
  void count_without_row(const Connection& connection, const std::vector<StoredEvent>& events);

  /// Writes all changes, then the sums.
  void write();

 private:
  struct PendingRow {
    std::int64_t row = 0;
    const Connection* first = nullptr;  ///< as it was opened; null: the file has the row
    const Connection* last = nullptr;   ///< as it is now; null: nothing to write
    std::optional<StoredRow> stored;    ///< as the file has it
    bool closed = false;
    std::vector<StoredEvent> events;

    [[nodiscard]] bool exists() const { return first != nullptr || stored; }
  };

  PendingRow& pending_row(std::int64_t row);
  void insert(PendingRow& pending);
  void update(PendingRow& pending);
  void bind_changing(BoundStatement& statement,
                     const Connection& connection,
                     std::int64_t first_seen_ns);
  [[nodiscard]] ClosedConnection closed_connection(const Connection& first,
                                                   const Connection& last,
                                                   const std::vector<StoredEvent>& events);

  const SessionStart& start_;
  ReferenceRows& references_;
  EventRows& events_;
  Flows& flows_;
  std::vector<PendingRow> pending_;
  boost::unordered_flat_map<std::int64_t, std::size_t> by_row_;  ///< indexes of pending_

  SQLite::Statement insert_;
  SQLite::Statement update_;
};

/// The column netns. Absent where there are no network namespaces: their number is 0 then.
std::optional<std::int64_t> known_netns(std::uint64_t netns);

/// The column netns_above.
std::optional<std::int64_t> netns_above(std::uint64_t netns);

}  // namespace netlog::store

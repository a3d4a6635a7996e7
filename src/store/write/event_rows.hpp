// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/bulk_insert.hpp"
#include "store/db/event_history.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Where the file has the events of a connection.
struct StoredRow {
  std::int64_t first_seen_ns = 0;
  bool is_new = false;                      ///< the file has no events of it
  std::optional<std::int64_t> first_event;  ///< of its history; absent: it has none
  std::int64_t history_length = 0;          ///< 0 also if it is not a list
};

/// Numbers events, and puts each where it belongs: into the table `event`, or, once its connection
/// is over, into the history of its row. Must be destroyed before the database.
class EventRows {
 public:
  explicit EventRows(SQLite::Database& database);

  /// Of the last event that was numbered; ids of the file are not used again.
  [[nodiscard]] std::int64_t last_id() const { return last_id_; }

  /// Nothing if there is no such row.
  std::optional<StoredRow> find(std::int64_t connection);

  /// Numbers the events. What becomes part of the history is returned; the rest is in the table
  /// after flush().
  /// @param is_over the connection has an outcome
  std::optional<HistoryPart> place(std::int64_t connection,
                                   const StoredRow& row,
                                   std::vector<StoredEvent>& events,
                                   bool is_over);

  /// Appends to the history of a row of the file.
  void append(std::int64_t connection, const StoredRow& row, const HistoryPart& part);

  void flush() { rows_.flush(); }

 private:
  void insert(std::int64_t connection, const StoredEvent& event);
  std::vector<StoredEvent> read(std::int64_t connection);

  std::int64_t last_id_ = 0;
  BulkInsert<7> rows_;
  SQLite::Statement find_;
  SQLite::Statement append_;
  SQLite::Statement select_;
  SQLite::Statement delete_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// A state that a connection entered.
struct StateEntry {
  std::int64_t at_ns = 0;             ///< UTC
  std::optional<std::int64_t> state;  ///< absent: the connection was closed
  std::int64_t event = 0;             ///< id of the row in `event`
};

/// What the sums need of a closed connection: columns of its row in `connection` and its events.
/// Codes are those of model/, ids are those of the file. Absent is NULL.
struct ClosedConnection {
  std::optional<std::int64_t> process;
  std::int64_t direction = 0;
  std::int64_t protocol = 0;
  std::optional<std::int64_t> netns;
  std::optional<std::int64_t> local_address;
  std::optional<std::int64_t> local_port;
  std::optional<std::int64_t> peer;
  std::int64_t outcome = 0;
  std::optional<std::int64_t> outcome_reason;
  std::optional<std::int64_t> owner_reason;
  std::optional<std::int64_t> opened_ns;
  std::optional<std::int64_t> open_error_ns;
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;  ///< of one left open: until when its session was alive
  std::optional<std::int64_t> closed_ns;
  std::optional<std::int64_t> syns;
  std::optional<std::int64_t> bytes_sent;
  std::optional<std::int64_t> bytes_received;
  std::int64_t clock_adjust_ns = 0;  ///< sum of the clock steps while it was open
  std::vector<StateEntry> states;    ///< in order of time

  /// When it was opened, or first seen if that is not known.
  [[nodiscard]] std::int64_t began_ns() const { return opened_ns.value_or(first_seen_ns); }
  /// When it was closed, or last seen if that is not known.
  [[nodiscard]] std::int64_t ended_ns() const { return closed_ns.value_or(last_seen_ns); }
};

/// Reads closed connections from the file. Must be destroyed before the database.
class ClosedConnectionReader {
 public:
  explicit ClosedConnectionReader(SQLite::Database& database);

  /// @throws StoreError: there is no such row, so the file is damaged.
  ClosedConnection read(std::int64_t connection);

 private:
  SQLite::Statement select_connection_;
  SQLite::Statement select_states_;
};

}  // namespace netlog::store

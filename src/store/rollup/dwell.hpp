// SPDX-License-Identifier: MIT
#pragma once

#include "store/rollup/closed_connection.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// The clock steps of a recording, by the events between which they happened: the table clock_step.
/// Must be destroyed before the database.
class ClockSteps {
 public:
  explicit ClockSteps(SQLite::Database& database);

  /// By how much the clock was set between two events, in ns. Without `to_event`: until now.
  std::int64_t between(std::int64_t from_event, std::optional<std::int64_t> to_event);
  /// To be called when the table has a new row.
  void reload();

 private:
  SQLite::Database& database_;
  std::optional<std::int64_t> last_;  ///< the event before the last step; absent: no steps
  SQLite::Statement sum_;
};

/// The time that a connection was in one state.
struct Dwell {
  std::int64_t state = 0;
  std::int64_t from_ns = 0;  ///< UTC
  std::int64_t to_ns = 0;
  std::int64_t clock_adjust_ns = 0;  ///< sum of the clock steps in between

  [[nodiscard]] std::int64_t duration_ns() const;
  /// Five seconds or more in a state that connections usually leave at once, such as SYN_SENT or
  /// CLOSE_WAIT.
  [[nodiscard]] bool is_long() const;
};

/// The states of a connection in order of time. The last one ends when the connection was last
/// seen, if no event says so.
std::vector<Dwell> dwells_of(const ClosedConnection& connection, ClockSteps& steps);

/// Who sent the first FIN, as far as the states show.
enum class FirstFin { unknown, ours, peers };
FirstFin first_fin(const std::vector<Dwell>& dwells);

/// Class of a duration in ns: eight classes for each doubling, so the longest duration of a class
/// is less than 12.5 % above its shortest. Longer durations have higher classes; negative ones
/// count as 0.
std::int64_t duration_class(std::int64_t ns);

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "store/rollup/closed_connection.hpp"
#include "store/rollup/dwell.hpp"
#include "store/rollup/flow_ids.hpp"
#include "store/rollup/flow_sums.hpp"
#include "store/rollup/open_rates.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Sums of closed connections: the tables flow, flow_sum, flow_dwell, long_dwell, open_second,
/// open_minute and open_hour. A row of `connection` with a flow_id is part of the sums. Used on the
/// writer thread, inside its transactions. Must be destroyed before the database.
class Flows {
 public:
  explicit Flows(SQLite::Database& database);

  /// Columns of a connection that is part of the sums.
  struct Place {
    std::int64_t flow = 0;
    std::optional<std::int64_t> duration_bucket;
  };

  /// Adds a closed connection whose row is not in the file yet: the caller inserts it, with the
  /// returned columns. The sums are in the file after the next add() of rows, which must be in the
  /// same transaction.
  Place add(std::int64_t connection, const ClosedConnection& closed);
  /// Adds connections that are closed in the file and not part of the sums yet.
  void add(const std::vector<std::int64_t>& connections);
  /// Takes connections out of the sums, before their rows change or are deleted. Others are
  /// ignored. @returns whether any was part of the sums
  bool remove(const std::vector<std::int64_t>& connections);
  /// Adds a connection that gets no row. If its last state is not over, its time in it does not
  /// count. As for the first add(), the sums are in the file later.
  void add_without_row(const ClosedConnection& closed);
  /// Before rows are deleted whose sums stay. Adds what is not part of the sums yet.
  void keep_sums_of(const std::vector<std::int64_t>& connections);
  /// Adds all connections that are not part of the sums, also those that an earlier session left
  /// open: they count until that session was last alive. Called before a session begins.
  void add_missing();
  /// To be called when the table clock_step has a new row.
  void reload_clock_steps() { clock_steps_.reload(); }
  /// To be called when rows of `flow` were deleted.
  void forget() { flow_ids_.forget(); }

 private:
  struct DurationBucket {
    std::int64_t span_ns = 0;
    std::int64_t code = 0;
  };

  std::optional<std::int64_t> duration_bucket_of(const ClosedConnection& closed) const;
  /// Adds a connection to its flow and its process's, or takes it out with `sign` -1.
  /// @returns its flow
  std::int64_t count(const ClosedConnection& closed,
                     const std::vector<Dwell>& dwells,
                     std::int64_t sign);
  std::int64_t count_in_flows(const ClosedConnection& closed,
                              const FlowSum& sum,
                              const std::vector<Dwell>& dwells,
                              std::int64_t sign);
  void write();
  /// Writes, and deletes the seconds and minutes that count nothing any more.
  void write_and_delete_empty_seconds();

  SQLite::Database& database_;
  ClosedConnectionReader reader_;
  ClockSteps clock_steps_;
  FlowIds flow_ids_;
  FlowSums sums_;
  OpenRates open_rates_;
  std::vector<DurationBucket> duration_buckets_;  ///< shortest first
  SQLite::Statement assign_;
  SQLite::Statement unassign_;
  SQLite::Statement select_open_;
  SQLite::Statement add_long_dwell_;
  SQLite::Statement remove_long_dwells_;
};

}  // namespace netlog::store

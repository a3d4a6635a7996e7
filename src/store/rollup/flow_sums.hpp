// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/bulk_insert.hpp"
#include "store/db/key_hash.hpp"
#include "store/rollup/closed_connection.hpp"
#include "store/rollup/dwell.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// A row of the table flow_sum without its key: sums, largest and smallest values of some
/// connections. Absent: of no connection known.
struct FlowSum {
  std::int64_t connections = 0;
  std::int64_t opened = 0;  ///< those whose opening was seen
  std::int64_t closed_by_us = 0;
  std::int64_t closed_by_peer = 0;
  std::optional<std::int64_t> syns;           ///< largest
  std::optional<std::int64_t> longest_ns;     ///< from opening to closing
  std::optional<std::int64_t> open_error_ns;  ///< largest
  std::optional<std::int64_t> bytes_sent;
  std::optional<std::int64_t> bytes_received;
  std::int64_t first_ns = 0;  ///< when the first and the last of them began
  std::int64_t last_ns = 0;
  std::optional<std::int64_t> first_closed_ns;
  std::optional<std::int64_t> last_closed_ns;

  /// Adds `other`, or with `sign` -1 takes it out of what is summed. Largest and smallest values
  /// stay as they are then.
  void add(const FlowSum& other, std::int64_t sign);
};

/// The sum of one connection.
FlowSum sum_of(const ClosedConnection& connection, const std::vector<Dwell>& dwells);

/// Sums by flow and outcome, and durations by flow and state: the tables flow_sum and flow_dwell.
/// What is added is in memory until write(). Must be destroyed before the database.
class FlowSums {
 public:
  explicit FlowSums(SQLite::Database& database);

  /// Adds a connection to a flow, or takes it out with `sign` -1.
  /// @param sum of this connection
  void add(std::int64_t flow,
           const ClosedConnection& connection,
           const FlowSum& sum,
           const std::vector<Dwell>& dwells,
           std::int64_t sign);
  /// The flows that have been added to since write().
  [[nodiscard]] std::set<std::int64_t> unwritten_flows() const;
  void write();
  /// Deletes the rows of a flow that count no connection.
  void delete_empty(std::int64_t flow);
  /// Adds what the file has of one flow to another one, and deletes it.
  void move(std::int64_t from, std::int64_t to);
  /// Deletes all rows of a flow.
  void remove(std::int64_t flow);

 private:
  struct SumKey {
    std::int64_t flow = 0;
    std::int64_t outcome = 0;
    std::int64_t outcome_reason = 0;
    std::int64_t owner_reason = 0;

    auto operator<=>(const SumKey&) const = default;
  };
  struct DwellKey {
    std::int64_t flow = 0;
    std::int64_t state = 0;
    std::int64_t duration_class = 0;

    auto operator<=>(const DwellKey&) const = default;
  };
  struct DwellCount {
    std::int64_t count = 0;
    std::int64_t longest_ns = 0;
  };

  void add_sum(const SumKey& key, const FlowSum& sum, std::int64_t sign);
  void add_dwells(const DwellKey& key, const DwellCount& dwells);

  boost::unordered_flat_map<SumKey, FlowSum, KeyHash> sums_;
  boost::unordered_flat_map<DwellKey, DwellCount, KeyHash> dwells_;
  SQLite::Statement insert_sum_;
  BulkInsert<5> insert_dwells_;
  SQLite::Statement delete_empty_sums_;
  SQLite::Statement delete_empty_dwells_;
  SQLite::Statement select_sums_;
  SQLite::Statement select_dwells_;
  SQLite::Statement delete_sums_;
  SQLite::Statement delete_dwells_;
};

}  // namespace netlog::store

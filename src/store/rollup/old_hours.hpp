// SPDX-License-Identifier: MIT
#pragma once

#include "store/rollup/flow_ids.hpp"
#include "store/rollup/flow_key.hpp"
#include "store/rollup/flow_sums.hpp"

#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// The sums of connections that were deleted: the tables flow, flow_sum, flow_dwell and open_hour.
/// Merges their rows, so that an hour has few, and deletes the oldest hours.
///
/// - Processes that lived for less than a minute become one process without a pid for each program.
/// - In each hour the kMaxProcesses flows of processes with the most connections stay; the others
///   become the program `other programs`.
/// - The same for kMaxPeers flows of peers; the others become the address `other addresses`.
///
/// A flow that a connection in the file refers to stays as it is. Used on the writer thread, inside
/// its transactions. Must be destroyed before the database.
class OldHours {
 public:
  static constexpr std::int64_t kMaxProcesses = 128;
  static constexpr std::int64_t kMaxPeers = 256;

  /// @param session_id new rows of `process` belong to it
  OldHours(SQLite::Database& database, std::int64_t session_id);

  /// Begins to merge the hours from `first` to `last` (since 1970, UTC).
  void begin(std::int64_t first, std::int64_t last);
  /// Whether merge() has something left to do.
  [[nodiscard]] bool is_merging() const { return hour_.has_value(); }
  /// Reads at most `limit` flows and merges those that can be.
  void merge(std::int64_t limit);
  /// To be called when the transaction of a merge() was rolled back.
  void forget();

  /// The oldest hour that has sums.
  std::optional<std::int64_t> oldest();
  /// Whether there are sums of hours before `hour` whose connections are deleted.
  bool has_deleted_before(std::int64_t hour);
  /// Deletes the sums of hours before `hour` whose connections are deleted.
  void delete_before(std::int64_t hour);
  /// How many flows there are, of all hours.
  std::int64_t flows();
  /// How many there are before `hour`.
  std::int64_t flows_before(std::int64_t hour);

 private:
  enum class Stage : std::uint8_t { programs, processes, peers };
  struct Flow {
    std::int64_t id = 0;
    FlowKey key;
    std::int64_t connections = 0;
  };

  void next_stage();
  std::int64_t connections_of_flow(std::int64_t place, bool of_processes);
  std::vector<Flow> read_flows(std::int64_t limit);
  std::optional<FlowKey> target_of(const Flow& flow);
  bool has_process_flow(const FlowKey& key);
  std::optional<std::int64_t> program_of(std::int64_t process);
  std::int64_t other_programs();
  std::int64_t other_addresses();
  std::int64_t other_peer(const FlowKey& key);
  void move_opens(std::int64_t process, std::int64_t into);

  SQLite::Database& database_;
  std::int64_t session_id_;
  FlowIds flow_ids_;
  FlowSums sums_;
  std::optional<std::int64_t> hour_;  ///< that is being merged
  std::int64_t last_hour_ = 0;
  Stage stage_ = Stage::programs;
  std::int64_t after_flow_ = 0;  ///< flows up to this id are done
  std::int64_t max_merged_ = 0;  ///< flows with so many connections or fewer are merged
  SQLite::Statement select_oldest_;
  SQLite::Statement has_deleted_;
  SQLite::Statement select_flows_;
  SQLite::Statement delete_flow_;
  SQLite::Statement has_process_flow_;
  SQLite::Statement find_program_;
  SQLite::Statement add_opens_;
  SQLite::Statement delete_opens_;
};

}  // namespace netlog::store

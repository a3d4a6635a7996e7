// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/old_hours.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Enforces --max-size and --max-age by deleting the oldest closed connections and lookups. A row
/// of `gap` (source `retention`) records up to when and how many, one for connections and one for
/// lookups. Open connections stay, and so do rows that others refer to. Used on the writer thread;
/// must be destroyed before the database.
///
/// The sums by the hour of deleted connections stay until --max-age. They take an eighth of
/// --max-size at the most: then the oldest hours go.
///
/// The file is kept smaller than its limit by the largest size of its WAL and by a margin for the
/// next batch.
class Retention {
 public:
  /// Columns of a gap.
  struct Deletion {
    std::string_view reason;
    std::string_view detail;
  };

  Retention(SQLite::Database& database, const RetentionLimits& limits, std::int64_t session_id);

  void set_limits(const RetentionLimits& limits);

  /// The size of the WAL at which it must be checkpointed. Absent without --max-size.
  [[nodiscard]] std::optional<std::int64_t> wal_bytes() const;

  /// Deletes a bounded number of rows, in the caller's transaction. `now_ns`: time of the last
  /// heartbeat, UTC.
  /// @returns whether rows were deleted whose ids may be cached
  bool step(Flows& flows, std::int64_t now_ns);

  /// UTC was set. What is young by the boot clock stays, whatever the wall clock says.
  void note_clock_step(const ClockStep& step);

  /// To be called when the transaction of a step was rolled back.
  void forget();

  /// Whether the file is over its limits and step() can delete something.
  [[nodiscard]] bool due(std::int64_t now_ns);

 private:
  struct Oldest {
    std::vector<std::int64_t> connections;
    std::int64_t last_event = 0;
    std::optional<std::int64_t> ended_ns;  ///< when the last of them closed
  };

  [[nodiscard]] std::int64_t used_pages() const;
  [[nodiscard]] bool too_large() const;
  [[nodiscard]] bool too_old(std::int64_t now_ns);
  /// The hours before this one are older than --max-age; none without a limit, or while the clock
  /// may be wrong.
  std::optional<std::int64_t> first_young_hour(std::int64_t now_ns);
  bool has_old_hours(std::int64_t now_ns);
  void limit_hours();
  void merge_hours(Flows& flows);
  void delete_oldest(Flows& flows, std::optional<std::int64_t> before_ns);
  std::optional<std::int64_t> oldest_ns();
  std::optional<std::int64_t> oldest_end_ns();
  Oldest find_oldest(std::optional<std::int64_t> before_ns);
  void delete_connections(Flows& flows, const std::vector<std::int64_t>& connections);
  bool delete_older_lookups(std::optional<std::int64_t> before_ns);
  void delete_lookups(std::int64_t before_ns, const Deletion& what);
  void delete_samples(std::int64_t before_ns);
  void begin_merging(std::int64_t to_ns);
  void delete_sessions(Flows& flows, std::int64_t before_ns);
  void delete_unreferenced(std::int64_t before_ns);
  void record_gap(const Deletion& what, std::int64_t to_ns, std::int64_t lost);

  SQLite::Database& database_;
  std::int64_t session_id_;
  std::int64_t max_pages_ = 0;  ///< 0: no limit
  std::int64_t page_bytes_ = 0;
  std::int64_t max_bytes_ = 0;
  std::int64_t max_age_ns_ = 0;
  std::int64_t clock_settles_ns_ = 0;    ///< not by age until then: the clock may be wrong
  std::int64_t last_deleted_event_ = 0;  ///< the last event whose connection was deleted
  std::int64_t deleted_ = 0;             ///< connections and lookups, since the hours were merged
  std::int64_t merge_after_ = 0;         ///< of `deleted_`
  OldHours old_hours_;
  std::int64_t merged_hour_ = 0;    ///< since 1970; it may get more sums of deleted connections
  std::int64_t deleted_to_ns_ = 0;  ///< the time of the last deleted connection or lookup
};

}  // namespace netlog::store

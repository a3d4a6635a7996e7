// SPDX-License-Identifier: MIT
#pragma once

#include "store/rollup/flows.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Keeps a recording within its limits: what ended first goes first, and the row of it in `gap`
/// (source `retention`) says up to when and how much. What is open stays, and so does whatever
/// something refers to. Lives on the writer's thread; must die before the database.
///
/// A file is kept below its limit by what its WAL may take, and so much that the next batch fits.
class Retention {
 public:
  Retention(SQLite::Database& database, const WriterOptions& options, std::int64_t session_id);

  /// How large the WAL may grow before it is to be checkpointed; absent without a limit.
  [[nodiscard]] std::optional<std::int64_t> wal_bytes() const;

  /// One small step, in the caller's transaction. `now_ns`: the recording's time, UTC.
  /// @returns whether rows were deleted that others may remember
  bool step(Flows& flows, std::int64_t now_ns);

  /// The transaction of a step was rolled back.
  void forget() { passed_event_ = 0; }

  /// Whether step() has something to do.
  [[nodiscard]] bool due(std::int64_t now_ns);

 private:
  struct Oldest {
    std::vector<std::int64_t> connections;
    std::int64_t last_event = 0;
    std::optional<std::int64_t> ended_ns;  ///< of the last of them
  };

  [[nodiscard]] std::int64_t used_pages() const;
  [[nodiscard]] bool too_large() const;
  [[nodiscard]] bool too_old(std::int64_t now_ns);
  std::optional<std::int64_t> oldest_ns();
  Oldest find_oldest(std::optional<std::int64_t> before_ns);
  void drop(Flows& flows, const std::vector<std::int64_t>& connections);
  void drop_series(std::int64_t before_ns);
  void drop_sessions(Flows& flows, std::int64_t before_ns);
  void drop_unreferenced(std::int64_t before_ns);
  void enter(std::string_view reason, std::int64_t to_ns, std::int64_t connections);

  SQLite::Database& database_;
  std::int64_t session_id_;
  std::int64_t max_pages_ = 0;  ///< 0: no limit
  std::int64_t page_bytes_ = 0;
  std::int64_t max_bytes_;
  std::int64_t max_age_ns_;
  std::int64_t passed_event_ = 0;  ///< no end before this one is left
  std::int64_t dropped_ = 0;       ///< connections, since what is unreferenced was looked for
};

}  // namespace netlog::store

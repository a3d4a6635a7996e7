// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// The reason of the gap that counts connections without rows.
constexpr const char* kThinnedReason = "more than could be written";

/// Chooses which connections of a batch get no row when the writer cannot keep up: they are part of
/// the sums only, and a gap counts them. One in eight keeps its row, and so do the first failures
/// of a batch. Used on the writer thread, inside its transactions. Must be destroyed before the
/// database.
class Thinning {
 public:
  Thinning(SQLite::Database& database, std::int64_t session_id);

  /// Whether the connection, which has begun and ended in this batch, is to have no row. Then it is
  /// counted for the gap.
  bool leaves_out(const Connection& connection);
  /// Writes the gap of what was left out since the last call. To be called before each commit.
  void end_batch();

 private:
  SQLite::Database& database_;
  std::int64_t session_id_;
  std::size_t failures_ = 0;  ///< that have rows, of this batch
  std::int64_t left_out_ = 0;
  std::int64_t from_ns_ = 0;
  std::int64_t to_ns_ = 0;
};

/// Whether these events are all of a connection that is over, or in TIME_WAIT.
bool is_whole_life(const ConnectionEvents& of);

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Closes connections in the file that were open when they were last seen and do not exist any
/// more. Their outcome is unknown, unless they were in TIME_WAIT. Must be destroyed before the
/// database.
class OrphanCloser {
 public:
  explicit OrphanCloser(SQLite::Database& database);

  void close(std::int64_t connection, const Moment& ended);
  /// It ended between its last sign of life and now, UTC. The clock may have been set back between.
  void close_since(std::int64_t connection, std::int64_t seen_ns, std::int64_t now_ns);

 private:
  SQLite::Statement insert_close_;
  SQLite::Statement close_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "store/write/event_rows.hpp"

#include <cstdint>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Closes connections in the file that were open when they were last seen and do not exist any
/// more. Their outcome is unknown, unless they were in TIME_WAIT. Must be destroyed before the
/// database.
class OrphanCloser {
 public:
  /// `events` must outlive it.
  OrphanCloser(SQLite::Database& database, EventRows& events);

  void close(std::int64_t connection, const Moment& ended);
  /// It ended between its last sign of life and now, UTC. The clock may have been set back between.
  void close_since(std::int64_t connection, std::int64_t seen_ns, std::int64_t now_ns);

 private:
  EventRows& events_;
  SQLite::Statement find_;
  SQLite::Statement close_;
};

}  // namespace netlog::store

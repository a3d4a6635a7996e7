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

 private:
  SQLite::Statement insert_close_;
  SQLite::Statement close_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Ends connections that were open when somebody looked last and are not there any more: how they
/// ended is unknown, unless they were in TIME_WAIT. Must die before the database.
class OrphanCloser {
 public:
  explicit OrphanCloser(SQLite::Database& database);

  void end(std::int64_t connection, const Moment& ended);

 private:
  SQLite::Statement insert_close_;
  SQLite::Statement close_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "store/clip/clip.hpp"

#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// The rows of one table that a clip copies.
struct TablePart {
  std::string_view table;
  std::string from;  ///< SQL after FROM; the table is `t`
};

/// The parts of all tables, in the order in which they are copied. Valid after select_rows().
std::vector<TablePart> selected_parts();

/// Chooses the rows that a clip copies, and puts their ids into temporary tables of `source`.
/// Called once for an open database.
void select_rows(SQLite::Database& source, const ClipOptions& options);

}  // namespace netlog::store

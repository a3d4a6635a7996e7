// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/sqlite_pages.hpp"

#include <string>
#include <vector>

namespace netlog::store {

enum class ColumnType { integer, text, blob };

struct ColumnLayout {
  std::string name;
  ColumnType type = ColumnType::integer;
  bool required = false;    ///< NOT NULL
  bool is_rowid = false;    ///< INTEGER PRIMARY KEY: stored as NULL
  bool is_time = false;     ///< ns since 1970: never as small as an id or a code
  bool is_address = false;  ///< the id of an address: never as large as a time
};

/// The form of a table's rows, from the schema of this build.
struct TableLayout {
  std::string name;
  std::vector<ColumnLayout> columns;
  bool has_rowid = true;
  bool is_saved = true;  ///< false: its rows are computed from those of other tables
};

/// All tables of a recording, in the order of the schema.
std::vector<TableLayout> table_layouts();

/// Whether a record can be a row of the table. A record may end before the last columns: they were
/// added to the table after it was written. It may have more columns: a user has added them.
bool fits(const TableLayout& layout, const Record& record);

}  // namespace netlog::store

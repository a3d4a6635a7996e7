// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/salvage.hpp"
#include "store/salvage/sqlite_pages.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace netlog::store {

enum class ColumnType { integer, text, blob };

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::integer;
  bool required = false;
  bool is_rowid = false;
  bool is_time = false;  ///< ns since 1970; tells rows of tables of the same shape apart
};

/// A table of the present schema.
struct Layout {
  std::string name;
  std::vector<TableColumn> columns;
  bool has_rowid = true;
  bool is_saved = true;
};

/// Those that a recording has, in the order in which the schema makes them.
std::vector<Layout> layouts();

/// Takes a row of `tables[table]`. False: it has been there already.
using OnRow = std::function<bool(std::size_t table, const Record& row)>;

/// The rows of a damaged file: those that a tree of it leads to, and, where a tree is damaged,
/// those of leaves that nothing leads to any more, by what they look like.
Salvaged find_rows(PageFile& file, const std::vector<Layout>& tables, const OnRow& on_row);

}  // namespace netlog::store

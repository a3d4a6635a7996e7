// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/salvaged.hpp"
#include "store/salvage/sqlite_pages.hpp"
#include "store/salvage/table_layouts.hpp"

#include <cstddef>
#include <functional>
#include <vector>

namespace netlog::store {

/// Takes a row of `tables[table]`. @returns false if it is a duplicate
using OnRow = std::function<bool(std::size_t table, const Record& row)>;

/// Finds the rows of a damaged file: first those in the trees of the tables, then, if a tree is
/// damaged, those in leaf pages that no tree leads to. The table of such a page is guessed from the
/// types of its columns.
Salvaged find_rows(PageFile& file, const std::vector<TableLayout>& tables, const OnRow& on_row);

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/salvage/table_layouts.hpp"

#include "store/db/migrate.hpp"
#include "store/db/rebuildable_tables.hpp"

#include <algorithm>
#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {
namespace {

// One second after 1970: earlier than any clock, larger than any id or code.
constexpr std::int64_t kMinTimeNs = 1'000'000'000;

bool is_saved(std::string_view table) {
  return std::find(kRebuildableTables.begin(), kRebuildableTables.end(), table) ==
         kRebuildableTables.end();
}

bool fits(const ColumnLayout& column, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    return column.is_rowid || !column.required;
  }
  switch (column.type) {
    case ColumnType::integer: {
      const auto* const number = std::get_if<std::int64_t>(&value);
      return !column.is_rowid && number != nullptr && (!column.is_time || *number >= kMinTimeNs) &&
             (!column.is_address || *number < kMinTimeNs);
    }
    case ColumnType::text:
      return std::holds_alternative<std::string>(value);
    case ColumnType::blob:
      return std::holds_alternative<std::vector<std::byte>>(value);
  }
  return false;
}

ColumnType type_of(std::string_view name) {
  if (name == "TEXT") {
    return ColumnType::text;
  }
  return name == "BLOB" ? ColumnType::blob : ColumnType::integer;
}

}  // namespace

bool fits(const TableLayout& layout, const Record& record) {
  if (layout.has_rowid && record.rowid <= 0) {
    return false;
  }
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    if (!fits(layout.columns[i], i < record.values.size() ? record.values[i] : Value{})) {
      return false;
    }
  }
  return true;
}

std::vector<TableLayout> table_layouts() {
  SQLite::Database empty{":memory:", SQLite::OPEN_READWRITE};
  migrate(empty, ":memory:");
  std::vector<TableLayout> layouts;
  SQLite::Statement tables{empty,
                           "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type "
                           "= 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"};
  while (tables.executeStep()) {
    TableLayout layout{tables.getColumn(0).getString(), {}, tables.getColumn(1).getInt() == 0};
    layout.is_saved = is_saved(layout.name);
    SQLite::Statement columns{
        empty, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?) ORDER BY cid"};
    columns.bind(1, layout.name);
    while (columns.executeStep()) {
      ColumnLayout column;
      column.name = columns.getColumn(0).getString();
      column.type = type_of(columns.getColumn(1).getString());
      column.required = columns.getColumn(2).getInt() != 0;
      column.is_rowid = columns.getColumn(3).getInt() != 0 && layout.has_rowid;
      column.is_time = column.name == "at_ns";
      column.is_address = column.name.ends_with("address_id");
      layout.columns.push_back(std::move(column));
    }
    layouts.push_back(std::move(layout));
  }
  return layouts;
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/db/schema.hpp"

#include "store/db/schema_files.hpp"
#include "store/db/sql_macros.hpp"

#include <stdexcept>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::string_view kCreateView = "CREATE VIEW ";

/// Without the comments around the statements.
std::vector<View> parse_views(std::string_view sql) {
  std::vector<View> views;
  const std::string begin = "\n" + std::string{kCreateView};
  for (auto at = sql.find(begin); at != std::string_view::npos; at = sql.find(begin, at)) {
    const auto end = sql.find(";\n", ++at);
    if (end == std::string_view::npos) {
      throw std::invalid_argument{"a view ends with a semicolon at the end of a line"};
    }
    const auto text = sql.substr(at, end - at);
    const auto name = text.substr(kCreateView.size());
    views.push_back({std::string{name.substr(0, name.find(' '))}, expand_sql(text)});
    at = end;
  }
  return views;
}

std::vector<SchemaColumn> model_columns(SQLite::Database& model, const std::string& table) {
  std::vector<SchemaColumn> columns;
  SQLite::Statement rows{model,
                         "SELECT name, type, coalesce(dflt_value, 'NULL'), pk, hidden <> 0 FROM "
                         "pragma_table_xinfo(?) ORDER BY cid"};
  rows.bind(1, table);
  while (rows.executeStep()) {
    columns.push_back({rows.getColumn(0).getString(),
                       rows.getColumn(1).getString(),
                       rows.getColumn(2).getString(),
                       rows.getColumn(3).getInt(),
                       rows.getColumn(4).getInt() != 0});
  }
  return columns;
}

}  // namespace

Schema make_schema(std::string_view creation,
                   const std::vector<std::string_view>& migrations,
                   std::string_view views) {
  Schema schema;
  schema.version = static_cast<int>(migrations.size()) + 1;
  schema.creation = expand_sql(creation);
  for (const auto migration : migrations) {
    schema.migrations.push_back(expand_sql(migration));
  }
  schema.views = parse_views(views);
  SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
  model.exec(schema.creation);
  SQLite::Statement made{model,
                         "SELECT type, name, sql FROM sqlite_schema WHERE sql IS NOT NULL ORDER BY "
                         "rowid"};
  while (made.executeStep()) {
    auto name = made.getColumn(1).getString();
    if (made.getColumn(0).getString() == "table") {
      auto columns = model_columns(model, name);
      schema.tables.push_back({std::move(name), std::move(columns), made.getColumn(2).getString()});
    } else {
      schema.indexes.push_back({std::move(name), made.getColumn(2).getString()});
    }
  }
  return schema;
}

const Schema& current_schema() {
  static const auto views = [] {
    std::string all;
    for (std::size_t file = 1; file < kSchemaFiles.size(); ++file) {
      all += kSchemaFiles.at(file).second;
    }
    return all;
  }();
  static const auto schema = make_schema(kSchemaFiles.at(0).second, {}, views);
  return schema;
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

struct View {
  std::string name;
  std::string sql;  ///< `CREATE VIEW name AS …`, without a semicolon, as SQLite stores it
};

struct SchemaColumn {
  std::string name;
  std::string type;
  std::string default_sql;  ///< `NULL` where none is declared
  int key = 0;              ///< place in the primary key, from 1; 0: not in it
  bool generated = false;   ///< computed from others, not stored
};

struct SchemaTable {
  std::string name;
  std::vector<SchemaColumn> columns;
  std::string sql;  ///< `CREATE TABLE …`
};

struct Index {
  std::string name;
  std::string sql;  ///< `CREATE INDEX …`
};

/// What a recording consists of. The tables are data, views and indexes are code.
struct Schema {
  int version = 0;       ///< PRAGMA user_version, from 1
  std::string creation;  ///< makes an empty database a recording of this version, without views
  std::vector<std::string> migrations;  ///< [n] makes version n + 2 of version n + 1
  std::vector<SchemaTable> tables;      ///< what `creation` makes
  std::vector<Index> indexes;           ///< the same
  std::vector<View> views;              ///< a view comes after those that it reads
};

/// @param creation, migrations, views SQL with the abbreviations of expand_sql()
/// @throws std::invalid_argument or SQLite::Exception for what does not run; only a build or a
/// test can contain it.
Schema make_schema(std::string_view creation,
                   const std::vector<std::string_view>& migrations,
                   std::string_view views);

/// The schema of this build: schema/tables.sql, schema/migrations, and the views
/// of schema/views.sql, schema/program_views.sql and schema/report_views.sql.
const Schema& current_schema();

}  // namespace netlog::store

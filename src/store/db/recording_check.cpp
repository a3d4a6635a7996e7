// SPDX-License-Identifier: MIT
#include "store/db/recording_check.hpp"

#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <string_view>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

#include <sqlite3.h>

// A file that is not trusted can hold tables that shadow `sqlite_schema` or `pragma_table_info`.
// It cannot shadow `sqlite_master`, nor a PRAGMA statement.
namespace netlog::store {
namespace {

constexpr int kLastUnreleased = 5;

[[noreturn]] void refuse_altered(const std::filesystem::path& path, std::string_view what) {
  refuse_recording(path, fmt::format("{}; it has been altered, look at it with sqlite3", what));
}

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(fmt::format("PRAGMA main.{}", name)).getInt();
}

bool has_nothing(SQLite::Database& database) {
  return database.execAndGet("SELECT count(*) FROM main.sqlite_master").getInt() == 0;
}

bool has_table(SQLite::Database& database, const char* name) {
  SQLite::Statement found{database,
                          "SELECT 1 FROM main.sqlite_master WHERE type = 'table' AND name = ?"};
  found.bind(1, name);
  return found.executeStep();
}

/// Versions 1 to 5 were used before the first release. They differ from the released ones by a
/// table of names for codes.
bool is_unreleased(SQLite::Database& database, int version) {
  return version >= 1 && version <= kLastUnreleased && has_table(database, "code_name") &&
         !has_table(database, "duration_bucket");
}

bool same_name(std::string_view a, std::string_view b) {
  return a.size() == b.size() &&
         sqlite3_strnicmp(a.data(), b.data(), static_cast<int>(a.size())) == 0;
}

/// False if there is none.
/// @throws StoreError if it is not an ordinary table
bool has_ordinary_table(SQLite::Database& database,
                        const std::filesystem::path& path,
                        const std::string& name) {
  SQLite::Statement found{database,
                          "SELECT type = 'table' AND rootpage > 0 FROM main.sqlite_master WHERE "
                          "name = ? COLLATE NOCASE"};
  found.bind(1, name);
  int rows = 0;
  bool ordinary = true;
  while (found.executeStep()) {
    ++rows;
    ordinary = ordinary && found.getColumn(0).getInt() != 0;
  }
  if (rows > 1 || !ordinary) {
    refuse_altered(path, fmt::format("{} is not an ordinary table", name));
  }
  return rows == 1;
}

struct FoundColumn {
  std::string name;
  std::string type;
  int key = 0;
  bool generated = false;
};

std::vector<FoundColumn> found_columns(SQLite::Database& database, const std::string& table) {
  std::vector<FoundColumn> columns;
  SQLite::Statement rows{database, fmt::format("PRAGMA main.table_xinfo(\"{}\")", table)};
  while (rows.executeStep()) {
    columns.push_back({rows.getColumn("name").getString(),
                       rows.getColumn("type").getString(),
                       rows.getColumn("pk").getInt(),
                       rows.getColumn("hidden").getInt() != 0});
  }
  return columns;
}

/// What is wrong with a column that must be like `needed`; empty: nothing.
std::string_view mismatch(const FoundColumn& found, const SchemaColumn& needed) {
  if (found.generated) {
    return "is generated";
  }
  if (!same_name(found.type, needed.type)) {
    return "has another type";
  }
  return found.key == needed.key ? "" : "has another place in the primary key";
}

std::vector<SchemaColumn> missing_columns(SQLite::Database& database,
                                          const std::filesystem::path& path,
                                          const SchemaTable& table) {
  std::vector<SchemaColumn> missing;
  const auto columns = found_columns(database, table.name);
  for (const auto& needed : table.columns) {
    const auto found = std::find_if(columns.begin(), columns.end(), [&](const auto& column) {
      return same_name(column.name, needed.name);
    });
    if (found == columns.end()) {
      missing.push_back(needed);
    } else if (const auto wrong = mismatch(*found, needed); !wrong.empty()) {
      refuse_altered(path, fmt::format("column {} of {} {}", needed.name, table.name, wrong));
    }
  }
  return missing;
}

/// A row of sqlite_master whose text makes something else than its type says: only somebody who
/// wrote into that table can have made it.
void check_kinds(SQLite::Database& database, const std::filesystem::path& path) {
  SQLite::Statement odd{database,
                        "SELECT name FROM main.sqlite_master WHERE NOT coalesce(CASE type "
                        "WHEN 'table' THEN (rootpage > 0 AND sql GLOB 'CREATE TABLE *') OR "
                        "(rootpage = 0 AND sql GLOB 'CREATE VIRTUAL TABLE *') "
                        "WHEN 'index' THEN sql IS NULL OR sql GLOB 'CREATE INDEX *' OR sql GLOB "
                        "'CREATE UNIQUE INDEX *' "
                        "WHEN 'view' THEN sql GLOB 'CREATE VIEW *' "
                        "WHEN 'trigger' THEN sql GLOB 'CREATE TRIGGER *' END, 0) "
                        // What the planner reads when the schema is loaded.
                        "OR (lower(name) GLOB 'sqlite_stat*' AND type = 'table' AND sql NOT IN "
                        "('CREATE TABLE sqlite_stat1(tbl,idx,stat)', "
                        "'CREATE TABLE sqlite_stat3(tbl,idx,neq,nlt,ndlt,sample)', "
                        "'CREATE TABLE sqlite_stat4(tbl,idx,neq,nlt,ndlt,sample)')) LIMIT 1"};
  if (odd.executeStep()) {
    refuse_altered(
        path,
        fmt::format("its schema says of {} what it is not", quote(odd.getColumn(0).getString())));
  }
}

/// Without comments and blanks.
std::string bare(std::string_view sql) {
  std::string out;
  for (std::size_t at = 0; at < sql.size(); ++at) {
    if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
    } else if (sql.substr(at, 2) == "/*") {
      at = std::min(sql.find("*/", at + 2), sql.size() - 2) + 1;
    } else if (std::string_view{" \t\r\n"}.find(sql[at]) == std::string_view::npos) {
      out += sql[at];
    }
  }
  return out;
}

/// Whether a table is defined as ours is: the same text, and behind our columns those that a user
/// has added. A constraint among those would be checked when we write.
bool is_defined_as(std::string_view found, const SchemaTable& table) {
  const auto text = bare(found);
  const auto ours = bare(table.sql);
  const auto end = ours.rfind(')');
  const std::string_view head{ours.data(), end};
  const auto tail = std::string_view{ours}.substr(end);
  if (text.size() < ours.size() || !text.starts_with(head) || !text.ends_with(tail)) {
    return false;
  }
  const auto added = upper(text.substr(head.size(), text.size() - ours.size()));
  return added.empty() || (added.starts_with(',') && added.find("CHECK") == std::string::npos &&
                           added.find("UNIQUE") == std::string::npos &&
                           added.find("CONFLICT") == std::string::npos &&
                           added.find("REFERENCES") == std::string::npos);
}

void check_definition(SQLite::Database& database,
                      const std::filesystem::path& path,
                      const SchemaTable& table) {
  SQLite::Statement found{
      database,
      "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"};
  found.bind(1, table.name);
  if (found.executeStep() && !is_defined_as(found.getColumn(0).getString(), table)) {
    refuse_altered(path, fmt::format("table {} is not defined as netlog does it", table.name));
  }
  SQLite::Statement indexes{database, fmt::format("PRAGMA main.index_list(\"{}\")", table.name)};
  while (indexes.executeStep()) {
    if (indexes.getColumn("origin").getString() == "c" &&
        indexes.getColumn("unique").getInt() != 0) {
      refuse_recording(path,
                       fmt::format("the unique index {} on its table {} would drop rows; netlog "
                                   "runs nothing of a file's own, drop it with sqlite3",
                                   quote(indexes.getColumn("name").getString()),
                                   table.name));
    }
  }
}

/// A trigger on a table of ours would run when we write.
void check_triggers(SQLite::Database& database,
                    const std::filesystem::path& path,
                    const Schema& schema) {
  SQLite::Statement triggers{
      database, "SELECT name, tbl_name FROM main.sqlite_master WHERE type = 'trigger'"};
  while (triggers.executeStep()) {
    const auto on = triggers.getColumn(1).getString();
    if (std::any_of(schema.tables.begin(), schema.tables.end(), [&](const auto& table) {
          return same_name(table.name, on);
        })) {
      refuse_recording(
          path,
          fmt::format("trigger {} on its table {}; netlog runs nothing of a file's own, drop it "
                      "with sqlite3",
                      quote(triggers.getColumn(0).getString()),
                      quote(on)));
    }
  }
}

}  // namespace

void run_nothing_of_the_file(SQLite::Database& database) {
  for (const auto setting : {SQLITE_DBCONFIG_TRUSTED_SCHEMA,
                             SQLITE_DBCONFIG_ENABLE_TRIGGER,
                             SQLITE_DBCONFIG_ENABLE_VIEW}) {
    sqlite3_db_config(database.getHandle(), setting, 0, nullptr);
  }
}

void refuse_recording(const std::filesystem::path& path, std::string_view why) {
  throw StoreError{fmt::format("cannot open recording {}: {}", utf8(path), why)};
}

void refuse_slow_schema(const std::filesystem::path& path) {
  refuse_recording(path, "reading its schema takes too long; netlog did not write it so");
}

int recording_version(SQLite::Database& database,
                      const std::filesystem::path& path,
                      const Schema& schema) {
  const auto application_id = pragma(database, "application_id");
  const auto version = pragma(database, "user_version");
  if (application_id == 0 && version == 0 && has_nothing(database)) {
    return 0;
  }
  if (application_id != kApplicationId) {
    refuse_recording(
        path,
        fmt::format("it is another program's SQLite database (application_id {}, a recording "
                    "has {}); name another file with --db",
                    application_id,
                    kApplicationId));
  }
  if (version < 1) {
    refuse_altered(path, fmt::format("there is no schema version {}", version));
  }
  if (is_unreleased(database, version)) {
    refuse_recording(
        path,
        fmt::format("it was made by a netlog that was never released (its schema version {}); "
                    "record into a new file",
                    version));
  }
  if (version > schema.version) {
    refuse_recording(
        path,
        fmt::format("schema version {} is newer than this build's {}; use a newer netlog",
                    version,
                    schema.version));
  }
  return version;
}

std::vector<MissingColumns> check_tables(SQLite::Database& database,
                                         const std::filesystem::path& path,
                                         const Schema& schema) {
  check_kinds(database, path);
  const bool older = pragma(database, "user_version") < schema.version;
  std::vector<MissingColumns> missing;
  for (const auto& table : schema.tables) {
    const bool there = has_ordinary_table(database, path, table.name);
    auto columns = there ? missing_columns(database, path, table) : table.columns;
    if (columns.empty()) {
      continue;
    }
    if (!older) {
      refuse_altered(
          path,
          there ? fmt::format("table {} has no column {}", table.name, columns.front().name)
                : fmt::format("it has no table {}", table.name));
    }
    missing.push_back({&table, !there, std::move(columns)});
  }
  check_triggers(database, path, schema);
  if (!older) {
    for (const auto& table : schema.tables) {
      check_definition(database, path, table);
    }
  }
  return missing;
}

std::set<std::string> foreign_objects(SQLite::Database& database) {
  std::set<std::string> names;
  SQLite::Statement found{database,
                          "SELECT lower(name) FROM main.sqlite_master WHERE type = 'view' OR (type "
                          "= 'table' AND rootpage = 0)"};
  while (found.executeStep()) {
    names.insert(found.getColumn(0).getString());
  }
  return names;
}

}  // namespace netlog::store

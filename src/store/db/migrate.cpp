// SPDX-License-Identifier: MIT
#include "store/db/migrate.hpp"

#include "store/db/opening_limit.hpp"
#include "store/db/recording_check.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <map>
#include <string>
#include <string_view>

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

void set_version(SQLite::Database& database, int version) {
  database.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
  database.exec(fmt::format("PRAGMA user_version = {}", version));
}

/// One step; false when nothing is left to do. A second process waits at the beginning of the
/// transaction and then finds the new version.
bool bring_forward(SQLite::Database& database,
                   const std::filesystem::path& path,
                   const Schema& schema) {
  if (recording_version(database, path, schema) == schema.version) {
    return false;
  }
  SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
  const auto version = recording_version(database, path, schema);
  if (version == schema.version) {
    return false;
  }
  if (version == 0) {
    database.exec(schema.creation);
    for (const auto& view : schema.views) {
      database.exec(view.sql);
    }
    set_version(database, schema.version);
  } else {
    check_tables(database, path, schema);
    database.exec(schema.migrations.at(static_cast<std::size_t>(version) - 1));
    set_version(database, version + 1);
  }
  transaction.commit();
  return true;
}

/// What the file has under a name.
struct Made {
  bool is_view = false;
  std::string sql;
};

std::map<std::string, Made> read_schema(SQLite::Database& database) {
  std::map<std::string, Made> made;
  SQLite::Statement rows{database,
                         "SELECT lower(name), type = 'view', coalesce(sql, '') FROM "
                         "main.sqlite_master WHERE type <> 'trigger'"};
  while (rows.executeStep()) {
    made[rows.getColumn(0).getString()] = {rows.getColumn(1).getInt() != 0,
                                           rows.getColumn(2).getString()};
  }
  return made;
}

/// The statements that make views and indexes those of the schema; empty: they are. A table that
/// the user gave the name of a view stays; so does whatever has the name of an index.
std::string renewal(SQLite::Database& database, const Schema& schema) {
  const auto made = read_schema(database);
  std::string sql;
  for (const auto& index : schema.indexes) {
    if (!made.contains(index.name)) {
      sql += index.sql + ";\n";
    }
  }
  for (const auto& view : schema.views) {
    const auto found = made.find(view.name);
    if (found == made.end()) {
      sql += view.sql + ";\n";
    } else if (found->second.is_view && found->second.sql != view.sql) {
      sql += fmt::format("DROP VIEW {};\n{};\n", view.name, view.sql);
    }
  }
  return sql;
}

void renew(SQLite::Database& database, const Schema& schema) {
  if (renewal(database, schema).empty()) {
    return;
  }
  SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
  database.exec(renewal(database, schema));
  transaction.commit();
}

/// Our own statements use these, not those of the file. TEMP comes first where a name is looked up.
void make_own_views(SQLite::Database& database, const Schema& schema) {
  constexpr std::string_view kCreate = "CREATE VIEW ";
  for (const auto& view : schema.views) {
    database.exec(fmt::format("CREATE TEMP VIEW IF NOT EXISTS {}",
                              std::string_view{view.sql}.substr(kCreate.size())));
  }
}

}  // namespace

void migrate(SQLite::Database& database, const std::filesystem::path& path, const Schema& schema) {
  run_nothing_of_the_file(database);
  try {
    database.exec("PRAGMA cell_size_check = ON");
    {
      // The schema of a file that somebody else has made can take any time to load and to check.
      const OpeningLimit limit{database};
      if (recording_version(database, path, schema) != 0) {
        check_tables(database, path, schema);
      }
    }
    while (bring_forward(database, path, schema)) {
    }
    check_tables(database, path, schema);
    check_defaults(database, path, schema);
    renew(database, schema);
    make_own_views(database, schema);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() == SQLITE_INTERRUPT) {
      refuse_slow_schema(path);
    }
    // SQLite quotes whole lines of a schema that it cannot parse.
    if (one_line(error.what()) == error.what()) {
      throw;
    }
    throw StoreError{fmt::format("cannot open recording {}: {} [sqlite:{}]",
                                 utf8(path),
                                 one_line(error.what()),
                                 error.getExtendedErrorCode())};
  }
}

}  // namespace netlog::store

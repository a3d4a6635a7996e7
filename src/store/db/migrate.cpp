// SPDX-License-Identifier: MIT
#include "store/db/migrate.hpp"

#include "store/db/migrations.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <string>

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

int pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(fmt::format("PRAGMA {}", name)).getInt();
}

bool is_empty(SQLite::Database& database) {
  return database.execAndGet("SELECT count(*) FROM sqlite_schema").getInt() == 0;
}

/// The version of a recording; 0 for an empty database.
int checked_version(SQLite::Database& database, const std::filesystem::path& path) {
  const auto application_id = pragma(database, "application_id");
  const auto version = pragma(database, "user_version");
  if (application_id == 0 && version == 0 && is_empty(database)) {
    return 0;
  }
  if (application_id != kApplicationId) {
    throw StoreError{fmt::format(
        "cannot open recording {}: it is another program's SQLite database (application_id {}, a "
        "recording has {}); name another file with --db",
        utf8(path),
        application_id,
        kApplicationId)};
  }
  if (version < 0) {
    throw StoreError{fmt::format(
        "cannot open recording {}: schema version {} is none; it has been altered, look at it with "
        "sqlite3",
        utf8(path),
        version)};
  }
  if (version > latest_version()) {
    throw StoreError{
        fmt::format("cannot open recording {}: schema version {} is newer than this build's {}; "
                    "use a newer netlog",
                    utf8(path),
                    version,
                    latest_version())};
  }
  return version;
}

/// Rows of sqlite_schema, sorted, as text: two recordings of one version have the same. Of one with
/// more than any of ours as much as tells them apart.
std::string schema_text(SQLite::Database& database) {
  SQLite::Statement rows{database,
                         "SELECT type, name, tbl_name, coalesce(substr(sql, 1, 100000), '') FROM "
                         "sqlite_schema WHERE name NOT LIKE 'sqlite_stat%' "
                         "ORDER BY type, name LIMIT 1000"};
  std::string text;
  while (rows.executeStep()) {
    text += fmt::format("{}|{}|{}|{}\n",
                        rows.getColumn(0).getString(),
                        rows.getColumn(1).getString(),
                        rows.getColumn(2).getString(),
                        rows.getColumn(3).getString());
  }
  return text;
}

void apply_migrations(SQLite::Database& database, const std::filesystem::path& path) {
  for (;;) {
    // A second process waits here, then sees our version.
    SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
    const auto found = checked_version(database, path);
    if (found == latest_version()) {
      return;
    }
    database.exec(std::string{kMigrations.at(static_cast<std::size_t>(found)).second});
    database.exec(fmt::format("PRAGMA application_id = {}", kApplicationId));
    database.exec(fmt::format("PRAGMA user_version = {}", found + 1));
    transaction.commit();
  }
}

}  // namespace

int latest_version() {
  return static_cast<int>(kMigrations.size());
}

void migrate(SQLite::Database& database, const std::filesystem::path& path) {
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
  try {
    database.exec("PRAGMA cell_size_check = ON");
    apply_migrations(database, path);
    check_schema(database, path);
  } catch (const SQLite::Exception& error) {
    // Of a schema that it cannot parse SQLite quotes whole lines.
    if (one_line(error.what()) == error.what()) {
      throw;
    }
    throw StoreError{fmt::format("cannot open recording {}: {} [sqlite:{}]",
                                 utf8(path),
                                 one_line(error.what()),
                                 error.getExtendedErrorCode())};
  }
}

void check_schema(SQLite::Database& database, const std::filesystem::path& path) {
  static const auto ours = [] {
    SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
    apply_migrations(model, ":memory:");
    return schema_text(model);
  }();
  if (schema_text(database) != ours) {
    throw StoreError{
        fmt::format("cannot open recording {}: its tables or views are not those that netlog "
                    "makes; it has been altered, look at it with sqlite3",
                    utf8(path))};
  }
}

void check_identity(SQLite::Database& database, const std::filesystem::path& path) {
  const auto version = checked_version(database, path);
  if (version == 0) {
    throw StoreError{fmt::format(
        "cannot open recording {}: it is empty; record into it with: netlog record --db {}",
        utf8(path),
        utf8(path))};
  }
  if (version < latest_version()) {
    throw StoreError{
        fmt::format("cannot open recording {}: schema version {} is older than this build's {}; "
                    "`netlog record` brings "
                    "it up to date",
                    utf8(path),
                    version,
                    latest_version())};
  }
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/migrate.hpp"

#include "base/text.hpp"
#include "store/migrations.hpp"
#include "store/writer.hpp"

#include <string>

#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

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

}  // namespace

int latest_version() {
  return static_cast<int>(kMigrations.size());
}

void migrate(SQLite::Database& database, const std::filesystem::path& path) {
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

std::string schema_text(SQLite::Database& database) {
  SQLite::Statement rows{database,
                         "SELECT type, name, tbl_name, coalesce(sql, '') FROM sqlite_schema WHERE "
                         "name NOT LIKE 'sqlite_stat%' "
                         "ORDER BY type, name"};
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

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/db/open_readonly.hpp"

#include "os/file_trust.hpp"
#include "os/files.hpp"
#include "os/side_files.hpp"
#include "store/db/opening_limit.hpp"
#include "store/db/recording_check.hpp"
#include "store/db/sqlite_name.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kMaxLengthToOpen = 1 << 20;
constexpr int kMaxLength = 16 << 20;

void check_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (std::filesystem::is_symlink(status)) {
    refuse_recording(path, "a symbolic link; name the file that it leads to");
  }
  if (!std::filesystem::exists(status)) {
    refuse_recording(
        path,
        error && error != std::errc::no_such_file_or_directory
            ? error.message()
            : fmt::format("no such file; record one with: netlog record --db {}", utf8(path)));
  }
  if (!std::filesystem::is_regular_file(status)) {
    refuse_recording(path, "not a regular file; name a recording with --db");
  }
  if (const auto why = os::distrust(path, os::FileUse::read)) {
    refuse_recording(path, *why);
  }
  for (const auto* const suffix : os::kSideFiles) {
    const auto side = std::filesystem::symlink_status(with_suffix(path, suffix), error);
    if (std::filesystem::exists(side) && !std::filesystem::is_regular_file(side)) {
      refuse_recording(path,
                       fmt::format("what stands beside it as {} is not a regular file", suffix));
    }
  }
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    refuse_recording(path, "it may not be read; ask its owner, or run as that user");
  }
  std::array<char, 16> magic{};
  in.read(magic.data(), magic.size());
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  const auto got = static_cast<std::size_t>(in.gcount());
  if (got > 0 && std::string_view{magic.data(), got} != kMagic) {
    refuse_recording(path, "not an SQLite database; name a recording with --db");
  }
}

// In a directory that may not be written SQLite cannot make the shared memory of a WAL; without a
// WAL there is nothing to share.
std::string immutable_uri(const std::filesystem::path& path) {
  const auto absolute = os::absolute_path(path).generic_u8string();
  // Two slashes at its begin would be those before the name of a machine.
  std::string uri = absolute.starts_with(u8"//")  ? "file://"
                    : absolute.starts_with(u8'/') ? "file:"
                                                  : "file:/";
  for (const auto unit : absolute) {
    const auto byte = static_cast<unsigned char>(unit);
    const auto c = static_cast<char>(unit);
    const bool plain =
        byte < 0x80 && (std::isalnum(byte) != 0 || std::strchr("/-_.~", c) != nullptr);
    uri += plain ? std::string{c} : fmt::format("%{:02X}", byte);
  }
  return uri + "?immutable=1";
}

/// What no recording of ours comes near.
void set_limits(SQLite::Database& database) {
  struct Limit {
    int which;
    int most;
  };
  for (const auto& limit : std::array<Limit, 11>{{
           {SQLITE_LIMIT_LENGTH, kMaxLengthToOpen},
           {SQLITE_LIMIT_SQL_LENGTH, 1 << 20},
           {SQLITE_LIMIT_COLUMN, 500},
           {SQLITE_LIMIT_EXPR_DEPTH, 200},
           {SQLITE_LIMIT_COMPOUND_SELECT, 100},
           {SQLITE_LIMIT_VDBE_OP, 1'000'000},
           {SQLITE_LIMIT_FUNCTION_ARG, 100},
           {SQLITE_LIMIT_ATTACHED, 0},
           {SQLITE_LIMIT_LIKE_PATTERN_LENGTH, 1'000},
           {SQLITE_LIMIT_VARIABLE_NUMBER, 1'000},
           {SQLITE_LIMIT_TRIGGER_DEPTH, 1},
       }}) {
    sqlite3_limit(database.getHandle(), limit.which, limit.most);
  }
  sqlite3_limit(database.getHandle(), SQLITE_LIMIT_WORKER_THREADS, 0);
}

SQLite::Database with_limits(SQLite::Database database) {
  set_limits(database);
  run_nothing_of_the_file(database);
  return database;
}

void load_schema(SQLite::Database& database) {
  const OpeningLimit limit{database};
  database.execAndGet("SELECT count(*) FROM sqlite_schema");
}

SQLite::Database open_plain(const std::filesystem::path& path) {
  auto database = with_limits({sqlite_name(path), SQLite::OPEN_READONLY, kBusyMs});
  load_schema(database);
  return database;
}

/// The index of the WAL is made in our own memory, and nothing is locked: only where nothing may be
/// written and nobody has an index there, so nobody writes.
SQLite::Database open_unlocked(const std::filesystem::path& path) {
  const auto* const system = sqlite3_vfs_find(nullptr);
  const auto unlocked = fmt::format("{}-none", system->zName);
  auto database =
      with_limits(SQLite::Database{sqlite_name(path), SQLite::OPEN_READONLY, kBusyMs, unlocked});
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  load_schema(database);
  return database;
}

SQLite::Database open(const std::filesystem::path& path) {
  try {
    return open_plain(path);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() != SQLITE_CANTOPEN) {
      throw;
    }
    std::error_code none;
    if (!std::filesystem::exists(with_suffix(path, "-wal"), none)) {
      return with_limits({immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMs});
    }
    if (!std::filesystem::exists(with_suffix(path, "-shm"), none)) {
      try {
        return open_unlocked(path);
      } catch (const SQLite::Exception&) {
        // The message below names the way.
      }
    }
    refuse_recording(path,
                     fmt::format("its -wal cannot be read where nothing may be written; copy both "
                                 "to a folder that you may write, or save its rows: netlog check "
                                 "{} --salvage NEW.db",
                                 utf8(path)));
  }
}

std::string quoted(const std::string& name) {
  return fmt::format("\"{}\"", name);
}

/// A view under a table's name that adds what the file's table lacks.
std::string completed_table(const MissingColumns& missing) {
  std::string columns = missing.whole_table ? "" : "*";
  for (const auto& column : missing.columns) {
    columns += fmt::format(
        "{}{} AS {}", columns.empty() ? "" : ", ", column.default_sql, quoted(column.name));
  }
  const auto& name = missing.table->name;
  return missing.whole_table
             ? fmt::format("CREATE TEMP VIEW {} AS SELECT {} WHERE 0;\n", quoted(name), columns)
             : fmt::format(
                   "CREATE TEMP VIEW {0} AS SELECT {1} FROM main.{0};\n", quoted(name), columns);
}

/// TEMP comes before the file's own schema where a name is looked up.
void make_views(SQLite::Database& database,
                const Schema& schema,
                const std::vector<MissingColumns>& missing) {
  constexpr std::string_view kCreate = "CREATE ";
  std::string sql;
  for (const auto& table : missing) {
    sql += completed_table(table);
  }
  for (const auto& view : schema.views) {
    sql += fmt::format("CREATE TEMP {};\n", std::string_view{view.sql}.substr(kCreate.size()));
  }
  database.exec(sql);
}

}  // namespace

bool lacks_wal(const std::filesystem::path& path) {
  constexpr std::size_t kReadVersion = 19;  // sqlite.org/fileformat.html, 1.3
  constexpr char kWal = 2;
  std::error_code error;
  if (!std::filesystem::is_regular_file(std::filesystem::symlink_status(path, error))) {
    return false;  // opening a pipe would wait
  }
  std::array<char, kReadVersion + 1> header{};
  std::ifstream in{path, std::ios::binary};
  in.read(header.data(), header.size());
  if (!in || header[kReadVersion] != kWal) {
    return false;
  }
  const auto size = std::filesystem::file_size(with_suffix(path, "-wal"), error);
  // A recorder has an empty one after a checkpoint; so has a reader that found none.
  return error || (size == 0 && !os::is_being_recorded(path));
}

SQLite::Database open_readonly(const std::filesystem::path& path, const Schema& schema) {
  check_file(path);
  try {
    auto database = open(path);
    const OpeningLimit limit{database};
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    database.exec("PRAGMA cell_size_check = ON");
    // A virtual table of the file is not even opened.
    std::array<const char*, 3> modules{"json_each", "json_tree", nullptr};
    sqlite3_drop_modules(database.getHandle(), modules.data());
    // SQLite creates the tables of a module when a connection first uses it. The authorizer of
    // queries would refuse that.
    database.exec("SELECT 1 FROM json_each('[]'), json_tree('[]')");
    // One query reads the same pages many times; at most 128 MiB of them are kept.
    database.exec("PRAGMA cache_size = -131072");
    database.exec("PRAGMA temp_store = MEMORY");
    if (recording_version(database, path, schema) == 0) {
      refuse_recording(
          path, fmt::format("it is empty; record into it with: netlog record --db {}", utf8(path)));
    }
    make_views(database, schema, check_tables(database, path, schema));
    sqlite3_limit(database.getHandle(), SQLITE_LIMIT_LENGTH, kMaxLength);
    return database;
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() == SQLITE_INTERRUPT) {
      refuse_slow_schema(path);
    }
    if (error.getExtendedErrorCode() == SQLITE_READONLY_ROLLBACK) {
      refuse_recording(
          path,
          fmt::format("another program was interrupted while it wrote into it; undo "
                      "that, on a copy of it and its -journal if it is evidence, with: "
                      "sqlite3 {} 'PRAGMA user_version'",
                      utf8(path)));
    }
    refuse_recording(
        path, fmt::format("{} [sqlite:{}]", one_line(error.what()), error.getExtendedErrorCode()));
  }
}

}  // namespace netlog::store

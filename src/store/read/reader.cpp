// SPDX-License-Identifier: MIT
#include "store/read/reader.hpp"

#include "store/db/migrate.hpp"
#include "store/db/open_readonly.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cstring>
#include <fstream>
#include <string>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20U;
constexpr int kBusyMs = 5'000;
constexpr int kStepsBetweenReadProgress = 50'000;
constexpr int kStepsToOpen = 1'000'000;

[[noreturn]] void refuse(const std::filesystem::path& path, std::string_view why) {
  throw StoreError{fmt::format("cannot open recording {}: {}", utf8(path), why)};
}

void check_file(const std::filesystem::path& path) {
  std::error_code error;
  const auto status = std::filesystem::symlink_status(path, error);
  if (std::filesystem::is_symlink(status)) {
    refuse(path, "a symbolic link; name the file that it leads to");
  }
  if (!std::filesystem::exists(status)) {
    refuse(path,
           error && error != std::errc::no_such_file_or_directory
               ? error.message()
               : fmt::format("no such file; record one with: netlog record --db {}", utf8(path)));
  }
  if (!std::filesystem::is_regular_file(status)) {
    refuse(path, "not a regular file; name a recording with --db");
  }
  for (const auto* const suffix : {"-wal", "-journal", "-shm"}) {
    const auto side = std::filesystem::symlink_status(with_suffix(path, suffix), error);
    if (std::filesystem::exists(side) && !std::filesystem::is_regular_file(side)) {
      refuse(path, fmt::format("what stands beside it as {} is not a regular file", suffix));
    }
  }
  std::ifstream in{path, std::ios::binary};
  if (!in) {
    refuse(path, "it may not be read; ask its owner, or run as that user");
  }
  std::array<char, 16> magic{};
  in.read(magic.data(), magic.size());
  constexpr std::string_view kMagic{"SQLite format 3\0", 16};
  const auto got = static_cast<std::size_t>(in.gcount());
  if (got > 0 && std::string_view{magic.data(), got} != kMagic) {
    refuse(path, "not an SQLite database; name a recording with --db");
  }
}

// In a directory that may not be written SQLite cannot make the shared memory of a WAL; without a
// WAL there is nothing to share.
std::string immutable_uri(const std::filesystem::path& path) {
  const auto absolute = std::filesystem::absolute(path).generic_u8string();
  std::string uri = absolute.starts_with(u8'/') ? "file:" : "file:/";
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
           {SQLITE_LIMIT_LENGTH, 16 << 20},
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
  // Nothing that opening asks is repeated: a schema that takes longer is none of ours.
  sqlite3_progress_handler(
      database.getHandle(), kStepsToOpen, [](void*) { return 1; }, nullptr);
  return database;
}

SQLite::Database open_plain(const std::filesystem::path& path) {
  auto database = with_limits({utf8(path), SQLite::OPEN_READONLY, kBusyMs});
  database.execAndGet("SELECT count(*) FROM sqlite_schema");
  return database;
}

SQLite::Database open(const std::filesystem::path& path) {
  try {
    return open_plain(path);
  } catch (const SQLite::Exception& error) {
    const bool settled = !std::filesystem::exists(with_suffix(path, "-wal"));
    if (error.getErrorCode() != SQLITE_CANTOPEN || !settled) {
      throw;
    }
    return with_limits({immutable_uri(path), SQLite::OPEN_READONLY | SQLite::OPEN_URI, kBusyMs});
  }
}

// What a question may do: read. ATTACH and friends could make files; a PRAGMA with a value could
// change how we read.
int authorize(void* /*context*/,
              int action,
              const char* /*first*/,
              const char* second,
              const char* /*database*/,
              const char* /*by*/) {
  switch (action) {
    case SQLITE_SELECT:
    case SQLITE_READ:
    case SQLITE_FUNCTION:
    case SQLITE_RECURSIVE:
      return SQLITE_OK;
    case SQLITE_PRAGMA:
      return second == nullptr ? SQLITE_OK : SQLITE_DENY;
    default:
      return SQLITE_DENY;
  }
}

constexpr std::size_t kMaxFaults = 100;

struct Finalize {
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using StatementHandle = std::unique_ptr<sqlite3_stmt, Finalize>;

void bind(sqlite3_stmt* statement, int index, const Cell& value) {
  if (const auto* integer = std::get_if<std::int64_t>(&value)) {
    sqlite3_bind_int64(statement, index, *integer);
  } else if (const auto* real = std::get_if<double>(&value)) {
    sqlite3_bind_double(statement, index, *real);
  } else if (const auto* text = std::get_if<std::string>(&value)) {
    sqlite3_bind_text64(
        statement, index, text->data(), text->size(), SQLITE_TRANSIENT, SQLITE_UTF8);
  }
}

void append_hex(std::string& out, std::span<const std::byte> bytes) {
  for (const auto byte : bytes) {
    out += fmt::format("{:02X}", std::to_integer<unsigned>(byte));
  }
}

Cell cell_of(sqlite3_stmt* statement, int column) {
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(statement, column));
  switch (sqlite3_column_type(statement, column)) {
    case SQLITE_INTEGER:
      return static_cast<std::int64_t>(sqlite3_column_int64(statement, column));
    case SQLITE_FLOAT:
      return sqlite3_column_double(statement, column);
    case SQLITE_TEXT: {
      const auto* const text = sqlite3_column_text(statement, column);
      return to_utf8({reinterpret_cast<const char*>(text), size}, kMaxText);
    }
    case SQLITE_BLOB: {
      std::string hex;
      const auto* const bytes =
          static_cast<const std::byte*>(sqlite3_column_blob(statement, column));
      append_hex(hex, {bytes, std::min(size, kMaxText)});
      return hex;
    }
    default:
      return std::monostate{};
  }
}

}  // namespace

SQLite::Database open_checked(const std::filesystem::path& path) {
  check_file(path);
  try {
    auto database = open(path);
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 1, nullptr);
    sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, nullptr);
    database.exec("PRAGMA cell_size_check = ON");
    // A page is wanted many times by one question; at most 128 MiB of them are kept.
    database.exec("PRAGMA cache_size = -131072");
    database.exec("PRAGMA temp_store = MEMORY");
    check_identity(database, path);
    check_schema(database, path);
    sqlite3_progress_handler(database.getHandle(), 0, nullptr, nullptr);
    return database;
  } catch (const SQLite::Exception& error) {
    refuse(path,
           fmt::format("{} [sqlite:{}]", one_line(error.what()), error.getExtendedErrorCode()));
  }
}

class Reader::Impl {
 public:
  explicit Impl(const std::filesystem::path& path) : path_{path}, database_{open_checked(path)} {
    sqlite3_set_authorizer(database_.getHandle(), authorize, nullptr);
  }

  void each(std::string_view sql,
            const Parameters& parameters,
            const std::function<void(const std::vector<std::string>&)>& names,
            const std::function<bool(const std::vector<Cell>&)>& row) {
    const auto statement = prepare(sql);
    for (const auto& [name, value] : parameters) {
      if (const auto index = sqlite3_bind_parameter_index(statement.get(), (":" + name).c_str());
          index > 0) {
        bind(statement.get(), index, value);
      }
    }
    const auto columns = sqlite3_column_count(statement.get());
    std::vector<std::string> headings;
    headings.reserve(static_cast<std::size_t>(columns));
    for (int column = 0; column < columns; ++column) {
      headings.emplace_back(sqlite3_column_name(statement.get(), column));
    }
    names(headings);
    std::vector<Cell> cells(static_cast<std::size_t>(columns));
    int code = SQLITE_ROW;
    while ((code = sqlite3_step(statement.get())) == SQLITE_ROW) {
      for (int column = 0; column < columns; ++column) {
        cells[static_cast<std::size_t>(column)] = cell_of(statement.get(), column);
      }
      if (!row(cells)) {
        return;
      }
    }
    if (code != SQLITE_DONE) {
      fail(code);
    }
  }

  void on_progress(std::function<bool()> go_on) {
    go_on_ = std::move(go_on);
    sqlite3_progress_handler(
        database_.getHandle(),
        kStepsBetweenReadProgress,
        [](void* self) { return static_cast<Impl*>(self)->go_on_() ? 0 : 1; },
        this);
  }

  int version() { return database_.execAndGet("PRAGMA user_version").getInt(); }

 private:
  StatementHandle prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    const auto code = sqlite3_prepare_v2(
        database_.getHandle(), sql.data(), static_cast<int>(sql.size()), &raw, &tail);
    StatementHandle statement{raw};
    if (code == SQLITE_AUTH) {
      throw StoreError{"cannot query: only statements that read are allowed"};
    }
    if (code != SQLITE_OK) {
      fail(code);
    }
    if (raw == nullptr) {
      throw StoreError{
          "cannot query: no SQL statement; give one, such as 'SELECT * FROM connections'"};
    }
    const std::string_view rest{tail, sql.size() - static_cast<std::size_t>(tail - sql.data())};
    if (rest.find_first_not_of(" \t\r\n;") != std::string_view::npos) {
      throw StoreError{
          fmt::format("cannot query: more than one statement, the second begins {}", quote(rest))};
    }
    if (sqlite3_stmt_readonly(raw) == 0) {
      throw StoreError{"cannot query: only statements that read are allowed"};
    }
    return statement;
  }

  [[noreturn]] void fail(int code) {
    if (code == SQLITE_INTERRUPT) {
      throw StoreError{"stopped before the answer was complete"};
    }
    throw StoreError{fmt::format("cannot query {}: {} [sqlite:{}]",
                                 utf8(path_),
                                 one_line(sqlite3_errmsg(database_.getHandle())),
                                 code)};
  }

  std::filesystem::path path_;
  SQLite::Database database_;
  std::function<bool()> go_on_;
};

Reader::Reader(const std::filesystem::path& path) : impl_{std::make_unique<Impl>(path)} {}
Reader::Reader(Reader&&) noexcept = default;
Reader& Reader::operator=(Reader&&) noexcept = default;
Reader::~Reader() = default;

Rows Reader::query(std::string_view sql, const Parameters& parameters) {
  Rows rows;
  each(
      sql,
      parameters,
      [&](const std::vector<std::string>& names) { rows.names = names; },
      [&](const std::vector<Cell>& cells) {
        rows.cells.push_back(cells);
        return true;
      });
  return rows;
}

void Reader::each(std::string_view sql,
                  const Parameters& parameters,
                  const std::function<void(const std::vector<std::string>&)>& names,
                  const std::function<bool(const std::vector<Cell>&)>& row) {
  impl_->each(sql, parameters, names, row);
}

std::vector<std::string> Reader::faults() {
  std::vector<std::string> faults;
  for (const auto& row : query("PRAGMA integrity_check").cells) {
    const auto* const text = std::get_if<std::string>(&row.at(0));
    if (text != nullptr && *text != "ok") {
      faults.push_back(*text);
    }
  }
  for (const auto& row : query("PRAGMA foreign_key_check").cells) {
    const auto text = [&](std::size_t column) {
      const auto* const value = std::get_if<std::string>(&row.at(column));
      return value == nullptr ? std::string{"?"} : *value;
    };
    const auto* const id = std::get_if<std::int64_t>(&row.at(1));
    faults.push_back(fmt::format(
        "row {} of {} refers to a missing {}", id == nullptr ? 0 : *id, text(0), text(2)));
    if (faults.size() >= kMaxFaults) {
      break;
    }
  }
  return faults;
}

void Reader::on_progress(std::function<bool()> go_on) {
  impl_->on_progress(std::move(go_on));
}

int Reader::schema_version() const {
  return impl_->version();
}

}  // namespace netlog::store

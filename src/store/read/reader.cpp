// SPDX-License-Identifier: MIT
#include "store/read/reader.hpp"

#include "store/db/open_readonly.hpp"
#include "store/db/recording_check.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr std::size_t kMaxText = std::size_t{1} << 20U;
constexpr int kStepsBetweenReadProgress = 50'000;

constexpr std::string_view kOnlyReading = "cannot query: only statements that read are allowed";
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

/// SQL without the blanks, semicolons and comments at its begin.
std::string_view without_leading_comments(std::string_view sql) {
  while (!sql.empty()) {
    if (sql.starts_with("--")) {
      sql.remove_prefix(std::min(sql.find('\n'), sql.size()));
    } else if (sql.starts_with("/*")) {
      const auto end = sql.find("*/", 2);  // SQLite ends an open comment at the end of the text
      sql.remove_prefix(end == std::string_view::npos ? sql.size() : end + 2);
    } else if (std::string_view{" \t\r\n\f;"}.find(sql.front()) != std::string_view::npos) {
      sql.remove_prefix(1);
    } else {
      break;
    }
  }
  return sql;
}

/// Whether a PRAGMA with an argument only reads: it describes the table or index of that name.
bool describes(std::string_view pragma) {
  constexpr std::array<std::string_view, 7> kDescribing{"table_info",
                                                        "table_xinfo",
                                                        "table_list",
                                                        "index_list",
                                                        "index_info",
                                                        "index_xinfo",
                                                        "foreign_key_list"};
  return std::find(kDescribing.begin(), kDescribing.end(), pragma) != kDescribing.end();
}

}  // namespace

class Reader::Impl {
 public:
  explicit Impl(const std::filesystem::path& path)
      : path_{path}, database_{open_readonly(path)}, foreign_{foreign_objects(database_)} {
    for (const auto& view : current_schema().views) {
      views_.insert(view.name);
    }
    sqlite3_set_authorizer(database_.getHandle(), authorize, this);
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
  /// A statement may read. ATTACH and the like could make files, a PRAGMA with a value could change
  /// how we read.
  static int authorize(void* self,
                       int action,
                       const char* first,
                       const char* second,
                       const char* schema,
                       const char* /*by*/) {
    switch (action) {
      case SQLITE_READ:
        return static_cast<Impl*>(self)->authorize_read(first, schema);
      case SQLITE_SELECT:
      case SQLITE_FUNCTION:
      case SQLITE_RECURSIVE:
        return SQLITE_OK;
      case SQLITE_PRAGMA:
        return second == nullptr
                   ? SQLITE_OK
                   : static_cast<Impl*>(self)->authorize_pragma(first, second, schema);
      default:
        return SQLITE_DENY;
    }
  }

  /// SQLite prepares a view to describe it, so only ours are described.
  int authorize_pragma(const char* pragma, const char* argument, const char* schema) {
    return describes(lower(pragma)) ? authorize_read(argument, schema) : SQLITE_DENY;
  }

  /// @param schema null where the statement uses no column of the table and names no schema
  int authorize_read(const char* table, const char* schema) {
    const auto name = lower(table);
    const bool in_file =
        schema != nullptr ? std::string_view{schema} == "main" : !views_.contains(name);
    if (!in_file || !foreign_.contains(name)) {
      return SQLITE_OK;
    }
    denied_ = table;
    return SQLITE_DENY;
  }

  StatementHandle prepare(std::string_view sql) {
    sqlite3_stmt* raw = nullptr;
    const char* tail = nullptr;
    denied_.clear();
    const auto code = sqlite3_prepare_v2(
        database_.getHandle(), sql.data(), static_cast<int>(sql.size()), &raw, &tail);
    StatementHandle statement{raw};
    if (code == SQLITE_AUTH) {
      throw StoreError{denied_.empty()
                           ? std::string{kOnlyReading}
                           : fmt::format("cannot query: {} is a view or a virtual table of the "
                                         "file; netlog runs only its own",
                                         quote(denied_))};
    }
    if (code != SQLITE_OK) {
      fail(code);
    }
    if (raw == nullptr) {
      throw StoreError{
          "cannot query: no SQL statement; give one, such as 'SELECT * FROM connections'"};
    }
    const std::string_view rest{tail, sql.size() - static_cast<std::size_t>(tail - sql.data())};
    if (!without_leading_comments(rest).empty()) {
      throw StoreError{
          fmt::format("cannot query: more than one statement, the second begins {}", quote(rest))};
    }
    if (sqlite3_stmt_readonly(raw) == 0) {
      throw StoreError{std::string{kOnlyReading}};
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
  std::set<std::string> foreign_;  ///< views and virtual tables of the file, in lower case
  std::set<std::string> views_;    ///< ours
  std::string denied_;             ///< which of `foreign_` the last statement wanted; empty: none
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

// SPDX-License-Identifier: MIT
#include "store/read/reader.hpp"

#include "os/files.hpp"
#include "store/db/budget.hpp"
#include "store/db/event_history.hpp"
#include "store/db/open_readonly.hpp"
#include "store/db/recording_check.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <limits>
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
// Of the texts of one answer: from here on they are shortened, and from there on refused.
constexpr std::size_t kMuchText = std::size_t{64} << 20U;
constexpr std::size_t kTooMuchText = std::size_t{1} << 30U;
constexpr int kShortText = 1'024;
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

/// Ends a query: its texts take too much memory.
struct TooMuchText {};

class Reader::Impl {
 public:
  explicit Impl(const std::filesystem::path& path)
      : path_{path},
        lacks_wal_{store::lacks_wal(path)},
        database_{open_readonly(path)},
        budget_{os::stored_bytes(path) + os::stored_bytes(with_suffix(path, "-wal"))} {
    for (const auto& view : current_schema().views) {
      views_.insert(view.name);
    }
    note_schema();
    sqlite3_hard_heap_limit64(
        std::max<std::int64_t>(sqlite3_hard_heap_limit64(-1), budget_.memory_bytes));
    sqlite3_set_authorizer(database_.getHandle(), authorize, this);
    sqlite3_progress_handler(
        database_.getHandle(),
        kStepsBetweenReadProgress,
        [](void* self) { return static_cast<Impl*>(self)->may_go_on() ? 0 : 1; },
        this);
  }

  void each(std::string_view sql,
            const Parameters& parameters,
            const std::function<void(const std::vector<std::string>&)>& names,
            const std::function<bool(const std::vector<Cell>&)>& row) {
    const OneSnapshot snapshot{*this};
    bool named = false;
    bool delivered = false;
    const auto run_once = [&] {
      return run(
          sql,
          parameters,
          [&](const std::vector<std::string>& headings) {
            if (!std::exchange(named, true)) {
              names(headings);
            }
          },
          [&](const std::vector<Cell>& cells) {
            delivered = true;
            return row(cells);
          });
    };
    auto code = run_once();
    if (is_no_memory(code) && !delivered && shorten_texts()) {
      code = run_once();
    }
    if (code != SQLITE_DONE) {
      fail(code);
    }
  }

  Rows query(std::string_view sql, const Parameters& parameters) {
    try {
      return collect(sql, parameters, shortened_ ? kTooMuchText : kMuchText);
    } catch (const TooMuchText&) {
      try {
        // Where no text is long, there are just many rows.
        return collect(
            sql,
            parameters,
            shorten_texts() || shortened_ ? kTooMuchText : std::numeric_limits<std::size_t>::max());
      } catch (const TooMuchText&) {
        throw StoreError{fmt::format(
            "cannot query {}: the texts of the answer have more than {} MiB; ask for less with "
            "--since, --until or --limit",
            utf8(path_),
            kTooMuchText >> 20U)};
      }
    }
  }

  void on_progress(std::function<bool()> go_on) { go_on_ = std::move(go_on); }
  void take_your_time() { has_time_limit_ = false; }
  [[nodiscard]] bool lacks_wal() const { return lacks_wal_; }

  int version() { return database_.execAndGet("PRAGMA user_version").getInt(); }

 private:
  static bool is_no_memory(int code) { return (code & 0xFF) == SQLITE_NOMEM; }

  /// Runs statements of ours that a reader's may not be.
  class Unguarded {
   public:
    explicit Unguarded(Impl& reader) : reader_{reader} { reader_.guarded_ = false; }
    Unguarded(const Unguarded&) = delete;
    Unguarded& operator=(const Unguarded&) = delete;
    ~Unguarded() { reader_.guarded_ = true; }

   private:
    Impl& reader_;
  };

  /// Checks the schema and then keeps it: nobody can change it before the query has ended.
  class OneSnapshot {
   public:
    explicit OneSnapshot(Impl& reader)
        : reader_{reader}, outermost_{sqlite3_get_autocommit(reader.database_.getHandle()) != 0} {
      if (outermost_) {
        const Unguarded ours{reader_};
        reader_.database_.exec("BEGIN");
        try {
          reader_.check_schema();
        } catch (...) {
          reader_.database_.tryExec("ROLLBACK");
          throw;
        }
      }
    }
    OneSnapshot(const OneSnapshot&) = delete;
    OneSnapshot& operator=(const OneSnapshot&) = delete;
    ~OneSnapshot() {
      if (outermost_) {
        const Unguarded ours{reader_};
        reader_.database_.tryExec("COMMIT");  // a rollback would drop TEMP views
      }
    }

   private:
    Impl& reader_;
    bool outermost_;
  };

  void note_schema() {
    schema_version_ = database_.execAndGet("PRAGMA main.schema_version").getInt64();
    foreign_ = foreign_objects(database_);
  }

  /// A file may get another schema while it is open, as by `tail -f`.
  void check_schema() {
    if (database_.execAndGet("PRAGMA main.schema_version").getInt64() != schema_version_) {
      recording_version(database_, path_, current_schema());
      check_tables(database_, path_, current_schema());
      note_schema();
    }
  }

  int run(std::string_view sql,
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
        return SQLITE_DONE;
      }
    }
    return code;
  }

  Rows collect(std::string_view sql, const Parameters& parameters, std::size_t most_text) {
    Rows rows;
    std::size_t text = 0;
    each(
        sql,
        parameters,
        [&](const std::vector<std::string>& names) { rows.names = names; },
        [&](const std::vector<Cell>& cells) {
          for (const auto& cell : cells) {
            const auto* const string = std::get_if<std::string>(&cell);
            text += string == nullptr ? 0 : string->size();
          }
          if (text > most_text) {
            throw TooMuchText{};
          }
          rows.cells.push_back(cells);
          return true;
        });
    return rows;
  }

  /// Replaces the tables that have long texts by TEMP views that cut them: one text of a megabyte
  /// may belong to thousands of connections.
  /// @returns false if there is none
  bool shorten_texts() {
    if (shortened_) {
      return false;
    }
    const Unguarded ours{*this};
    for (const auto& table : current_schema().tables) {
      shortened_ |= shorten_texts(table);
    }
    return shortened_;
  }

  bool shorten_texts(const SchemaTable& table) {
    std::string columns;
    std::string is_long;
    for (const auto& column : table.columns) {
      columns += columns.empty() ? "" : ", ";
      if (column.type != "TEXT" && column.type != "BLOB") {
        columns += fmt::format(R"("{}")", column.name);
        continue;
      }
      const bool is_history = table.name == "connection" && column.name == "history";
      const auto most = is_history ? kMaxHistoryText : kShortText;
      // A history that is cut is no JSON any more.
      columns +=
          fmt::format(fmt::runtime(is_history ? R"(iif(length("{0}") > {1}, NULL, "{0}") AS "{0}")"
                                              : R"(substr("{0}", 1, {1}) AS "{0}")"),
                      column.name,
                      most);
      is_long +=
          fmt::format(R"({}length("{}") > {})", is_long.empty() ? "" : " OR ", column.name, most);
    }
    if (is_long.empty() ||
        database_
                .execAndGet(fmt::format(
                    R"(SELECT EXISTS (SELECT 1 FROM main."{}" WHERE {}))", table.name, is_long))
                .getInt() == 0) {
      return false;
    }
    database_.exec(fmt::format(
        R"(CREATE TEMP VIEW "{0}" AS SELECT {1} FROM main."{0}")", table.name, columns));
    return true;
  }

  bool may_go_on() {
    out_of_time_ = has_time_limit_ && timer_.passed() > budget_.time;
    return !out_of_time_ && (!go_on_ || go_on_());
  }

  /// A statement may read. ATTACH and the like could make files, a PRAGMA with a value could change
  /// how we read.
  static int authorize(void* self,
                       int action,
                       const char* first,
                       const char* second,
                       const char* schema,
                       const char* /*by*/) {
    if (!static_cast<Impl*>(self)->guarded_) {
      return SQLITE_OK;
    }
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
    const std::string_view error = code == SQLITE_OK ? "" : sqlite3_errmsg(database_.getHandle());
    if (error.starts_with("access to view")) {
      throw StoreError{fmt::format("cannot query: {}; netlog runs only its own", one_line(error))};
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
    if (code == SQLITE_INTERRUPT && out_of_time_) {
      throw StoreError{fmt::format(
          "cannot query {}: stopped after {} s of processor time, more than any recording of its "
          "size needs; ask for less with --since, --until or --limit",
          utf8(path_),
          budget_.time.count())};
    }
    if (is_no_memory(code)) {
      throw StoreError{fmt::format(
          "cannot query {}: it takes more than {} MiB of memory, more than any recording of its "
          "size needs; ask for less with --since, --until or --limit",
          utf8(path_),
          budget_.memory_bytes >> 20U)};
    }
    if (code == SQLITE_INTERRUPT) {
      throw StoreError{"stopped before the answer was complete"};
    }
    throw StoreError{fmt::format("cannot query {}: {} [sqlite:{}]",
                                 utf8(path_),
                                 one_line(sqlite3_errmsg(database_.getHandle())),
                                 code)};
  }

  std::filesystem::path path_;
  bool lacks_wal_;
  SQLite::Database database_;
  Budget budget_;
  CpuTimer timer_;
  bool has_time_limit_ = true;
  bool out_of_time_ = false;
  bool guarded_ = true;     ///< only statements that read may run
  bool shortened_ = false;  ///< by shorten_texts()
  std::int64_t schema_version_ = 0;
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
  return impl_->query(sql, parameters);
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

void Reader::take_your_time() {
  impl_->take_your_time();
}

bool Reader::lacks_wal() const {
  return impl_->lacks_wal();
}

int Reader::schema_version() const {
  return impl_->version();
}

}  // namespace netlog::store

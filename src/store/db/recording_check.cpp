// SPDX-License-Identifier: MIT
#include "store/db/recording_check.hpp"

#include "store/db/statement.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <cctype>
#include <cstddef>
#include <span>
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
  if (found.generated != needed.generated) {
    return found.generated ? "is generated" : "is not generated";
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

bool is_word_part(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return std::isalnum(byte) != 0 || byte >= 0x80 || c == '_' || c == '$' || c == '.';
}

/// Where a quoted name or text ends that begins at `at`. A doubled quote is part of it.
std::size_t end_of_quoted(std::string_view sql, std::size_t at) {
  const char close = sql[at] == '[' ? ']' : sql[at];
  for (++at; at < sql.size(); ++at) {
    if (sql[at] == close) {
      const bool doubled = close != ']' && at + 1 < sql.size() && sql[at + 1] == close;
      if (!doubled) {
        return at + 1;
      }
      ++at;
    }
  }
  return sql.size();
}

using Tokens = std::vector<std::string_view>;

/// Words, numbers, quoted names and texts, and single signs: without comments and blanks.
Tokens tokens_of(std::string_view sql) {
  constexpr std::string_view kBlanks{" \t\r\n\f"};
  constexpr std::string_view kQuotes{"'\"`["};
  constexpr std::string_view kByteOrderMark{"\xEF\xBB\xBF"};  // SQLite takes it for a blank here
  Tokens tokens;
  for (std::size_t at = 0; at < sql.size();) {
    auto end = at + 1;
    if (sql.substr(at, 2) == "--") {
      at = std::min(sql.find('\n', at), sql.size());
      continue;
    }
    if (sql.substr(at, 2) == "/*") {
      at = std::min(sql.find("*/", at + 2), sql.size() - 2) + 2;
      continue;
    }
    if (sql.substr(at).starts_with(kByteOrderMark)) {
      at += kByteOrderMark.size();
      continue;
    }
    if (kBlanks.find(sql[at]) != std::string_view::npos) {
      ++at;
      continue;
    }
    if (kQuotes.find(sql[at]) != std::string_view::npos) {
      end = end_of_quoted(sql, at);
    } else if (is_word_part(sql[at])) {
      const bool number = std::isdigit(static_cast<unsigned char>(sql[at])) != 0;
      const auto is_exponent = [&] {  // 1e-3
        return number && (sql[end] == '-' || sql[end] == '+') && (sql[end - 1] | 0x20) == 'e';
      };
      while (end < sql.size() && (is_word_part(sql[end]) || is_exponent())) {
        ++end;
      }
    }
    tokens.push_back(sql.substr(at, end - at));
    at = end;
  }
  return tokens;
}

/// Of the columns that a user has added: a name, a type, a DEFAULT that is one value, NULL,
/// COLLATE. Anything else could drop rows or be evaluated when we write.
class AddedColumns {
 public:
  explicit AddedColumns(std::span<const std::string_view> tokens) : left_{tokens} {}

  bool are_plain() {
    while (!left_.empty()) {
      if (!take(",") || !take_name()) {
        return false;
      }
      while (!left_.empty() && left_.front() != ",") {
        if (!take_part()) {
          return false;
        }
      }
    }
    return true;
  }

 private:
  bool take(std::string_view token) {
    if (left_.empty() || !same_name(left_.front(), token)) {
      return false;
    }
    left_ = left_.subspan(1);
    return true;
  }
  /// In quotes, as a graphical tool writes it, any name is plain.
  bool take_name() {
    constexpr std::string_view kQuotes{"\"`["};
    if (!left_.empty() && kQuotes.find(left_.front().front()) != std::string_view::npos) {
      left_ = left_.subspan(1);
      return true;
    }
    return take_word();
  }
  bool take_word() {
    constexpr std::array kConstraints{"CONSTRAINT",
                                      "PRIMARY",
                                      "NOT",
                                      "UNIQUE",
                                      "CHECK",
                                      "REFERENCES",
                                      "FOREIGN",
                                      "GENERATED",
                                      "AS",
                                      "ON",
                                      "DEFERRABLE",
                                      "DEFAULT",
                                      "COLLATE"};
    if (left_.empty() || !is_word_part(left_.front().front()) ||
        std::any_of(kConstraints.begin(), kConstraints.end(), [&](const char* word) {
          return same_name(left_.front(), word);
        })) {
      return false;
    }
    left_ = left_.subspan(1);
    return true;
  }
  bool take_value() {
    if (!take("-")) {
      take("+");
    }
    if (!left_.empty() && left_.front().front() == '\'') {
      left_ = left_.subspan(1);
      return true;
    }
    return take_word();
  }
  bool take_part() {
    if (take("(")) {  // of a type: VARCHAR(20), DECIMAL(10, 2)
      return take_word() && (!take(",") || take_word()) && take(")");
    }
    if (take("DEFAULT")) {
      return take_value();
    }
    take("COLLATE");
    return take_word();
  }

  std::span<const std::string_view> left_;
};

/// Where ALTER TABLE adds a column to this definition: behind the last one, before the keys.
std::size_t end_of_columns(const Tokens& table) {
  const auto last = static_cast<std::size_t>(
      table.rend() - std::find(table.rbegin(), table.rend(), std::string_view{")"}) - 1);
  constexpr std::array<std::string_view, 3> kKey{",", "PRIMARY", "KEY"};
  const auto key = std::search(table.begin(), table.end(), kKey.begin(), kKey.end());
  return key == table.end() ? last : static_cast<std::size_t>(key - table.begin());
}

/// Whether a table is defined as ours is: the same text, and behind our columns those that a user
/// has added.
bool is_defined_as(std::string_view found, const SchemaTable& table) {
  const auto text = tokens_of(found);
  const auto ours = tokens_of(table.sql);
  const auto head = end_of_columns(ours);
  const auto tail = ours.size() - head;
  if (text.size() < ours.size() ||
      !std::equal(ours.begin(), ours.begin() + static_cast<std::ptrdiff_t>(head), text.begin()) ||
      !std::equal(
          ours.rbegin(), ours.rbegin() + static_cast<std::ptrdiff_t>(tail), text.rbegin())) {
    return false;
  }
  return AddedColumns{std::span{text}.subspan(head, text.size() - ours.size())}.are_plain();
}

struct FoundIndex {
  std::string name;
  bool unique = false;
  bool partial = false;
};

/// Those that a CREATE INDEX has made.
std::vector<FoundIndex> found_indexes(SQLite::Database& database, const std::string& table) {
  std::vector<FoundIndex> indexes;
  SQLite::Statement rows{database, fmt::format("PRAGMA main.index_list(\"{}\")", table)};
  while (rows.executeStep()) {
    if (rows.getColumn("origin").getString() == "c") {
      indexes.push_back({rows.getColumn("name").getString(),
                         rows.getColumn("unique").getInt() != 0,
                         rows.getColumn("partial").getInt() != 0});
    }
  }
  return indexes;
}

bool is_ours(SQLite::Database& database, const FoundIndex& index, const Schema& schema) {
  const auto ours =
      std::find_if(schema.indexes.begin(), schema.indexes.end(), [&](const auto& each) {
        return same_name(each.name, index.name);
      });
  if (ours == schema.indexes.end()) {
    return false;
  }
  SQLite::Statement found{
      database,
      "SELECT sql FROM main.sqlite_master WHERE type = 'index' AND name = ? COLLATE NOCASE"};
  found.bind(1, index.name);
  if (!found.executeStep()) {
    return false;
  }
  const auto sql = found.getColumn(0).getString();
  return tokens_of(sql) == tokens_of(ours->sql);
}

/// What an index would do when we write, or a reader's check would find; empty: nothing.
std::string_view harm_of(SQLite::Database& database, const FoundIndex& index) {
  constexpr int kExpression = -2;
  if (index.unique) {
    return "would drop rows";
  }
  if (index.partial) {
    return "has a condition, which SQLite would evaluate";
  }
  auto quoted = index.name;
  for (auto at = quoted.find('"'); at != std::string::npos; at = quoted.find('"', at + 2)) {
    quoted.insert(at, 1, '"');
  }
  SQLite::Statement columns{database, fmt::format("PRAGMA main.index_xinfo(\"{}\")", quoted)};
  while (columns.executeStep()) {
    if (columns.getColumn("cid").getInt() == kExpression) {
      return "has an expression, which SQLite would evaluate";
    }
    const auto order = columns.getColumn("coll").getString();
    if (!same_name(order, "BINARY") && !same_name(order, "NOCASE") && !same_name(order, "RTRIM")) {
      return "has a collation that netlog does not have";
    }
  }
  return "";
}

void check_definition(SQLite::Database& database,
                      const std::filesystem::path& path,
                      const Schema& schema,
                      const SchemaTable& table) {
  SQLite::Statement found{
      database,
      "SELECT sql FROM main.sqlite_master WHERE type = 'table' AND name = ? COLLATE NOCASE"};
  found.bind(1, table.name);
  if (found.executeStep() && !is_defined_as(found.getColumn(0).getString(), table)) {
    refuse_altered(path, fmt::format("table {} is not defined as netlog does it", table.name));
  }
  for (const auto& index : found_indexes(database, table.name)) {
    if (const auto harm = harm_of(database, index);
        !harm.empty() && !is_ours(database, index, schema)) {
      refuse_recording(path,
                       fmt::format("the {}index {} on its table {} {}; netlog runs nothing of a "
                                   "file's own, drop it with sqlite3",
                                   index.unique ? "unique " : "",
                                   quote(index.name),
                                   table.name,
                                   harm));
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

/// Whether a column of this type in a STRICT table takes the value, which is one plain token.
bool takes(const std::string& type, const std::string& value) {
  SQLite::Database scratch{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  const auto made = fmt::format("CREATE TABLE made (value {} DEFAULT {}) STRICT", type, value);
  return scratch.tryExec(made) == SQLITE_OK &&
         scratch.tryExec("INSERT INTO made DEFAULT VALUES") == SQLITE_OK;
}

/// A text of SQL without its quotes.
std::string unquoted(const std::string& token) {
  return token.size() >= 2 && token.front() == '\'' ? token.substr(1, token.size() - 2) : token;
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
  const auto application_id = static_cast<int>(pragma(database, "application_id"));
  const auto version = static_cast<int>(pragma(database, "user_version"));
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
      check_definition(database, path, schema, table);
    }
  }
  return missing;
}

void check_defaults(SQLite::Database& database,
                    const std::filesystem::path& path,
                    const Schema& schema) {
  constexpr int kMaxDefaults = 1'000;  // of a table, characters
  for (const auto& table : schema.tables) {
    SQLite::Statement columns{database, fmt::format("PRAGMA main.table_xinfo(\"{}\")", table.name)};
    int defaults = 0;
    while (columns.executeStep()) {
      const auto type = columns.getColumn("type").getString();
      const auto value = columns.getColumn("dflt_value");
      defaults += value.isNull() ? 0 : value.getBytes();
      if (defaults > kMaxDefaults) {
        refuse_recording(path,
                         fmt::format("column {} of {} has a DEFAULT that makes each new row larger "
                                     "by {} bytes; drop the column with sqlite3",
                                     quote(columns.getColumn("name").getString()),
                                     table.name,
                                     value.getBytes()));
      }
      if (!value.isNull() && !takes(type, value.getString())) {
        refuse_recording(path,
                         fmt::format("column {} of {} takes only {}, and its DEFAULT is {}; drop "
                                     "the column with sqlite3",
                                     quote(columns.getColumn("name").getString()),
                                     table.name,
                                     type,
                                     quote(unquoted(value.getString()))));
      }
    }
  }
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

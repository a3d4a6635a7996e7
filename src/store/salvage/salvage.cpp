// SPDX-License-Identifier: MIT
#include "store/salvage/salvage.hpp"

#include "store/db/budget.hpp"
#include "store/db/migrate.hpp"
#include "store/db/sqlite_name.hpp"
#include "store/db/statement.hpp"
#include "store/db/store_error.hpp"
#include "store/db/temp_files.hpp"
#include "store/salvage/repair.hpp"
#include "store/salvage/row_finder.hpp"
#include "util/text.hpp"

#include <optional>
#include <variant>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kStepsBetweenSalvageProgress = 50'000;
constexpr std::size_t kMaxSalvagedText = std::size_t{1} << 16U;

/// Inserts rows with the values that they have in the damaged file.
class RowCopier {
 public:
  RowCopier(SQLite::Database& database, const std::vector<TableLayout>& tables) : tables_{tables} {
    for (const auto& table : tables) {
      std::string names;
      std::string places;
      for (const auto& column : table.columns) {
        names += (names.empty() ? "" : ", ") + column.name;
        places += places.empty() ? "?" : ", ?";
      }
      statements_.emplace_back(
          database,
          fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", table.name, names, places));
    }
  }

  /// @returns false if there is a row with this id, or an address with this text, already
  bool insert(std::size_t table, const Record& record) {
    auto& statement = statements_[table];
    BoundStatement insert{statement};
    const auto& columns = tables_[table].columns;
    const Value rowid{record.rowid};
    const Value absent;
    std::vector<std::string> texts(columns.size());  // kept until the statement has run
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto& stored = i < record.values.size() ? record.values[i] : absent;
      bind(insert, columns[i].is_rowid ? rowid : stored, texts[i]);
    }
    return statement.exec() > 0;
  }

 private:
  static void bind(BoundStatement& insert, const Value& value, std::string& text) {
    if (const auto* const integer = std::get_if<std::int64_t>(&value)) {
      insert.with(*integer);
    } else if (const auto* const string = std::get_if<std::string>(&value)) {
      text = to_utf8(*string, kMaxSalvagedText);
      insert.with(text);
    } else if (const auto* const bytes = std::get_if<std::vector<std::byte>>(&value)) {
      insert.blob(bytes->data(), bytes->size());
    } else {
      insert.with(std::optional<std::int64_t>{});
    }
  }

  const std::vector<TableLayout>& tables_;
  std::vector<SQLite::Statement> statements_;
};

Salvaged copy_rows(PageFile& file, SQLite::Database& database) {
  const auto tables = table_layouts();
  RowCopier copier{database, tables};
  return find_rows(file, tables, [&](std::size_t table, const Record& record) {
    return copier.insert(table, record);
  });
}

Salvaged write_out(PageFile& file, SQLite::Database& database, const std::filesystem::path& out) {
  // Nobody uses the file yet. SQLite looks for a -journal that somebody has left at first only,
  // when the file is empty. VACUUM syncs it at the end.
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  database.exec("PRAGMA synchronous = OFF");
  migrate(database, out);
  SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
  auto salvaged = copy_rows(file, database);
  repair(database, salvaged);
  transaction.commit();
  database.exec("PRAGMA synchronous = FULL");
  database.exec("VACUUM");
  return salvaged;
}

}  // namespace

Salvaged survey(const std::filesystem::path& damaged, const std::function<bool()>& go_on) {
  PageFile file{damaged, go_on};
  // Each page is read once, so no row is counted twice.
  return find_rows(file, table_layouts(), [](std::size_t, const Record&) { return true; });
}

Salvaged salvage(const std::filesystem::path& damaged,
                 const std::filesystem::path& out,
                 const std::function<bool()>& go_on) {
  PageFile file{damaged, go_on};
  const TempFilesBeside temp_files{out};
  try {
    SQLite::Database database{sqlite_name(out), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    file.work().bound(database, kStepsBetweenSalvageProgress);
    return write_out(file, database, out);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() == SQLITE_INTERRUPT) {
      throw file.work().why_not(fmt::format("salvage {} into {}", utf8(damaged), utf8(out)));
    }
    throw StoreError{fmt::format("cannot salvage {} into {}: {} [sqlite:{}]",
                                 utf8(damaged),
                                 utf8(out),
                                 error.what(),
                                 error.getExtendedErrorCode())};
  }
}

}  // namespace netlog::store
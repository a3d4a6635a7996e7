// SPDX-License-Identifier: MIT
// netlog-bench-copy: the upper limit for writing. Reads all rows of a recording into memory and
// writes them to a new file with prepared statements, the same pragmas, transactions of the same
// size as the recorder's, and no index. Prints one JSON object.
#include <chrono>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <sqlite3.h>

namespace {

constexpr std::size_t kRowsABatch = 100'000;

void check(sqlite3* database, bool done) {
  if (!done) {
    throw std::runtime_error{sqlite3_errmsg(database)};
  }
}

struct Close {
  void operator()(sqlite3* database) const { sqlite3_close(database); }
  void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
};
using Database = std::unique_ptr<sqlite3, Close>;
using Statement = std::unique_ptr<sqlite3_stmt, Close>;

Database open(const std::string& path, int flags) {
  sqlite3* database = nullptr;
  const auto code = sqlite3_open_v2(path.c_str(), &database, flags, nullptr);
  Database owned{database};
  check(database, code == SQLITE_OK);
  return owned;
}

Statement prepare(const Database& database, const std::string& sql) {
  sqlite3_stmt* statement = nullptr;
  const auto code = sqlite3_prepare_v2(database.get(), sql.c_str(), -1, &statement, nullptr);
  check(database.get(), code == SQLITE_OK);
  return Statement{statement};
}

void run(const Database& database, const std::string& sql) {
  check(database.get(),
        sqlite3_exec(database.get(), sql.c_str(), nullptr, nullptr, nullptr) == SQLITE_OK);
}

struct Table {
  std::string name;
  std::vector<std::string> columns;
  std::vector<sqlite3_value*> values;  // freed when the process exits
};

std::vector<Table> read(const std::string& path) {
  const auto database = open(path, SQLITE_OPEN_READONLY);
  std::vector<Table> tables;
  // Without the columns that are generated: pragma_table_info() leaves them out.
  const auto names =
      prepare(database,
              "SELECT name, (SELECT group_concat('\"' || name || '\"') FROM "
              "pragma_table_info(m.name)) FROM "
              "sqlite_master AS m WHERE type = 'table' AND name NOT LIKE 'sqlite_%'");
  const auto text = [&](int column) {
    return std::string{reinterpret_cast<const char*>(sqlite3_column_text(names.get(), column))};
  };
  while (sqlite3_step(names.get()) == SQLITE_ROW) {
    Table table{text(0), {}, {}};
    const auto rows = prepare(database, fmt::format("SELECT {} FROM \"{}\"", text(1), table.name));
    const auto columns = sqlite3_column_count(rows.get());
    for (int i = 0; i < columns; ++i) {
      table.columns.emplace_back(sqlite3_column_name(rows.get(), i));
    }
    while (sqlite3_step(rows.get()) == SQLITE_ROW) {
      for (int i = 0; i < columns; ++i) {
        table.values.push_back(sqlite3_value_dup(sqlite3_column_value(rows.get(), i)));
      }
    }
    tables.push_back(std::move(table));
  }
  return tables;
}

std::size_t write(const std::string& path, const std::vector<Table>& tables) {
  const auto database = open(path, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE);
  run(database, "PRAGMA auto_vacuum = INCREMENTAL");
  run(database, "PRAGMA journal_mode = WAL");
  run(database, "PRAGMA synchronous = FULL");
  run(database, "PRAGMA cache_size = -8192");
  run(database, "PRAGMA wal_autocheckpoint = 4000");
  std::size_t rows = 0;
  for (const auto& table : tables) {
    const auto names = fmt::format("\"{}\"", fmt::join(table.columns, "\", \""));
    run(database, fmt::format("CREATE TABLE \"{}\" ({})", table.name, names));
    const std::vector<std::string> marks(table.columns.size(), "?");
    const auto insert =
        prepare(database,
                fmt::format("INSERT INTO \"{}\" VALUES ({})", table.name, fmt::join(marks, ", ")));
    for (std::size_t at = 0; at < table.values.size();) {
      run(database, "BEGIN");
      for (std::size_t i = 0; i < kRowsABatch && at < table.values.size(); ++i, ++rows) {
        for (std::size_t column = 0; column < marks.size(); ++column, ++at) {
          sqlite3_bind_value(insert.get(), static_cast<int>(column) + 1, table.values[at]);
        }
        check(database.get(), sqlite3_step(insert.get()) == SQLITE_DONE);
        sqlite3_reset(insert.get());
      }
      run(database, "COMMIT");
    }
  }
  run(database, "PRAGMA journal_mode = DELETE");
  return rows;
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app{"Writes a recording's rows as fast as SQLite goes", "netlog-bench-copy"};
  std::string from;
  std::string to;
  app.add_option("RECORDING", from, "Whose rows")->required();
  app.add_option("NEW", to, "The file to make")->required();
  CLI11_PARSE(app, argc, argv);
  try {
    const auto tables = read(from);
    const auto began = std::chrono::steady_clock::now();
    const auto rows = write(to, tables);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - began;
    std::cout << fmt::format(R"({{"rows": {}, "seconds": {:.3f}}})"
                             "\n",
                             rows,
                             took.count());
    return EXIT_SUCCESS;
  } catch (const std::exception& error) {
    std::cerr << "netlog-bench-copy: " << error.what() << '\n';
    return EXIT_FAILURE;
  }
}

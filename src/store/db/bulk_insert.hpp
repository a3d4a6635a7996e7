// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Rows of numbers, inserted several at a time: SQLite takes half as long for each as one by one.
/// What is added is in the file after flush(), in the order in which it was added. Must die before
/// the database.
template <std::size_t Columns>
class BulkInsert {
 public:
  using Row = std::array<std::optional<std::int64_t>, Columns>;

  /// @param insert up to VALUES
  /// @param conflict what follows the values: empty, or an upsert clause
  BulkInsert(SQLite::Database& database, const std::string& insert, const std::string& conflict)
      : one_{database, statement(insert, 1, conflict)},
        many_{database, statement(insert, kAtOnce, conflict)} {}

  void add(const Row& row) {
    rows_[waiting_] = row;
    if (++waiting_ == kAtOnce) {
      waiting_ = 0;  // also when it fails
      run(many_, 0, kAtOnce);
    }
  }

  void flush() {
    const auto last = std::exchange(waiting_, 0);
    for (std::size_t i = 0; i < last; ++i) {
      run(one_, i, 1);
    }
  }

 private:
  static constexpr std::size_t kAtOnce = 16;

  static std::string statement(const std::string& insert,
                               std::size_t rows,
                               const std::string& conflict) {
    std::string row = "(?";
    for (std::size_t i = 1; i < Columns; ++i) {
      row += ", ?";
    }
    row += ")";
    auto sql = insert + " " + row;
    for (std::size_t i = 1; i < rows; ++i) {
      sql += ", " + row;
    }
    return sql + " " + conflict;
  }

  void run(SQLite::Statement& statement, std::size_t first, std::size_t count) {
    statement.tryReset();  // it may have failed the last time
    int place = 0;
    for (std::size_t i = first; i < first + count; ++i) {
      for (const auto& value : rows_[i]) {
        ++place;
        if (value) {
          statement.bind(place, *value);
        } else {
          statement.bind(place);
        }
      }
    }
    statement.exec();
    statement.reset();
  }

  std::array<Row, kAtOnce> rows_;
  std::size_t waiting_ = 0;
  SQLite::Statement one_;
  SQLite::Statement many_;
};

}  // namespace netlog::store

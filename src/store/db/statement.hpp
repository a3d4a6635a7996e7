// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <type_traits>

#include <SQLiteCpp/Column.h>
#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {

/// Binds parameters from left to right and runs the statement; resets it on every path. What is
/// bound must live as long.
class BoundStatement {
 public:
  explicit BoundStatement(SQLite::Statement& statement) : statement_{statement} {}
  BoundStatement(const BoundStatement&) = delete;
  BoundStatement& operator=(const BoundStatement&) = delete;
  ~BoundStatement() {
    statement_.tryReset();
    statement_.clearBindings();
  }

  template <typename T>
  BoundStatement& with(const T& value) {
    ++index_;
    if constexpr (std::is_enum_v<T> || std::is_integral_v<T>) {
      statement_.bind(index_, static_cast<std::int64_t>(value));
    } else {
      statement_.bindNoCopy(index_, value);
    }
    return *this;
  }
  template <typename T>
  BoundStatement& with(const std::optional<T>& value) {
    if (value) {
      return with(*value);
    }
    ++index_;  // unbound is NULL
    return *this;
  }
  BoundStatement& blob(const void* bytes, std::size_t size) {
    statement_.bindNoCopy(++index_, bytes, static_cast<int>(size));
    return *this;
  }

  void exec() { statement_.exec(); }
  /// False after the last row.
  bool step() { return statement_.executeStep(); }
  /// A column of the row that step() has reached; absent where it is NULL.
  [[nodiscard]] std::optional<std::int64_t> number(int column) const {
    const auto cell = statement_.getColumn(column);
    return cell.isNull() ? std::nullopt : std::optional{std::int64_t{cell.getInt64()}};
  }
  /// The first column of the first row, if there is one.
  std::optional<std::int64_t> number() { return step() ? number(0) : std::nullopt; }

 private:
  SQLite::Statement& statement_;
  int index_ = 0;
};

/// The value of a PRAGMA of the recording.
inline std::int64_t pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(std::string{"PRAGMA main."} + name).getInt64();
}

}  // namespace netlog::store

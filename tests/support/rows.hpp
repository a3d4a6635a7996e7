// SPDX-License-Identifier: MIT
#pragma once

#include "util/text.hpp"

#include <filesystem>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::test {

/// What a query finds in a database: a line a row, `|` between cells, NULL as such.
inline std::string rows(SQLite::Database& database, const std::string& sql) {
  SQLite::Statement statement{database, sql};
  std::string text;
  while (statement.executeStep()) {
    for (int column = 0; column < statement.getColumnCount(); ++column) {
      text += (column == 0 ? "" : "|") +
              (statement.isColumnNull(column) ? "NULL" : statement.getColumn(column).getString());
    }
    text += "\n";
  }
  return text;
}
inline std::string rows(const std::filesystem::path& path, const std::string& sql) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READONLY};
  return rows(database, sql);
}

}  // namespace netlog::test

// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include <fmt/format.h>

namespace netlog::test {

/// A cell as text: `-` for unknown, a time in seconds after `begin_ns`.
inline std::string cell_text(const Cell& cell, const Column& column, std::int64_t begin_ns) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return column.unit == Unit::time
               ? fmt::format("{}", static_cast<double>(*integer - begin_ns) / 1e9)
               : fmt::format("{}", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  return text == nullptr ? "-" : *text;
}

/// These columns of the answer's first table that has them all: one line a row, `|` between cells.
inline std::string answer_rows(const Answer& answer,
                               const std::vector<std::string>& columns,
                               std::int64_t begin_ns) {
  for (const auto& table : answer.tables) {
    std::vector<std::size_t> places;
    for (const auto& name : columns) {
      const auto found = std::find_if(table.columns.begin(),
                                      table.columns.end(),
                                      [&](const Column& column) { return column.name == name; });
      if (found != table.columns.end()) {
        places.push_back(static_cast<std::size_t>(found - table.columns.begin()));
      }
    }
    if (places.size() < columns.size()) {
      continue;
    }
    std::string text;
    for (const auto& row : table.rows) {
      for (const auto place : places) {
        text += (place == places.front() ? "" : "|") +
                cell_text(row[place], table.columns[place], begin_ns);
      }
      text += "\n";
    }
    return text;
  }
  return "no table has these columns";
}

}  // namespace netlog::test

// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::render {

/// The place of a column; the number of columns if there is none of this name.
inline std::size_t place_of(const std::vector<std::string>& names, std::string_view name) {
  return static_cast<std::size_t>(std::find(names.begin(), names.end(), name) - names.begin());
}

/// The cell at a place; unknown if the row has none.
inline const Cell& cell_at(const std::vector<Cell>& row, std::size_t place) {
  static const Cell unknown;
  return place < row.size() ? row[place] : unknown;
}

inline std::optional<std::int64_t> number_in(const Cell& cell) {
  const auto* const number = std::get_if<std::int64_t>(&cell);
  return number == nullptr ? std::nullopt : std::optional{*number};
}

/// Empty if it is no text.
inline std::string_view text_in(const Cell& cell) {
  const auto* const text = std::get_if<std::string>(&cell);
  return text == nullptr ? std::string_view{} : std::string_view{*text};
}

/// A row of a table, by the names of its columns.
class NamedRow {
 public:
  NamedRow(const Table& table, const std::vector<Cell>& cells) : table_{table}, cells_{cells} {}

  /// Unknown if there is no such column.
  [[nodiscard]] const Cell& at(std::string_view name) const {
    const auto found = std::find_if(table_.columns.begin(),
                                    table_.columns.end(),
                                    [&](const Column& column) { return column.name == name; });
    return cell_at(cells_, static_cast<std::size_t>(found - table_.columns.begin()));
  }

 private:
  const Table& table_;
  const std::vector<Cell>& cells_;
};

}  // namespace netlog::render

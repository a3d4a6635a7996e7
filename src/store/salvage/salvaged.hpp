// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace netlog::store {

/// What a damaged recording still holds of one table.
struct SalvagedTable {
  std::string name;
  std::int64_t rows = 0;     ///< that can be read
  std::int64_t lost = 0;     ///< that cannot be read: an upper bound, from the ids that are missing
  std::int64_t dropped = 0;  ///< that can be read, but mean nothing without a row that is lost
};

struct Salvaged {
  std::vector<SalvagedTable> tables;  ///< without those that are computed from the others
  std::int64_t damaged_pages = 0;     ///< of these tables
  std::int64_t missing_pages = 0;     ///< behind the end of the file, which has been cut off

  [[nodiscard]] bool damaged() const {
    return damaged_pages > 0 || missing_pages > 0 ||
           std::any_of(
               tables.begin(), tables.end(), [](const auto& table) { return table.lost > 0; });
  }
  /// `2 damaged pages, 40 pages cut off at its end`
  [[nodiscard]] std::string damage() const {
    return std::to_string(damaged_pages) + " damaged pages" +
           (missing_pages > 0 ? ", " + std::to_string(missing_pages) + " pages cut off at its end"
                              : "");
  }
  [[nodiscard]] std::int64_t rows() const {
    std::int64_t sum = 0;
    for (const auto& table : tables) {
      sum += table.rows;
    }
    return sum;
  }
};

}  // namespace netlog::store

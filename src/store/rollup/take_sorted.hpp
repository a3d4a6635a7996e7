// SPDX-License-Identifier: MIT
#pragma once

#include <algorithm>
#include <utility>
#include <vector>

namespace netlog::store {

/// Empties a map. @returns its entries in the order of their keys, which is that of the tables
template <typename Map>
std::vector<std::pair<typename Map::key_type, typename Map::mapped_type>> take_sorted(Map& map) {
  std::vector<std::pair<typename Map::key_type, typename Map::mapped_type>> sorted(map.begin(),
                                                                                   map.end());
  map.clear();
  std::sort(
      sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return sorted;
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "track/connection_table.hpp"

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

namespace netlog::track {

/// Entries whose holder is to be searched, in the order in which they were added. An entry is
/// pending once. Several entries can have one holder key: MPTCP subflows share an inode.
class OwnerQueries {
 public:
  explicit OwnerQueries(ConnectionTable& table) : table_{table} {}

  /// Nothing happens while the entry is pending already.
  void add(Index index);
  /// Nothing happens when the entry is not pending.
  void remove(Index index);
  /// Removes all queries of this holder key and returns their entries, oldest first.
  std::vector<Index> take(std::uint64_t key);

  /// An entry with a query of this holder key.
  [[nodiscard]] std::optional<Index> find(std::uint64_t key) const {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? std::nullopt : std::optional{found->second};
  }

  /// Calls `visit(key, index)` for the oldest queries, at most `max_count`.
  template <typename Visit>
  void for_oldest(std::size_t max_count, Visit&& visit) const {
    for (const auto& query : by_age_) {
      if (max_count == 0) {
        return;
      }
      if (is_pending(query)) {
        visit(table_[query.index].holder.key, query.index);
        --max_count;
      }
    }
  }

  [[nodiscard]] std::size_t size() const { return by_key_.size(); }

  /// As ConnectionTable::broken_invariant().
  [[nodiscard]] std::string broken_invariant() const;

 private:
  /// Pending while the entry holds its number.
  struct Query {
    std::uint64_t number = 0;
    Index index = 0;
  };
  [[nodiscard]] bool is_pending(const Query& query) const {
    return table_[query.index].holder.query == query.number;
  }
  void drop_removed();

  ConnectionTable& table_;
  std::deque<Query> by_age_;  ///< removed queries stay until drop_removed()
  std::unordered_multimap<std::uint64_t, Index> by_key_;
  std::uint64_t last_number_ = 0;
};

}  // namespace netlog::track

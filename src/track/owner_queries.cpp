// SPDX-License-Identifier: MIT
#include "track/owner_queries.hpp"

#include <algorithm>
#include <cassert>

namespace netlog::track {

void OwnerQueries::add(Index index) {
  auto& holder = table_[index].holder;
  if (holder.query != 0) {
    return;
  }
  assert(holder.key != 0);
  holder.query = ++last_number_;
  by_age_.push_back(Query{holder.query, index});
  by_key_.emplace(holder.key, index);
}

void OwnerQueries::remove(Index index) {
  auto& holder = table_[index].holder;
  if (holder.query == 0) {
    return;
  }
  holder.query = 0;
  const auto [first, last] = by_key_.equal_range(holder.key);
  const auto ours =
      std::find_if(first, last, [&](const auto& entry) { return entry.second == index; });
  assert(ours != last);
  by_key_.erase(ours);
  drop_removed();
}

std::vector<Index> OwnerQueries::take(std::uint64_t key) {
  std::vector<Index> taken;
  const auto [first, last] = by_key_.equal_range(key);
  for (auto entry = first; entry != last; ++entry) {
    taken.push_back(entry->second);
  }
  by_key_.erase(first, last);
  std::sort(taken.begin(), taken.end(), [&](Index a, Index b) {
    return table_[a].holder.query < table_[b].holder.query;
  });
  for (const auto index : taken) {
    table_[index].holder.query = 0;
  }
  drop_removed();
  return taken;
}

/// Each query is dropped once, so that this costs little over time.
void OwnerQueries::drop_removed() {
  while (!by_age_.empty() && !is_pending(by_age_.front())) {
    by_age_.pop_front();
  }
  constexpr std::size_t kMinRemoved = 64;
  if (by_age_.size() > 2 * by_key_.size() + kMinRemoved) {
    std::erase_if(by_age_, [&](const Query& query) { return !is_pending(query); });
  }
}

std::string OwnerQueries::broken_invariant() const {
  std::size_t pending = 0;
  std::uint64_t number = 0;
  for (const auto& query : by_age_) {
    if (query.number <= number) {
      return "owner queries are not in the order of their age";
    }
    number = query.number;
    if (!is_pending(query)) {
      continue;
    }
    ++pending;
    if (table_.phase(query.index) == Phase::free) {
      return "an owner query is pending for a closed entry";
    }
    const auto [first, last] = by_key_.equal_range(table_[query.index].holder.key);
    if (std::none_of(first, last, [&](const auto& entry) { return entry.second == query.index; })) {
      return "an owner query is not found by its holder key";
    }
  }
  return pending == by_key_.size() ? std::string{} : "owner queries are counted wrong";
}

}  // namespace netlog::track

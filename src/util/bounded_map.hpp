// SPDX-License-Identifier: MIT
#pragma once

#include <cassert>
#include <cstddef>
#include <functional>
#include <list>
#include <utility>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog {

/// A map of at most `max_size` entries. A new key that does not fit evicts the key that was put
/// first. Replacing a value keeps the age of its key; a key that was erased and put again is new.
template <typename Key, typename Value, typename Hash = std::hash<Key>>
class BoundedMap {
 public:
  /// @param max_size at least 1
  explicit BoundedMap(std::size_t max_size) : max_size_{max_size} { assert(max_size > 0); }

  // The index points into the list: a copy would point into the original.
  BoundedMap(const BoundedMap&) = delete;
  BoundedMap& operator=(const BoundedMap&) = delete;
  BoundedMap(BoundedMap&&) noexcept = default;
  BoundedMap& operator=(BoundedMap&&) noexcept = default;
  ~BoundedMap() = default;

  /// The value of this key, null when there is none. Valid until the key is erased or evicted.
  Value* find(const Key& key) {
    const auto found = by_key_.find(key);
    return found == by_key_.end() ? nullptr : &found->second->second;
  }

  void put(const Key& key, Value value) {
    if (auto* const known = find(key)) {
      *known = std::move(value);
      return;
    }
    if (is_full()) {
      erase_oldest();
    }
    by_age_.emplace_back(key, std::move(value));
    by_key_.emplace(key, std::prev(by_age_.end()));
  }

  /// Nothing happens when there is no such key.
  void erase(const Key& key) {
    const auto found = by_key_.find(key);
    if (found != by_key_.end()) {
      by_age_.erase(found->second);
      by_key_.erase(found);
    }
  }

  void clear() {
    by_key_.clear();
    by_age_.clear();
  }

  /// Erases the oldest entries up to the first one for which `is_over(value)` is false.
  template <typename Predicate>
  void erase_oldest_while(Predicate&& is_over) {
    while (!by_age_.empty() && is_over(std::as_const(by_age_.front().second))) {
      erase_oldest();
    }
  }

  /// The value that was put first; null when there is none. Valid as long as its key is there.
  [[nodiscard]] const Value* oldest() const {
    return by_age_.empty() ? nullptr : &by_age_.front().second;
  }

  /// Gives back memory that is not needed any more.
  void shrink() { by_key_.rehash(0); }

  [[nodiscard]] std::size_t size() const { return by_age_.size(); }
  [[nodiscard]] bool is_full() const { return by_age_.size() == max_size_; }

 private:
  using Entries = std::list<std::pair<Key, Value>>;

  void erase_oldest() {
    by_key_.erase(by_age_.front().first);
    by_age_.pop_front();
  }

  std::size_t max_size_;
  Entries by_age_;  ///< in the order in which the keys were put
  boost::unordered_flat_map<Key, typename Entries::iterator, Hash> by_key_;
};

}  // namespace netlog

// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <boost/container_hash/hash.hpp>

namespace netlog::store {

/// Of keys that are nothing but 64-bit numbers.
struct KeyHash {
  template <typename Key>
  std::size_t operator()(const Key& key) const {
    using Numbers = std::array<std::int64_t, sizeof(Key) / sizeof(std::int64_t)>;
    const auto numbers = std::bit_cast<Numbers>(key);
    return boost::hash_range(numbers.begin(), numbers.end());
  }
};

}  // namespace netlog::store

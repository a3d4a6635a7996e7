// SPDX-License-Identifier: MIT
#include "util/bounded_map.hpp"

#include "support/catch.hpp"

#include <string>
#include <vector>

namespace netlog::bounded_map_test {
namespace {

using Map = BoundedMap<int, std::string>;

/// The keys from 1 to 9 that the map holds.
std::vector<int> keys(Map& map) {
  std::vector<int> found;
  for (int key = 1; key < 10; ++key) {
    if (map.find(key) != nullptr) {
      found.push_back(key);
    }
  }
  return found;
}

using Keys = std::vector<int>;

}  // namespace

TEST_CASE("BoundedMap evicts the key that was put first", "[util]") {
  Map map{3};
  for (int key = 1; key <= 5; ++key) {
    map.put(key, std::to_string(key));
  }
  CHECK(keys(map) == Keys{3, 4, 5});
  CHECK(map.size() == 3);
  REQUIRE(map.find(4) != nullptr);
  CHECK(*map.find(4) == "4");
}

TEST_CASE("BoundedMap keeps the age of a key whose value is replaced", "[util]") {
  Map map{2};
  map.put(1, "a");
  map.put(2, "b");
  map.put(1, "c");
  REQUIRE(map.find(1) != nullptr);
  CHECK(*map.find(1) == "c");
  map.put(3, "d");
  CHECK(keys(map) == Keys{2, 3});
}

TEST_CASE("BoundedMap treats a key that was erased and put again as new", "[util]") {
  Map map{2};
  map.put(1, "a");
  map.put(2, "b");
  map.erase(1);
  map.put(1, "c");
  map.put(3, "d");  // evicts 2, the oldest
  CHECK(keys(map) == Keys{1, 3});
}

TEST_CASE("BoundedMap evicts nothing for an erased key", "[util]") {
  Map map{3};
  map.put(1, "a");
  map.put(2, "b");
  map.put(3, "c");
  map.erase(2);
  map.erase(9);
  map.put(4, "d");
  CHECK(keys(map) == Keys{1, 3, 4});
}

TEST_CASE("BoundedMap erases the oldest values while they are over", "[util]") {
  Map map{5};
  map.put(1, "over");
  map.put(2, "over");
  map.put(3, "in use");
  map.put(4, "over");
  map.erase_oldest_while([](const std::string& value) { return value == "over"; });
  CHECK(keys(map) == Keys{3, 4});

  // A key that was put again does not hold up older ones.
  map.erase(3);
  map.put(3, "in use");
  map.erase_oldest_while([](const std::string& value) { return value == "over"; });
  CHECK(keys(map) == Keys{3});
}

}  // namespace netlog::bounded_map_test

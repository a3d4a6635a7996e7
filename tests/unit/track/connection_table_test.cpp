// SPDX-License-Identifier: MIT
#include "track/connection_table.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"

#include <vector>

namespace netlog::track::test::connection_table {
namespace {

std::vector<Index> indexes(const ConnectionTable& table) {
  std::vector<Index> all;
  table.for_each([&](Index index) { all.push_back(index); });
  return all;
}

}  // namespace

TEST_CASE("ConnectionTable finds an entry by its identity until it is removed", "[track]") {
  ConnectionTable table;
  const auto scope = table.scope(0, TableKind::tcp4);
  const auto index = table.add(by_cookie(1), scope, Phase::active);
  CHECK(table.find(by_cookie(1)) == index);
  CHECK_FALSE(table.find(by_cookie(2)).has_value());
  table.rename(index, by_cookie(2));
  CHECK(table.find(by_cookie(2)) == index);
  CHECK_FALSE(table.contains(by_cookie(1)));
  table[index].connection.id = 7;
  table.remove(index);
  CHECK_FALSE(table.contains(by_cookie(2)));
  CHECK(table.size() == 0);
  CHECK(table[index].connection.id == 7);  // the content stays until the place is used again
  CHECK(table.broken_invariant().empty());
}

TEST_CASE("ConnectionTable uses a place again after it was freed, and not before", "[track]") {
  ConnectionTable table;
  const auto scope = table.scope(0, TableKind::tcp4);
  const auto first = table.add(by_cookie(1), scope, Phase::active);
  table.remove(first);
  const auto second = table.add(by_cookie(2), scope, Phase::active);
  CHECK(second != first);
  table.free(first);
  CHECK(table.add(by_cookie(3), scope, Phase::active) == first);
  CHECK(table[first].connection == Connection{});
  CHECK(indexes(table) == std::vector<Index>{first, second});
  CHECK(table.broken_invariant().empty());
}

TEST_CASE("ConnectionTable gives back the memory of a burst", "[track]") {
  constexpr auto kBlock = static_cast<Index>(ConnectionTable::kBlock);
  ConnectionTable table;
  const auto scope = table.scope(0, TableKind::tcp4);
  for (Index index = 0; index < 100 * kBlock; ++index) {
    REQUIRE(table.add(by_cookie(index + 1), scope, Phase::active) == index);
  }
  CHECK(table.kept() == 100 * kBlock);
  CHECK_FALSE(table.shrink());
  // One lives on in a block in the middle, one is removed and not freed yet.
  const Index lives = 40 * kBlock + 7;
  const Index removed = 60 * kBlock;
  for (Index index = 0; index < 100 * kBlock; ++index) {
    if (index != lives) {
      table.remove(index);
    }
    if (index != lives && index != removed) {
      table.free(index);
    }
  }
  CHECK(table.shrink());
  CHECK(table.kept() == 2 * kBlock);
  CHECK(table.capacity() == 61 * kBlock);
  CHECK(table.find(by_cookie(lives + 1)) == lives);
  CHECK(table[removed].identity == by_cookie(removed + 1));
  CHECK(table.is_kept(removed));
  CHECK_FALSE(table.is_kept(0));
  CHECK_FALSE(table.is_kept(99 * kBlock));
  CHECK(table.phase(99 * kBlock) == Phase::free);
  CHECK(indexes(table) == std::vector<Index>{lives});
  table.free(removed);
  CHECK(table.broken_invariant().empty());
  // The lowest places are used first, so that the others become free.
  CHECK(table.add(by_cookie(1), scope, Phase::active) == 0);
  CHECK(table.add(by_cookie(2), scope, Phase::active) == 1);
  CHECK(table[0].connection == Connection{});
  CHECK(table.broken_invariant().empty());
  CHECK_FALSE(table.shrink());
}

TEST_CASE("ConnectionTable counts the members of each table by phase", "[track]") {
  ConnectionTable table;
  const auto tcp4 = table.scope(0, TableKind::tcp4);
  const auto other = table.scope(5, TableKind::tcp4);
  CHECK(tcp4 != other);
  CHECK(table.scope(0, TableKind::tcp4) == tcp4);
  CHECK(table.netns_of(other) == 5);
  const auto a = table.add(by_cookie(1), tcp4, Phase::active);
  table.add(by_cookie(2), tcp4, Phase::time_wait);
  table.add(Identity{5, 1, {}}, other, Phase::active);
  table.set_phase(a, Phase::ending);
  CHECK(table.members(tcp4).active == 0);
  CHECK(table.members(tcp4).ending == 1);
  CHECK(table.members(tcp4).time_wait == 1);
  CHECK(table.members(other).active == 1);
  table.remove(a);
  CHECK(table.members(tcp4).ending == 0);
  CHECK(table.size() == 2);
}

TEST_CASE("ConnectionTable goes through what a sweep has not seen", "[track]") {
  ConnectionTable table;
  const auto scope = table.scope(0, TableKind::tcp4);
  const auto a = table.add(by_cookie(1), scope, Phase::active);
  const auto b = table.add(by_cookie(2), scope, Phase::active);
  table.add(by_cookie(3), table.scope(0, TableKind::tcp6), Phase::active);
  table.begin_sweep();
  table.set_seen(a);
  std::vector<Index> unseen;
  table.for_each_unseen(scope, [&](Index index) { unseen.push_back(index); });
  CHECK(unseen == std::vector<Index>{b});

  SECTION("the entry that followed last time is found first, and a wrong guess does no harm") {
    table.set_next(a, b);
    CHECK(table.find_after(a, by_cookie(2)) == b);
    CHECK(table.find_after(a, by_cookie(1)) == a);
    table.remove(b);
    CHECK_FALSE(table.find_after(a, by_cookie(2)).has_value());
  }
}

}  // namespace netlog::track::test::connection_table

// SPDX-License-Identifier: MIT
#include "track/owner_queries.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <vector>

namespace netlog::track::test::owner_queries {
namespace {

struct Fixture {
  ConnectionTable table;
  OwnerQueries queries{table};

  Index add(std::uint64_t cookie, std::uint64_t key) {
    const auto index = table.add(by_cookie(cookie), table.scope(0, TableKind::tcp4), Phase::active);
    table[index].holder.key = key;
    queries.add(index);
    return index;
  }
  [[nodiscard]] std::vector<std::uint64_t> oldest(std::size_t max_count) const {
    std::vector<std::uint64_t> keys;
    queries.for_oldest(max_count, [&](std::uint64_t key, Index) { keys.push_back(key); });
    return keys;
  }
};

using Keys = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("OwnerQueries gives the oldest first", "[track]") {
  Fixture of;
  of.add(1, 900);
  const auto second = of.add(2, 100);
  of.add(3, 500);
  CHECK(of.oldest(10) == Keys{900, 100, 500});
  CHECK(of.oldest(2) == Keys{900, 100});
  of.queries.add(second);  // it is pending already
  CHECK(of.queries.size() == 3);

  SECTION("one that was removed and added again is the youngest") {
    of.queries.remove(second);
    of.queries.remove(second);
    CHECK(of.oldest(10) == Keys{900, 500});
    of.queries.add(second);
    CHECK(of.oldest(10) == Keys{900, 500, 100});
  }
  CHECK(of.queries.broken_invariant().empty());
}

TEST_CASE("OwnerQueries takes all entries of a holder key", "[track]") {
  Fixture of;
  const auto a = of.add(1, 900);
  of.add(2, 100);
  const auto b = of.add(3, 900);  // an MPTCP subflow
  CHECK(of.queries.take(900) == std::vector<Index>{a, b});
  CHECK(of.queries.take(900).empty());
  CHECK(of.oldest(10) == Keys{100});
  CHECK(of.queries.broken_invariant().empty());
}

TEST_CASE("OwnerQueries stays in order however many queries come and go", "[track]") {
  Fixture of;
  const auto oldest = of.add(1, 1);
  for (std::uint64_t key = 2; key < 2000; ++key) {
    const auto index = of.add(key, key);
    if (key % 10 != 0) {
      of.queries.take(key);
      of.table.remove(index);
      of.table.free(index);
    }
    REQUIRE(of.queries.broken_invariant().empty());
  }
  CHECK(of.queries.size() == 200);
  CHECK(of.oldest(3) == Keys{1, 10, 20});
  of.queries.remove(oldest);
  CHECK(of.oldest(2) == Keys{10, 20});
}

// A hash map gave them out in an order of its own: with more queries than are asked for at once,
// the same ones could be left out every time.
TEST_CASE("Tracker gives every owner query out in its turn while new ones come", "[track]") {
  Tracker tracker;
  std::vector<SocketRow> rows;
  std::uint64_t given = 0;
  for (std::uint64_t n = 1; n <= 400; ++n) {
    const auto port = static_cast<std::uint16_t>(1000 + n);
    rows.push_back(tcp_row(n, TcpState::established, port, 443, 5000 + n));
    tracker.apply(tcp_snapshot(static_cast<std::int64_t>(n) * 100, rows));
    // Two sockets are new for each that is answered.
    if (n % 2 == 0) {
      const auto queries = tracker.owner_queries(1);
      REQUIRE(queries.size() == 1);
      ++given;
      REQUIRE(queries[0].key == 5000 + given);
      tracker.owner_not_found(queries[0].key, UnknownOwner::gone);
    }
  }
  CHECK(tracker.broken_invariant().empty());
}

}  // namespace netlog::track::test::owner_queries

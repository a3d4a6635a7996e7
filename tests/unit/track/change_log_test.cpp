// SPDX-License-Identifier: MIT
#include "track/change_log.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"

#include <optional>
#include <utility>
#include <vector>

namespace netlog::track::test::change_log {
namespace {

struct Fixture {
  ConnectionTable table;
  ChangeLog changes{table};

  Index add(std::uint64_t cookie) {
    const auto index = table.add(by_cookie(cookie), table.scope(0, TableKind::tcp4), Phase::active);
    table[index].connection.id = static_cast<ConnectionId>(cookie);
    return index;
  }
  void emit(Index index, EventKind kind) {
    changes.emit(index, kind, Moment{10, 5}, std::nullopt, std::nullopt);
  }
  void close(Index index) {
    emit(index, EventKind::close);
    table.remove(index);
    table[index].closed = true;
  }
  std::vector<ConnectionEvents> take() {
    std::vector<ConnectionEvents> taken;
    changes.take_events([&](ConnectionEvents of) { taken.push_back(std::move(of)); });
    return taken;
  }
};

}  // namespace

TEST_CASE("ChangeLog gives the events of a connection in order, with the connection as it is then",
          "[track]") {
  Fixture of;
  const auto a = of.add(1);
  const auto b = of.add(2);
  of.emit(a, EventKind::open);
  of.emit(b, EventKind::open);
  of.emit(a, EventKind::state);
  of.table[a].connection.uid = 7;
  const auto taken = of.take();
  REQUIRE(taken.size() == 2);
  CHECK(taken[0].connection.id == 1);
  CHECK(taken[0].connection.uid == 7U);
  REQUIRE(taken[0].events.size() == 2);
  CHECK(taken[0].events[0].kind == EventKind::open);
  CHECK(taken[0].events[1].kind == EventKind::state);
  CHECK(taken[0].events[1].at == Moment{10, 5});
  CHECK(taken[1].connection.id == 2);
  CHECK(taken[1].events.size() == 1);
  CHECK(of.take().empty());
}

TEST_CASE("ChangeLog frees a closed entry when its close is taken", "[track]") {
  Fixture of;
  const auto a = of.add(1);
  of.emit(a, EventKind::open);
  of.close(a);
  CHECK(of.changes.broken_invariant().empty());
  CHECK(of.add(2) != a);
  const auto taken = of.take();
  REQUIRE(taken.size() == 1);
  CHECK(taken[0].events.size() == 2);
  CHECK(of.add(3) == a);
  CHECK(of.changes.broken_invariant().empty());
}

TEST_CASE("ChangeLog refreshes what changed and has been reported", "[track]") {
  Fixture of;
  const auto a = of.add(1);
  const auto b = of.add(2);
  of.emit(a, EventKind::open);
  of.changes.refresh(a);
  of.take();
  CHECK(of.changes.take_refreshes().empty());  // the event has shown the change
  of.changes.refresh(a);
  of.changes.refresh(a);
  of.changes.refresh(b);  // its first event is not taken yet
  Connection closed;
  closed.id = 9;
  of.changes.refresh_closed(closed);
  const auto refreshes = of.changes.take_refreshes();
  REQUIRE(refreshes.size() == 2);
  CHECK(refreshes[0].id == 9);
  CHECK(refreshes[1].id == 1);

  SECTION("not for the next entry in the same place") {
    of.changes.refresh(a);
    of.close(a);
    of.take();
    CHECK(of.add(3) == a);
    CHECK(of.changes.take_refreshes().empty());
  }
}

}  // namespace netlog::track::test::change_log

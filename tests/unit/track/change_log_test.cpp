// SPDX-License-Identifier: MIT
#include "track/change_log.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"

#include <optional>
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
  std::vector<Event> take() {
    std::vector<Event> events;
    changes.take_events([&](const Event& event) { events.push_back(event); });
    return events;
  }
};

}  // namespace

TEST_CASE("ChangeLog gives events in order, with their connection as it is when they are taken",
          "[track]") {
  Fixture of;
  const auto a = of.add(1);
  const auto b = of.add(2);
  of.emit(a, EventKind::open);
  of.emit(b, EventKind::open);
  of.emit(a, EventKind::state);
  of.table[a].connection.uid = 7;
  const auto events = of.take();
  REQUIRE(events.size() == 3);
  CHECK(events[0].connection.id == 1);
  CHECK(events[0].connection.uid == 7U);
  CHECK(events[1].connection.id == 2);
  CHECK(events[2].kind == EventKind::state);
  CHECK(events[2].at == Moment{10, 5});
  // Only the second event of a connection repeats it.
  CHECK_FALSE(events[0].repeats);
  CHECK_FALSE(events[1].repeats);
  CHECK(events[2].repeats);
  CHECK(of.take().empty());
}

TEST_CASE("ChangeLog frees a closed entry when its close is taken", "[track]") {
  Fixture of;
  const auto a = of.add(1);
  of.emit(a, EventKind::open);
  of.close(a);
  CHECK(of.changes.broken_invariant().empty());
  CHECK(of.add(2) != a);
  CHECK(of.take().size() == 2);
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

// SPDX-License-Identifier: MIT
#include "track/tracker.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "unit/track/tracker_fixture.hpp"

#include <map>

namespace netlog::track::test::tracker {

TEST_CASE(
    "the first snapshot is present, later ones give opens, states and closes with their bounds",
    "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0)}));
  CHECK(texts(tracker) == Lines{"1 present ->LISTEN (0,10]"});
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0), tcp(2, established, 80, 5000)}));
  CHECK(texts(tracker) == Lines{"2 open ->ESTABLISHED (0,110]"});
  tracker.apply(snapshot(2, {tcp(1, listen, 80, 0), tcp(2, close_wait, 80, 5000)}));
  CHECK(texts(tracker) == Lines{"2 state ESTABLISHED>CLOSE_WAIT (100,210]"});
  tracker.apply(snapshot(3, {tcp(1, listen, 80, 0)}));
  CHECK(texts(tracker) == Lines{"2 close CLOSE_WAIT>CLOSED (200,310]"});
  tracker.apply(snapshot(4, {tcp(1, listen, 80, 0)}));
  CHECK(texts(tracker).empty());
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("a missing snapshot widens the bound and closes nothing", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  take_events(tracker);
  // Ticks 2 to 8 could not be read.
  tracker.apply(snapshot(9, {tcp(1, close_wait, 4000, 443), tcp(2, established, 4001, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 state ESTABLISHED>CLOSE_WAIT (100,910]", "2 open ->ESTABLISHED (100,910]"});
}

TEST_CASE("a reused tuple is a close and an open", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  take_events(tracker);
  tracker.apply(snapshot(1, {tcp(9, established, 4000, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 close ESTABLISHED>CLOSED (0,110]", "2 open ->ESTABLISHED (0,110]"});
}

TEST_CASE("a socket that takes another tuple is another connection", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  take_events(tracker);
  tracker.apply(snapshot(1, {tcp(1, syn_sent, 4000, 444)}));
  CHECK(texts(tracker) == Lines{"1 close ESTABLISHED>CLOSED (0,110]", "2 open ->SYN_SENT (0,110]"});
}

TEST_CASE("without cookies the inode distinguishes two uses of a tuple", "[track]") {
  Tracker tracker;
  auto first = snapshot(0, {tcp(0, established, 4000, 443, 77)});
  first.incarnation_is_unique = false;
  tracker.apply(first);
  take_events(tracker);
  auto orphaned = snapshot(1, {tcp(0, fin_wait_1, 4000, 443, 0)});
  orphaned.incarnation_is_unique = false;
  tracker.apply(orphaned);
  CHECK(texts(tracker) == Lines{"1 state ESTABLISHED>FIN_WAIT_1 (0,110]"});
  auto reused = snapshot(2, {tcp(0, established, 4000, 443, 78)});
  reused.incarnation_is_unique = false;
  tracker.apply(reused);
  take_events(tracker);
  auto again = snapshot(3, {tcp(0, established, 4000, 443, 79)});
  again.incarnation_is_unique = false;
  tracker.apply(again);
  CHECK(texts(tracker) ==
        Lines{"1 close ESTABLISHED>CLOSED (200,310]", "2 open ->ESTABLISHED (200,310]"});
}

TEST_CASE("a socket missing from a snapshot without TIME_WAIT waits for one that shows it",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1,
                         {tcp(1, established, 4000, 443),
                          tcp(2, established, 4001, 443),
                          tcp(3, close_wait, 4002, 443)}));
  take_events(tracker);
  tracker.apply(snapshot(2, {}, false));
  // CLOSE_WAIT does not lead to TIME_WAIT; the others may be there.
  CHECK(texts(tracker) == Lines{"3 close CLOSE_WAIT>CLOSED (100,210]"});
  tracker.apply(snapshot(5, {tcp(1, time_wait, 4000, 443)}));
  // Both left the table of full sockets before tick 2, whatever came after.
  CHECK(texts(tracker) ==
        Lines{"1 state ESTABLISHED>TIME_WAIT (100,210]", "2 close ESTABLISHED>CLOSED (100,210]"});
  // TIME_WAIT rows are not missed where they are not shown.
  tracker.apply(snapshot(6, {}, false));
  CHECK(texts(tracker).empty());
  tracker.apply(snapshot(7, {}));
  CHECK(texts(tracker) == Lines{"1 close TIME_WAIT>CLOSED (500,710]"});
}

TEST_CASE("entry into TIME_WAIT is the end of the connection, not of its port", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  tracker.apply(snapshot(2, {tcp(1, time_wait, 4000, 443)}));
  const auto events = take_events(tracker);
  const auto& connection = events.back().connection;
  CHECK(connection.closed == Moment{210, 110});
  CHECK(connection.outcome == Outcome::closed);
  CHECK(connection.state == time_wait);
  tracker.apply(snapshot(3, {}));
  CHECK(take_events(tracker).back().connection.closed == Moment{210, 110});
}

TEST_CASE("directions follow from listeners and SYN states, and are unknown otherwise", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(
      0, {tcp(1, listen, 80, 0), tcp(2, established, 80, 5000), tcp(3, established, 4000, 443)}));
  auto events = take_events(tracker);
  REQUIRE(events.size() == 3);
  CHECK(events[0].connection.direction == Direction::listen);
  CHECK(events[1].connection.direction == Direction::inbound);
  CHECK(events[2].connection.direction ==
        Direction::unknown);  // its listener may have closed before us
  tracker.apply(snapshot(1,
                         {tcp(2, established, 80, 5000),
                          tcp(3, established, 4000, 443),
                          tcp(4, established, 4001, 443),
                          tcp(5, syn_sent, 4002, 443),
                          tcp(6, syn_received, 80, 5001),
                          tcp(7, established, 80, 5002)}));
  events = take_events(tracker);
  REQUIRE(events.size() == 5);
  CHECK(events[0].kind == EventKind::close);
  CHECK(events[1].connection.direction == Direction::unknown);  // so may its
  CHECK(events[2].connection.direction == Direction::outbound);
  CHECK(events[3].connection.direction == Direction::inbound);
  CHECK(events[4].connection.direction ==
        Direction::inbound);  // accepted before the listener closed in the same tick
}

// Times are of the boot clock, so that a step of the wall clock does not make a close look recent.
TEST_CASE("a listener of this host at the other end makes an old connection outbound", "[track]") {
  const auto [local, remote, expected] = GENERATE(table<const char*, const char*, Direction>({
      {"127.0.0.1", "127.0.0.1", Direction::outbound},
      {"127.0.0.1", "127.0.0.2", Direction::outbound},
      {"192.0.2.1", "192.0.2.1", Direction::outbound},
      {"192.0.2.1", "192.0.2.2", Direction::unknown},  // a listener elsewhere has that port
      {"::1", "::1", Direction::unknown},              // nothing listens for IPv6
  }));
  auto row = tcp(2, established, 40'000, 80);
  row.tuple.local.address = *parse_address(local);
  row.tuple.remote.address = *parse_address(remote);
  auto listening = tcp(1, listen, 80, 0);
  listening.tuple.local.address = *parse_address("0.0.0.0");
  Tracker tracker;
  tracker.apply(snapshot(0, {listening, row}));
  CAPTURE(local, remote);
  CHECK(take_events(tracker).at(1).connection.direction == expected);
}

TEST_CASE("a closed listener gives no direction to what is opened later", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0)}));
  tracker.apply(snapshot(1, {}));  // it closed in (0,110]
  tracker.apply(snapshot(2, {tcp(2, established, 80, 5000)}));
  tracker.apply(snapshot(3, {tcp(3, established, 80, 5001)}));
  std::map<ConnectionId, Direction> directions;
  for (const auto& event : take_events(tracker)) {
    directions[event.connection.id] = event.connection.direction;
  }
  CHECK(directions[2] == Direction::inbound);  // accepted after tick 1 began, perhaps before 110
  CHECK(directions[3] == Direction::unknown);
}

// The kernel counts our SYN among the bytes that were acknowledged, and a peer's not.
TEST_CASE("what was acknowledged proves who opened a connection", "[track]") {
  struct Case {
    TcpState state;
    std::uint64_t sent;
    Delivery delivery;
    Direction direction;
  };
  // Each has a listener at its local port.
  const auto of = GENERATE(Case{established, 0, {1, 0, 0}, Direction::outbound},
                           Case{established, 7, {8, 0, 0}, Direction::outbound},
                           Case{close_wait, 7, {8, 1, 0}, Direction::outbound},
                           Case{fin_wait_2, 7, {9, 0, 0}, Direction::outbound},
                           Case{established, 7, {7, 0, 0}, Direction::inbound},
                           Case{fin_wait_2, 7, {8, 0, 0}, Direction::inbound},
                           // Not all was acknowledged: the listener is likely.
                           Case{established, 7, {3, 0, 5}, Direction::inbound},
                           Case{fin_wait_1, 7, {8, 0, 1}, Direction::inbound});
  CAPTURE(name(of.state), of.sent, of.delivery.acked);
  const auto listener = tcp(9, listen, 80, 0);
  auto row = tcp(1, of.state, 80, 443);
  row.metrics = Metrics{of.sent, 0, 0, 0, 1, 1};
  row.delivery = of.delivery;
  Tracker tracker;
  SECTION("before the recorder") {
    tracker.apply(snapshot(0, {listener, row}));
  }
  SECTION("in a later reading") {
    tracker.apply(snapshot(0, {listener}));
    tracker.apply(snapshot(1, {listener, tcp(1, of.state, 80, 443)}));
    tracker.apply(snapshot(2, {listener, row}));
  }
  tracker.apply(snapshot(3, {}));
  Direction direction = Direction::unknown;
  for (const auto& event : take_events(tracker)) {
    if (event.connection.direction != Direction::listen) {
      direction = event.connection.direction;
    }
  }
  CHECK(direction == of.direction);
}

TEST_CASE("a listener that no table has shown leaves the direction unknown", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 0);
  tracker.apply(snapshot(0, {}));
  const auto gone = tcp(8, closed, 20, 0);  // it was bound, and may have listened
  const auto early = GENERATE(true, false);
  CAPTURE(early);
  if (early) {
    tracker.apply(notice(50, gone));
  }
  tracker.apply(snapshot(1, {tcp(1, established, 20, 5000), tcp(2, established, 4000, 443)}));
  if (!early) {
    tracker.apply(notice(150, gone));
  }
  tracker.apply(snapshot(2, {}));
  std::map<ConnectionId, Direction> directions;
  for (const auto& event : take_events(tracker)) {
    directions[event.connection.id] = event.connection.direction;
  }
  CHECK(directions ==
        std::map<ConnectionId, Direction>{{1, Direction::unknown}, {2, Direction::outbound}});
}

TEST_CASE("owners found in the same tick come with the open, later ones are events", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  take_events(tracker);
  tracker.apply(
      snapshot(1, {tcp(1, established, 4000, 443, 77), tcp(2, established, 4001, 443, 78)}));
  REQUIRE(tracker.owner_queries(10).size() == 2);
  CHECK(tracker.owner_queries(1).size() == 1);
  const ProcessId curl{1234, 5};
  tracker.resolve(77, curl, Moment{115, 5});
  auto events = take_events(tracker);
  REQUIRE(events.size() == 2);
  CHECK(events[0].connection.owner == Owner{curl, OwnerSource::held, {}});
  CHECK(events[1].connection.owner.source == OwnerSource::unknown);
  tracker.resolve(78, curl, Moment{215, 5});
  events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::owner);
  CHECK(events[0].connection.owner.process == curl);
  CHECK_FALSE(events[0].old_owner.has_value());
  CHECK(tracker.owner_queries(10).empty());
}

TEST_CASE("a socket that outlives its descriptor keeps its owner as last seen", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443, 77)}));
  tracker.resolve(77, ProcessId{1234, 5}, Moment{15, 5});
  take_events(tracker);
  tracker.apply(snapshot(1, {tcp(1, time_wait, 4000, 443, 0)}));
  const auto events = take_events(tracker);
  CHECK(events.back().connection.owner == Owner{ProcessId{1234, 5}, OwnerSource::last_seen, {}});
  CHECK(tracker.take_released_sockets() == std::vector<std::uint64_t>{77});
}

TEST_CASE("an accepted connection inherits the owner of its listener until its own is known",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0, 70)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{15, 5});
  take_events(tracker);
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0, 70), tcp(2, established, 80, 5000, 0)}));
  CHECK(take_events(tracker).back().connection.owner ==
        Owner{ProcessId{80, 1}, OwnerSource::inherited, {}});
  tracker.apply(snapshot(2, {tcp(1, listen, 80, 0, 70), tcp(2, established, 80, 5000, 71)}));
  REQUIRE(tracker.owner_queries(10).size() == 1);
  CHECK(tracker.owner_queries(10)[0].likely_pids == std::vector<std::uint32_t>{80});
  tracker.resolve(71, ProcessId{81, 2}, Moment{215, 5});
  const auto events = take_events(tracker);
  CHECK(events.back().kind == EventKind::owner);
  CHECK(events.back().old_owner == ProcessId{80, 1});
  CHECK(events.back().connection.owner == Owner{ProcessId{81, 2}, OwnerSource::held, {}});
}

TEST_CASE("a connection accepted before the owner of its listener was known inherits it later",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  take_events(tracker);
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0, 70), tcp(2, fin_wait_1, 80, 5000, 0)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{115, 5});
  tracker.apply(snapshot(2, {tcp(1, listen, 80, 0, 70), tcp(2, fin_wait_1, 80, 5000, 0)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{215, 5});
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 2);
  CHECK(events[1].connection.owner == Owner{ProcessId{80, 1}, OwnerSource::inherited, {}});
}

TEST_CASE("what a new listener accepts inherits nothing from a parent that hands it to its child",
          "[track]") {
  const ProcessId parent{80, 1};
  const ProcessId child{81, 2};
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0, 70)}));
  tracker.resolve(70, parent, Moment{115, 5});
  take_events(tracker);
  // Of one connection in between nobody holds a descriptor.
  tracker.apply(snapshot(2, {tcp(1, listen, 80, 0, 70), tcp(2, fin_wait_1, 80, 5000, 0)}));
  CHECK(take_events(tracker).back().connection.owner.process == std::nullopt);
  REQUIRE(tracker.owner_queries(10).size() == 1);
  tracker.resolve(70, child, Moment{215, 5});
  tracker.apply(snapshot(3, {tcp(1, listen, 80, 0, 70), tcp(2, fin_wait_1, 80, 5000, 0)}));
  tracker.resolve(70, child, Moment{315, 5});
  CHECK(take_events(tracker).back().connection.owner == Owner{child, OwnerSource::inherited, {}});
}

TEST_CASE("owners of sockets whose process has ended are requested again", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0, 70)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{15, 5});
  take_events(tracker);
  tracker.end_process(ProcessId{80, 9});  // another incarnation of the pid
  CHECK(tracker.owner_queries(10).empty());
  tracker.end_process(ProcessId{80, 1});
  CHECK(tracker.owner_queries(10).size() == 1);
  tracker.resolve(70, ProcessId{81, 2}, Moment{115, 5});
  const auto events = take_events(tracker);
  CHECK(events.back().kind == EventKind::owner);
  CHECK(events.back().old_owner == ProcessId{80, 1});
}

TEST_CASE("a listener that is handed over gets its new owner while the old one lives on",
          "[track]") {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const auto at_second = [](int second, std::vector<SocketRow> rows) {
    auto taken = snapshot(0, std::move(rows));
    taken.taken = Span{second * kSecond, second * kSecond};
    return taken;
  };
  const ProcessId maker{80, 1};
  const ProcessId child{81, 2};
  const auto listener = tcp(1, listen, 80, 0, 70);
  Tracker tracker;
  tracker.apply(at_second(10, {listener}));
  tracker.resolve(70, maker, Moment{10 * kSecond, 0});
  take_events(tracker);
  tracker.apply(at_second(11, {listener}));
  CHECK(tracker.owner_queries(10).empty());
  // Asked for again now and then; as long as the maker has it, it is the maker's.
  tracker.apply(at_second(12, {listener}));
  CHECK(tracker.owner_queries(10).size() == 1);
  tracker.resolve(70, maker, Moment{12 * kSecond, 0});
  tracker.apply(at_second(14, {listener}));
  tracker.owner_not_found(70, UnknownOwner::gone);  // on its way from one to the other
  tracker.apply(at_second(15, {listener}));
  CHECK(tracker.owner_queries(10).empty());
  CHECK(take_events(tracker).empty());
  tracker.apply(at_second(16, {listener}));
  tracker.resolve(70, child, Moment{16 * kSecond, 0});
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::owner);
  CHECK(events[0].old_owner == maker);
  CHECK(events[0].connection.owner == Owner{child, OwnerSource::held, {}});
  CHECK(events[0].at == Moment{16 * kSecond, 4 * kSecond});
  tracker.apply(at_second(17, {listener}));
  CHECK(tracker.owner_queries(10).empty());
  tracker.apply(at_second(18, {listener}));
  CHECK(tracker.owner_queries(10).size() == 1);
}

TEST_CASE("the process that uses accepted connections stays known when the listener is rechecked",
          "[track]") {
  constexpr std::int64_t kSecond = 1'000'000'000;
  const ProcessId master{80, 1};
  const ProcessId worker{81, 2};
  Tracker tracker;
  const auto look = [&](int second, std::vector<SocketRow> rows) {
    auto taken = snapshot(0, std::move(rows));
    taken.taken = Span{second * kSecond, second * kSecond};
    tracker.apply(taken);
  };
  const auto listener = tcp(1, listen, 80, 0, 70);
  look(10, {listener});
  tracker.resolve(70, master, Moment{10 * kSecond, 0});
  look(11, {listener, tcp(2, established, 80, 5000, 71)});
  tracker.resolve(71, worker, Moment{11 * kSecond, 0});
  look(12, {listener, tcp(2, established, 80, 5000, 71)});
  tracker.resolve(70, master, Moment{12 * kSecond, 0});
  take_events(tracker);
  look(13, {listener, tcp(2, established, 80, 5000, 71), tcp(3, established, 80, 5001, 72)});
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].connection.owner == Owner{worker, OwnerSource::inherited, {}});
}

TEST_CASE("the reason of an unknown owner is kept", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443, 77), tcp(2, time_wait, 4001, 443)}));
  tracker.owner_not_found(77, UnknownOwner::not_permitted);
  const auto events = take_events(tracker);
  CHECK(events[0].connection.owner.why == UnknownOwner::not_permitted);
  CHECK(events[1].connection.owner.why == UnknownOwner::kernel);
}

TEST_CASE("offload changes are events, the first plain reading is not", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  take_events(tracker);
  auto row = tcp(1, established, 4000, 443);
  row.offload = Offload::in_host;
  tracker.apply(snapshot(1, {row}));
  CHECK(take_events(tracker).empty());
  row.offload = Offload::offloaded;
  tracker.apply(snapshot(2, {row}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::offload);
  CHECK(events[0].old_code == static_cast<std::uint8_t>(Offload::in_host));
  CHECK(events[0].new_code == static_cast<std::uint8_t>(Offload::offloaded));
}

TEST_CASE("a change of bytes without an event is a refresh", "[track]") {
  Tracker tracker;
  auto row = tcp(1, established, 4000, 443);
  row.metrics = Metrics{10, 20, 0, 100, 1, 1};
  tracker.apply(snapshot(0, {row}));
  take_events(tracker);
  CHECK(tracker.take_refreshes().empty());
  row.metrics->bytes_sent = 11;
  tracker.apply(snapshot(1, {row}));
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].metrics.bytes_sent == 11U);
  CHECK(tracker.take_refreshes().empty());
}

TEST_CASE("namespaces keep equal tuples and cookies apart, and close within the given moment",
          "[track]") {
  Tracker tracker;
  auto one = snapshot(0, {tcp(1, established, 4000, 443)});
  one.netns = 1;
  auto two = one;
  two.netns = 2;
  tracker.apply(one);
  tracker.apply(two);
  CHECK(take_events(tracker).size() == 2);
  CHECK(tracker.open_connections() == 2);
  tracker.end_namespace(2, Moment{500, 100});
  CHECK(texts(tracker) == Lines{"2 close ESTABLISHED>CLOSED (0,500]"});
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("UDP sockets open and close without states", "[track]") {
  Tracker tracker;
  SocketRow row = tcp(1, established, 53, 0, 7);
  row.tuple.protocol = Protocol::udp;
  row.state.reset();
  tracker.apply(snapshot(0, {}, true, kUdp4));
  tracker.apply(snapshot(1, {row}, true, kUdp4));
  auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(text(events[0]) == "1 open ->- (0,110]");
  CHECK(events[0].connection.direction == Direction::listen);
  tracker.apply(snapshot(2, {}, true, kTcp));  // another table says nothing about it
  CHECK(take_events(tracker).empty());
  tracker.apply(snapshot(2, {}, true, kUdp4));
  events = take_events(tracker);
  CHECK(text(events[0]) == "1 close ->- (100,210]");
  CHECK(events[0].connection.outcome == Outcome::closed);
}

TEST_CASE("connections that an earlier session left open go on, or ended in between", "[track]") {
  Tracker earlier;
  earlier.apply(snapshot(0, {tcp(8, listen, 80, 0), tcp(1, established, 80, 5000)}));
  earlier.apply(snapshot(1,
                         {tcp(8, listen, 80, 0),
                          tcp(1, established, 80, 5000),
                          tcp(2, established, 80, 5001),
                          tcp(3, fin_wait_2, 80, 5002)}));
  take_events(earlier);
  auto left = earlier.connections();
  std::sort(left.begin(), left.end(), [](const auto& a, const auto& b) { return a.id < b.id; });
  REQUIRE(left.size() == 4);

  Tracker tracker{5};
  const auto now = snapshot(10,
                            {tcp(8, listen, 80, 0),
                             tcp(1, close_wait, 80, 5000),
                             tcp(3, fin_wait_2, 80, 5002),
                             tcp(4, established, 80, 5003)});
  tracker.resume(left, Span{100, 110}, now);
  tracker.apply(now);
  CHECK(texts(tracker) == Lines{"2 state ESTABLISHED>CLOSE_WAIT (100,1010]",
                                "3 close ESTABLISHED>CLOSED (110,1010]",
                                "5 open ->ESTABLISHED (100,1010]"});
  tracker.apply(snapshot(11, {}));
  CHECK(take_events(tracker).size() == 4);
}

TEST_CASE("the memory of a burst goes back, and what lives on stays", "[track]") {
  const auto burst = [](std::int64_t at_ns, std::uint64_t first_cookie, std::uint64_t bytes) {
    std::vector<SocketRow> rows;
    for (std::uint16_t i = 0; i < 20'000; ++i) {
      auto row =
          tcp_row(first_cookie + i, established, static_cast<std::uint16_t>(10'000 + i), 443);
      row.metrics.emplace().bytes_sent = bytes;
      rows.push_back(row);
    }
    return tcp_snapshot(at_ns, std::move(rows));
  };
  Tracker tracker;
  tracker.apply(burst(100, 1, 0));
  take_events(tracker);
  CHECK(tracker.kept_places() >= 20'000);
  CHECK_FALSE(tracker.shrink());
  // They change without an event, and all but one end before anybody asks.
  const auto changed = burst(200, 1, 7);
  tracker.apply(changed);
  tracker.apply(tcp_snapshot(300, {changed.rows.back()}));
  take_events(tracker);
  CHECK(tracker.shrink());
  CHECK(tracker.kept_places() <= 1'024);
  CHECK(tracker.broken_invariant().empty());
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].incarnation == 20'000);
  auto next = burst(400, 30'000, 7);
  next.rows.back() = changed.rows.back();
  tracker.apply(next);
  CHECK(take_events(tracker).size() == 19'999);
  CHECK(tracker.open_connections() == 20'000);
  CHECK_FALSE(tracker.shrink());
  CHECK(tracker.broken_invariant().empty());
}

}  // namespace netlog::track::test::tracker

// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"
#include "unit/track/tracker_fixture.hpp"

#include <map>

namespace netlog::track::test::tracker {

// The kernel's worker may have waited for a processor before it sent the notice: what it knows of
// the peer bounds the end from below, or else the last snapshot.
TEST_CASE("a notice makes the close of a polled connection exact", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  take_events(tracker);
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{5, 6, 0, 0, 1, 1};
  std::string expected;
  SECTION("where the peer was heard of") {
    row.delivery = Delivery{6, 6, 1, 0, 0, 0, 0, 0};
    expected = "1 close ESTABLISHED>CLOSED (140,150]";
  }
  SECTION("up to the last snapshot") {
    expected = "1 close ESTABLISHED>CLOSED (100,150]";
  }
  SECTION("up to the last snapshot where tcp_disconnect has cleared what was known") {
    row.tuple.remote.port = 0;
    row.delivery = Delivery{0, 0, 65'538, 0, 0, 0, 0, 0};
    expected = "1 close ESTABLISHED>CLOSED (100,150]";
  }
  tracker.apply(notice(150, row));
  CHECK(texts(tracker).empty());  // TIME_WAIT may follow
  tracker.apply(snapshot(2, {}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(text(events[0]) == expected);
  CHECK(events[0].connection.metrics.bytes_sent.has_value() == (row.tuple.remote.port != 0));
  CHECK(events[0].connection.seen_by == (SeenBy::snapshot | SeenBy::notice));
}

TEST_CASE("the peer's FIN is not counted as a byte, whoever closes first", "[track]") {
  const auto unread = GENERATE(0U, 1U);
  const auto [next, is_late] =
      GENERATE(table<TcpState, bool>({{time_wait, false}, {time_wait, true}, {last_ack, false}}));
  CAPTURE(unread, name(next), is_late);
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, next == last_ack ? close_wait : established, 80, 5000)}));
  auto row = tcp(1, closed, 80, 5000);
  // Who closed first has a FIN in its queue, or its minisock has received it after this count.
  const std::uint64_t counted = next == last_ack ? 1 : unread;
  row.metrics = Metrics{6, 10 + counted, 0, 0, 4, 6};
  row.delivery = Delivery{8, 10 + counted, 0, 1, 0, 0, 0, 0, unread};
  const auto rows =
      next == time_wait ? std::vector{tcp(1, time_wait, 80, 5000)} : std::vector<SocketRow>{};
  if (is_late) {
    tracker.apply(snapshot(2, rows));
  }
  tracker.apply(notice(150, row));
  tracker.apply(snapshot(is_late ? 3 : 2, rows));
  const auto connection = take_events(tracker).back().connection;
  CHECK(connection.outcome == Outcome::closed);
  CHECK(connection.metrics.bytes_received == 10U);
}

TEST_CASE("a notice of a connection that was never polled is an open and a close", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  take_events(tracker);
  tracker.apply(notice(50, tcp(1, closed, 80, 5000)));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0)}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 2);
  CHECK(text(events[0]) == "2 open ->- (0,50]");  // not while the dump ran: after it began
  CHECK(text(events[1]) == "2 close ->CLOSED (0,50]");
  CHECK(events[0].connection.direction == Direction::inbound);
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("a row read before the noticed end and applied after it reopens nothing", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  take_events(tracker);
  tracker.apply(notice(105, tcp(1, closed, 4000, 443)));         // while the dump of tick 1 runs
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));  // and shows it
  tracker.apply(snapshot(2, {}));
  CHECK(texts(tracker) == Lines{"1 open ->- (0,105]", "1 close ->CLOSED (0,105]"});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("TIME_WAIT joins the connection it came from, also under a cookie of its own",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(1, closed, 4000, 443)));
  tracker.apply(snapshot(1, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker) == Lines{"1 open ->- (0,50]", "1 state ->TIME_WAIT (0,50]"});
  tracker.apply(snapshot(2, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker).empty());
  tracker.apply(snapshot(3, {}));
  CHECK(texts(tracker) == Lines{"1 close TIME_WAIT>CLOSED (200,310]"});
}

TEST_CASE("a minisock in FIN_WAIT_2 joins the connection it came from, in either order",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(1, closed, 4000, 443)));
  tracker.apply(snapshot(1, {tcp(2, fin_wait_2, 4000, 443), tcp(4, fin_wait_2, 4001, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 open ->- (0,50]", "1 state ->FIN_WAIT_2 (0,110]", "2 open ->FIN_WAIT_2 (0,110]"});
  tracker.apply(notice(150, tcp(3, closed, 4001, 443)));
  tracker.apply(snapshot(2, {tcp(2, fin_wait_2, 4000, 443), tcp(4, fin_wait_2, 4001, 443)}));
  CHECK(texts(tracker).empty());
  tracker.apply(snapshot(3, {}));
  CHECK(texts(tracker) ==
        Lines{"1 close FIN_WAIT_2>CLOSED (200,310]", "2 close FIN_WAIT_2>CLOSED (200,310]"});
}

TEST_CASE("a notice joins the TIME_WAIT row that was read before it", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker) == Lines{"1 open ->TIME_WAIT (0,110]"});
  tracker.apply(notice(200, tcp(1, closed, 4000, 443)));
  CHECK(texts(tracker).empty());
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].seen_by == (SeenBy::snapshot | SeenBy::notice));
}

TEST_CASE("a notice joins the minisock of its socket, however late it is", "[track]") {
  constexpr std::int64_t kMs = 1'000'000;
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 100 * kMs);
  const auto poll = [&](std::int64_t at_ms, std::vector<SocketRow> rows) {
    auto taken = snapshot(0, std::move(rows));
    taken.taken = Span{at_ms * kMs, at_ms * kMs + kMs};
    tracker.apply(taken);
  };
  const auto late = [&](std::uint32_t since_acked_ms) {
    auto row = tcp(1, closed, 4000, 443);
    row.delivery = Delivery{};
    row.delivery->since_acked_ms = since_acked_ms;
    tracker.apply(Notice{0, Moment{5'100 * kMs, 100 * kMs}, row});
    return texts(tracker);
  };
  poll(0, {});
  SECTION("in TIME_WAIT") {
    poll(100, {tcp(2, time_wait, 4000, 443)});
    poll(5'000, {tcp(2, time_wait, 4000, 443)});
    CHECK(texts(tracker).size() == 1);
    CHECK(late(5'000).empty());
  }
  SECTION("in FIN_WAIT_2, which has ended since") {
    poll(100, {tcp(2, fin_wait_2, 4000, 443)});
    poll(200, {});
    poll(5'000, {});
    CHECK(texts(tracker).size() == 2);
    CHECK(late(5'000).empty());
  }
  SECTION("but not that of an earlier socket with the same addresses and ports") {
    poll(100, {tcp(2, time_wait, 4000, 443)});
    poll(5'000, {tcp(2, time_wait, 4000, 443)});
    CHECK(texts(tracker).size() == 1);
    CHECK_FALSE(late(2'000).empty());
  }
}

TEST_CASE("TIME_WAIT joins FIN_WAIT_2 that one snapshot has shown under another cookie",
          "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 0);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, fin_wait_2, 4000, 443)}));
  tracker.apply(snapshot(2, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 open ->FIN_WAIT_2 (0,110]", "1 state FIN_WAIT_2>TIME_WAIT (100,210]"});
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("an accepted socket joins its handshake, whatever its cookie", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0), tcp(1, syn_received, 80, 5000)}));
  tracker.apply(snapshot(2, {tcp(9, listen, 80, 0), tcp(2, established, 80, 5000)}));
  take_events(tracker);
  CHECK(tracker.open_connections() == 2);
  tracker.apply(snapshot(3, {tcp(2, established, 80, 5000), tcp(3, syn_received, 80, 5001)}));
  CHECK(texts(tracker).size() == 2);  // the listener has gone, a handshake has come
  tracker.apply(notice(350, tcp(4, closed, 80, 5001)));
  tracker.apply(snapshot(4, {tcp(2, established, 80, 5000)}));
  CHECK(texts(tracker) == Lines{"3 close SYN_RECEIVED>CLOSED (300,350]"});
}

TEST_CASE("TIME_WAIT joins the connection whose handshake was all that was shown of it",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0), tcp(1, syn_received, 80, 5000)}));
  take_events(tracker);
  tracker.apply(notice(150, tcp(2, closed, 80, 5000)));
  tracker.apply(snapshot(2, {tcp(9, listen, 80, 0), tcp(3, time_wait, 80, 5000)}));
  CHECK(texts(tracker) == Lines{"2 state SYN_RECEIVED>TIME_WAIT (100,150]"});
}

TEST_CASE("a connection and its handshake are one, however late the notice", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 50);
  const auto listener = tcp(9, listen, 80, 0);
  tracker.apply(snapshot(0, {listener}));
  std::map<ConnectionId, int> expected{{1, 0}, {2, 1}};
  SECTION("which a snapshot has shown, and the next ones lack") {
    tracker.apply(snapshot(1, {listener, tcp(1, syn_received, 80, 5000)}));
    tracker.apply(snapshot(2, {listener}));
    tracker.apply(snapshot(3, {listener}));
    tracker.apply(snapshot(4, {listener}));
  }
  SECTION("which one snapshot has shown together with its socket") {
    tracker.apply(
        snapshot(1, {listener, tcp(1, syn_received, 80, 5000), tcp(2, established, 80, 5000)}));
  }
  SECTION("which one snapshot has shown after its socket, and before the end") {
    tracker.apply(
        snapshot(1, {listener, tcp(2, close_wait, 80, 5000), tcp(1, syn_received, 80, 5000)}));
    tracker.apply(snapshot(2, {listener}));
  }
  SECTION("but a handshake that follows TIME_WAIT is another connection") {
    tracker.apply(
        snapshot(1, {listener, tcp(7, time_wait, 80, 5000), tcp(1, syn_received, 80, 5000)}));
    expected = {{1, 0}, {2, 1}, {3, 1}};
  }
  tracker.apply(notice(450, tcp(2, closed, 80, 5000)));
  tracker.apply(snapshot(5, {listener}));
  tracker.apply(snapshot(6, {listener}));
  std::map<ConnectionId, int> ends;
  for (const auto& event : take_events(tracker)) {
    ends[event.connection.id] += event.kind == EventKind::close ? 1 : 0;
  }
  CHECK(ends == expected);
}

// While the kernel walks its table, a socket that goes can move another one out of the walk's way.
TEST_CASE("a minisock that a walk has missed is not another connection", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 0);
  tracker.apply(snapshot(0, {tcp(3, established, 4002, 443)}));
  take_events(tracker);
  tracker.apply(notice(50, tcp(1, closed, 4000, 443)));
  const auto own = tcp(2, time_wait, 4000, 443);
  const auto shown = tcp(3, time_wait, 4002, 443);
  SECTION("at first") {
    tracker.apply(snapshot(1, {shown}));
  }
  SECTION("later") {
    tracker.apply(snapshot(1, {own, shown}));
    tracker.apply(snapshot(2, {}));
  }
  tracker.apply(snapshot(3, {own, shown}));
  tracker.apply(snapshot(4, {own, shown}));
  tracker.apply(snapshot(5, {}));
  std::map<ConnectionId, int> ends;
  for (const auto& event : take_events(tracker)) {
    ends[event.connection.id] += event.kind == EventKind::close ? 1 : 0;
  }
  CHECK(ends == std::map<ConnectionId, int>{{1, 1}, {2, 1}});
}

TEST_CASE("a notice that comes long after the close gives the outcome", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 50);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  tracker.apply(snapshot(2, {}));
  tracker.apply(snapshot(3, {}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 2);
  CHECK(text(events[1]) == "1 close ESTABLISHED>CLOSED (100,210]");
  CHECK(events[1].connection.outcome == Outcome::unknown);
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{5, 6, 0, 0, 3, 3};
  row.delivery = Delivery{6, 6, 0, 1, 0, 0, 0, 0};
  tracker.apply(notice(900, row));
  CHECK(take_events(tracker).empty());
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].id == 1);
  CHECK(refreshed[0].outcome == Outcome::reset);
  CHECK(refreshed[0].closed == Moment{210, 110});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a failed connect whose socket was kept is distinguished from a reset", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 50);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, syn_sent, 4000, 443)}));
  tracker.apply(snapshot(2, {}));
  tracker.apply(snapshot(3, {}));
  take_events(tracker);
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{0, 0, 0, {}, 1, 1};
  row.delivery = Delivery{0, 0, 1, 0, 0, 0, 99'999, 99'999};
  tracker.apply(notice(900, row));
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].outcome == Outcome::refused);
}

TEST_CASE("a notice that names a holder, as no kernel does, requests no owner", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(9, closed, 4000, 443, 5)));
  tracker.apply(snapshot(1, {tcp(9, established, 4000, 443, 7)}));
  tracker.apply(snapshot(2, {}));
  CHECK(tracker.owner_queries(10).empty());
  CHECK(take_events(tracker).size() >= 2);
}

TEST_CASE("TIME_WAIT of another use of a tuple is not joined to a polled connection", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 0);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  auto reset = tcp(1, closed, 4000, 443);
  reset.delivery = Delivery{1, 0, 0, 0, 0, 0, 0, 0};
  tracker.apply(notice(150, reset));
  tracker.apply(notice(180, tcp(2, closed, 4000, 443)));
  tracker.apply(snapshot(2, {tcp(3, time_wait, 4000, 443)}));
  std::map<ConnectionId, Outcome> outcomes;
  for (const auto& event : take_events(tracker)) {
    outcomes[event.connection.id] = event.connection.outcome;
  }
  CHECK(outcomes == std::map<ConnectionId, Outcome>{{1, Outcome::reset}, {2, Outcome::closed}});
}

TEST_CASE("a socket that was reset and kept may be older than the last snapshot", "[track]") {
  constexpr std::int64_t kMs = 1'000'000;
  Tracker tracker;
  for (const int tick : {0, 1, 2, 3}) {
    auto empty = snapshot(0, {});
    empty.taken = Span{tick * 100 * kMs, tick * 100 * kMs + kMs};
    tracker.apply(empty);
  }
  auto row = tcp(1, closed, 4000, 443);
  row.delivery = Delivery{1, 0, 0, 0, 0, 0, 170, 160};
  Notice late{0, Moment{330 * kMs, 10 * kMs}, row};
  tracker.apply(late);
  // It heard of its peer between 150 and 170, give or take a tick of the kernel's timer, so the
  // snapshot at 100 is the last before it.
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::open);
  CHECK(events[0].at == Moment{170 * kMs, 70 * kMs});
}

TEST_CASE("a connection noticed before its listener was seen is inbound", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  auto ended = tcp(1, closed, 80, 5000);
  ended.delivery = Delivery{1, 1, 0, 0, 0, 0, 0, 0};
  ended.metrics = Metrics{0, 1, 0, 0, 2, 4};
  tracker.apply(notice(50, ended));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0)}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 3);
  CHECK(text(events[1]) == "1 close ->CLOSED (40,50]");
  CHECK(events[1].connection.direction == Direction::inbound);
  CHECK(events[1].connection.outcome == Outcome::closed);
}

TEST_CASE("a connection shown before its listener was seen is inbound", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(8, listen, 22, 0)}));
  // The listeners had been walked when these began.
  tracker.apply(snapshot(1, {tcp(8, listen, 22, 0), tcp(1, established, 80, 5000)}));
  tracker.apply(snapshot(2,
                         {tcp(8, listen, 22, 0),
                          tcp(1, established, 80, 5000),
                          tcp(2, established, 80, 5001),
                          tcp(3, syn_sent, 80, 443)}));
  tracker.apply(
      snapshot(3, {tcp(8, listen, 22, 0), tcp(9, listen, 80, 0), tcp(2, close_wait, 80, 5001)}));
  tracker.apply(snapshot(4, {}));
  std::map<ConnectionId, Direction> directions;
  for (const auto& event : take_events(tracker)) {
    directions[event.connection.id] = event.connection.direction;
  }
  CHECK(directions == std::map<ConnectionId, Direction>{{1, Direction::listen},
                                                        {2, Direction::unknown},
                                                        {3, Direction::inbound},
                                                        {4, Direction::outbound},
                                                        {5, Direction::listen}});
}

TEST_CASE("failed connects and aborts without a remote port are recorded", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  auto refused = tcp(1, closed, 4000, 0);
  refused.delivery = Delivery{0, 0, 3, 0, 0, 0, 99'999, 99'999};
  tracker.apply(notice(50, refused));
  auto aborted = tcp(2, closed, 4001, 0);
  aborted.delivery = Delivery{0, 0, 65'538, 0, 0, 0, 0, 0};
  tracker.apply(notice(51, aborted));
  tracker.apply(snapshot(1, {}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 4);
  CHECK(events[1].connection.outcome == Outcome::refused);
  CHECK(events[1].connection.syns == 1U);
  CHECK(events[3].connection.outcome == Outcome::aborted);
  CHECK(events[3].connection.direction == Direction::outbound);
}

TEST_CASE("a peer on this host that is in TIME_WAIT proves an orderly end", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  auto ended = tcp(1, closed, 80, 5000);
  ended.metrics = Metrics{6, 6, 0, 0, 4, 6};
  ended.delivery = Delivery{7, 6, 0, 1, 0, 0, 0, 0};
  tracker.apply(notice(50, ended));
  auto peer = tcp(2, time_wait, 5000, 80);
  std::swap(peer.tuple.local.address, peer.tuple.remote.address);
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0), peer}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 4);  // a listener; the short one opens and closes; its peer
  CHECK(text(events[2]) == "2 close ->CLOSED (40,50]");
  CHECK(events[2].connection.outcome == Outcome::closed);
}

TEST_CASE("a notice finds the minisock of its socket, however many namespaces were read since",
          "[track]") {
  Tracker tracker;
  const auto in = [](std::uint64_t netns, Snapshot taken) {
    taken.netns = netns;
    return taken;
  };
  for (const auto netns : {1U, 2U, 3U}) {
    tracker.apply(in(netns, snapshot(0, {})));
  }
  tracker.apply(in(1, snapshot(1, {tcp(2, time_wait, 4000, 443)})));
  tracker.apply(in(2, snapshot(1, {})));
  tracker.apply(in(3, snapshot(1, {})));
  CHECK(take_events(tracker).size() == 1);
  auto late = notice(200, tcp(1, closed, 4000, 443));
  late.netns = 1;
  tracker.apply(late);
  CHECK(take_events(tracker).empty());
}

TEST_CASE("notices of sockets that never were connections are ignored", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(1, closed, 0, 0)));
  tracker.apply(notice(51, tcp(2, closed, 4000, 0)));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.open_connections() == 0);
}

}  // namespace netlog::track::test::tracker

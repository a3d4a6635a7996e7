// SPDX-License-Identifier: MIT
#include "track/tracker.hpp"

#include "support/catch.hpp"

#include <map>
#include <string>

#include <fmt/format.h>

namespace netlog_tests::track_tracker_test {

using namespace netlog;
using namespace netlog::track;

namespace {

constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
constexpr TableSet kUdp4 = table_bit(TableKind::udp4);

Endpoint endpoint(const char* address, std::uint16_t port) {
  return {*parse_address(address), port};
}

SocketRow tcp(std::uint64_t cookie,
              TcpState state,
              std::uint16_t local,
              std::uint16_t remote,
              std::uint64_t inode = 0) {
  SocketRow row;
  row.tuple = {Protocol::tcp,
               endpoint("192.0.2.1", local),
               remote == 0 ? endpoint("0.0.0.0", 0) : endpoint("198.51.100.7", remote)};
  row.incarnation = cookie;
  row.state = state;
  row.holder_key = inode;
  row.uid = 0;
  return row;
}

// A tick every 100 ns: the dump of tick n lasts from 100 n to 100 n + 10.
Snapshot snapshot(int tick,
                  std::vector<SocketRow> rows,
                  bool time_wait = true,
                  TableSet tables = kTcp) {
  Snapshot taken;
  taken.tables = tables;
  taken.covers_time_wait = time_wait;
  taken.incarnation_is_unique = true;
  taken.taken = Span{tick * 100, tick * 100 + 10};
  taken.rows = std::move(rows);
  return taken;
}

Notice notice(std::int64_t at, SocketRow row) {
  return {0, Moment{at, 10}, std::move(row)};
}

std::string text(const Event& event) {
  const auto state = [](std::optional<std::uint8_t> code) {
    return code ? std::string{name(static_cast<TcpState>(*code))} : std::string{"-"};
  };
  return fmt::format("{} {} {}>{} ({},{}]",
                     event.connection.id,
                     name(event.kind),
                     state(event.old_code),
                     state(event.new_code),
                     event.at.at_ns - event.at.error_ns,
                     event.at.at_ns);
}

std::vector<std::string> texts(Tracker& tracker) {
  std::vector<std::string> lines;
  for (const auto& event : tracker.take_events()) {
    lines.push_back(text(event));
  }
  return lines;
}

using Lines = std::vector<std::string>;
using enum TcpState;

}  // namespace

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
  tracker.take_events();
  // Ticks 2 to 8 could not be read.
  tracker.apply(snapshot(9, {tcp(1, close_wait, 4000, 443), tcp(2, established, 4001, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 state ESTABLISHED>CLOSE_WAIT (100,910]", "2 open ->ESTABLISHED (100,910]"});
}

TEST_CASE("a reused tuple is a close and an open", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  tracker.take_events();
  tracker.apply(snapshot(1, {tcp(9, established, 4000, 443)}));
  CHECK(texts(tracker) ==
        Lines{"1 close ESTABLISHED>CLOSED (0,110]", "2 open ->ESTABLISHED (0,110]"});
}

TEST_CASE("a socket that takes another tuple is another connection", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  tracker.take_events();
  tracker.apply(snapshot(1, {tcp(1, syn_sent, 4000, 444)}));
  CHECK(texts(tracker) == Lines{"1 close ESTABLISHED>CLOSED (0,110]", "2 open ->SYN_SENT (0,110]"});
}

TEST_CASE("without cookies the inode tells one use of a tuple from the next", "[track]") {
  Tracker tracker;
  auto first = snapshot(0, {tcp(0, established, 4000, 443, 77)});
  first.incarnation_is_unique = false;
  tracker.apply(first);
  tracker.take_events();
  auto orphaned = snapshot(1, {tcp(0, fin_wait_1, 4000, 443, 0)});
  orphaned.incarnation_is_unique = false;
  tracker.apply(orphaned);
  CHECK(texts(tracker) == Lines{"1 state ESTABLISHED>FIN_WAIT_1 (0,110]"});
  auto reused = snapshot(2, {tcp(0, established, 4000, 443, 78)});
  reused.incarnation_is_unique = false;
  tracker.apply(reused);
  tracker.take_events();
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
  tracker.take_events();
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
  const auto events = tracker.take_events();
  const auto& connection = events.back().connection;
  CHECK(connection.closed == Moment{210, 110});
  CHECK(connection.outcome == Outcome::closed);
  CHECK(connection.state == time_wait);
  tracker.apply(snapshot(3, {}));
  CHECK(tracker.take_events().back().connection.closed == Moment{210, 110});
}

TEST_CASE("directions follow from listeners and SYN states, and are unknown where nothing tells",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(
      0, {tcp(1, listen, 80, 0), tcp(2, established, 80, 5000), tcp(3, established, 4000, 443)}));
  auto events = tracker.take_events();
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
  events = tracker.take_events();
  REQUIRE(events.size() == 5);
  CHECK(events[0].kind == EventKind::close);
  CHECK(events[1].connection.direction == Direction::outbound);
  CHECK(events[2].connection.direction == Direction::outbound);
  CHECK(events[3].connection.direction == Direction::inbound);
  CHECK(events[4].connection.direction ==
        Direction::inbound);  // accepted before the listener closed in the same tick
}

TEST_CASE("owners found in the same tick come with the open, later ones are events", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.take_events();
  tracker.apply(
      snapshot(1, {tcp(1, established, 4000, 443, 77), tcp(2, established, 4001, 443, 78)}));
  REQUIRE(tracker.owner_queries(10).size() == 2);
  CHECK(tracker.owner_queries(1).size() == 1);
  const ProcessId curl{1234, 5};
  tracker.resolve(77, curl, Moment{115, 5});
  auto events = tracker.take_events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].connection.owner == Owner{curl, OwnerSource::exact, {}});
  CHECK(events[1].connection.owner.source == OwnerSource::unknown);
  tracker.resolve(78, curl, Moment{215, 5});
  events = tracker.take_events();
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
  tracker.take_events();
  tracker.apply(snapshot(1, {tcp(1, time_wait, 4000, 443, 0)}));
  const auto events = tracker.take_events();
  CHECK(events.back().connection.owner == Owner{ProcessId{1234, 5}, OwnerSource::last_seen, {}});
  CHECK(tracker.take_released_sockets() == std::vector<std::uint64_t>{77});
}

TEST_CASE("what was accepted inherits the listener's owner until its own is known", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0, 70)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{15, 5});
  tracker.take_events();
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0, 70), tcp(2, established, 80, 5000, 0)}));
  CHECK(tracker.take_events().back().connection.owner ==
        Owner{ProcessId{80, 1}, OwnerSource::inherited, {}});
  tracker.apply(snapshot(2, {tcp(1, listen, 80, 0, 70), tcp(2, established, 80, 5000, 71)}));
  REQUIRE(tracker.owner_queries(10).size() == 1);
  CHECK(tracker.owner_queries(10)[0].likely_pids == std::vector<std::uint32_t>{80});
  tracker.resolve(71, ProcessId{81, 2}, Moment{215, 5});
  const auto events = tracker.take_events();
  CHECK(events.back().kind == EventKind::owner);
  CHECK(events.back().old_owner == ProcessId{80, 1});
  CHECK(events.back().connection.owner == Owner{ProcessId{81, 2}, OwnerSource::exact, {}});
}

TEST_CASE("what was accepted before the listener's owner was known inherits it later", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.take_events();
  tracker.apply(snapshot(1, {tcp(1, listen, 80, 0, 70), tcp(2, fin_wait_1, 80, 5000, 0)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{115, 5});
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 2);
  CHECK(events[1].connection.owner == Owner{ProcessId{80, 1}, OwnerSource::inherited, {}});
}

TEST_CASE("sockets of a process that ended are asked for again", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, listen, 80, 0, 70)}));
  tracker.resolve(70, ProcessId{80, 1}, Moment{15, 5});
  tracker.take_events();
  tracker.end_process(ProcessId{80, 9});  // another incarnation of the pid
  CHECK(tracker.owner_queries(10).empty());
  tracker.end_process(ProcessId{80, 1});
  CHECK(tracker.owner_queries(10).size() == 1);
  tracker.resolve(70, ProcessId{81, 2}, Moment{115, 5});
  const auto events = tracker.take_events();
  CHECK(events.back().kind == EventKind::owner);
  CHECK(events.back().old_owner == ProcessId{80, 1});
}

TEST_CASE("a listener that is handed over is followed while its maker lives on", "[track]") {
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
  tracker.take_events();
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
  CHECK(tracker.take_events().empty());
  tracker.apply(at_second(16, {listener}));
  tracker.resolve(70, child, Moment{16 * kSecond, 0});
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::owner);
  CHECK(events[0].old_owner == maker);
  CHECK(events[0].connection.owner == Owner{child, OwnerSource::exact, {}});
  CHECK(events[0].at == Moment{16 * kSecond, 4 * kSecond});
}

TEST_CASE("who serves on a listener is not forgotten when its holder is confirmed", "[track]") {
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
  tracker.take_events();
  look(13, {listener, tcp(2, established, 80, 5000, 71), tcp(3, established, 80, 5001, 72)});
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].connection.owner == Owner{worker, OwnerSource::inherited, {}});
}

TEST_CASE("why an owner is unknown is kept", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443, 77), tcp(2, time_wait, 4001, 443)}));
  tracker.owner_not_found(77, UnknownOwner::not_permitted);
  const auto events = tracker.take_events();
  CHECK(events[0].connection.owner.why == UnknownOwner::not_permitted);
  CHECK(events[1].connection.owner.why == UnknownOwner::kernel);
}

TEST_CASE("offload changes are events, the first plain reading is not", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(1, established, 4000, 443)}));
  tracker.take_events();
  auto row = tcp(1, established, 4000, 443);
  row.offload = Offload::in_host;
  tracker.apply(snapshot(1, {row}));
  CHECK(tracker.take_events().empty());
  row.offload = Offload::offloaded;
  tracker.apply(snapshot(2, {row}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::offload);
  CHECK(events[0].old_code == static_cast<std::uint8_t>(Offload::in_host));
  CHECK(events[0].new_code == static_cast<std::uint8_t>(Offload::offloaded));
}

TEST_CASE("bytes that change without an event are refreshed", "[track]") {
  Tracker tracker;
  auto row = tcp(1, established, 4000, 443);
  row.metrics = Metrics{10, 20, 0, 100, 1, 1};
  tracker.apply(snapshot(0, {row}));
  tracker.take_events();
  CHECK(tracker.take_refreshes().empty());
  row.metrics->bytes_sent = 11;
  tracker.apply(snapshot(1, {row}));
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].metrics.bytes_sent == 11U);
  CHECK(tracker.take_refreshes().empty());
}

TEST_CASE("namespaces keep equal tuples and cookies apart, and close with an honest bound",
          "[track]") {
  Tracker tracker;
  auto one = snapshot(0, {tcp(1, established, 4000, 443)});
  one.netns = 1;
  auto two = one;
  two.netns = 2;
  tracker.apply(one);
  tracker.apply(two);
  CHECK(tracker.take_events().size() == 2);
  CHECK(tracker.open_connections() == 2);
  tracker.end_namespace(2, Moment{500, 100});
  CHECK(texts(tracker) == Lines{"2 close ESTABLISHED>CLOSED (0,500]"});
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("a notice makes the close of a polled connection as exact as it is", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  tracker.take_events();
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{5, 6, 0, 0, 1, 1};
  tracker.apply(notice(150, row));
  CHECK(texts(tracker).empty());  // TIME_WAIT may follow
  tracker.apply(snapshot(2, {}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(text(events[0]) == "1 close ESTABLISHED>CLOSED (140,150]");
  CHECK(events[0].connection.metrics.bytes_sent == 5U);
  CHECK(events[0].connection.seen_by == (SeenBy::snapshot | SeenBy::notice));
}

TEST_CASE("a notice of what was never polled is an open and a close", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  tracker.take_events();
  tracker.apply(notice(50, tcp(1, closed, 80, 5000)));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0)}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 2);
  CHECK(text(events[0]) == "2 open ->- (0,50]");  // not while the dump ran: after it began
  CHECK(text(events[1]) == "2 close ->CLOSED (40,50]");
  CHECK(events[0].connection.direction == Direction::inbound);
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("a row read before the announced end but delivered after it reopens nothing", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.take_events();
  tracker.apply(notice(105, tcp(1, closed, 4000, 443)));         // while the dump of tick 1 runs
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));  // and shows it
  tracker.apply(snapshot(2, {}));
  CHECK(texts(tracker) == Lines{"1 open ->- (0,105]", "1 close ->CLOSED (95,105]"});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("TIME_WAIT joins the connection it came from, also under a cookie of its own",
          "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(1, closed, 4000, 443)));
  tracker.apply(snapshot(1, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker) == Lines{"1 open ->- (0,50]", "1 state ->TIME_WAIT (40,50]"});
  tracker.apply(snapshot(2, {tcp(2, time_wait, 4000, 443)}));
  CHECK(texts(tracker).empty());
  tracker.apply(snapshot(3, {}));
  CHECK(texts(tracker) == Lines{"1 close TIME_WAIT>CLOSED (200,310]"});
}

TEST_CASE("what is left in FIN_WAIT_2 joins the connection it came from, in either order",
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

TEST_CASE("a child joins its handshake, whatever its cookie", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {tcp(9, listen, 80, 0)}));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0), tcp(1, syn_received, 80, 5000)}));
  tracker.apply(snapshot(2, {tcp(9, listen, 80, 0), tcp(2, established, 80, 5000)}));
  tracker.take_events();
  CHECK(tracker.open_connections() == 2);
  tracker.apply(snapshot(3, {tcp(2, established, 80, 5000), tcp(3, syn_received, 80, 5001)}));
  CHECK(texts(tracker).size() == 2);  // the listener has gone, a handshake has come
  tracker.apply(notice(350, tcp(4, closed, 80, 5001)));
  tracker.apply(snapshot(4, {tcp(2, established, 80, 5000)}));
  CHECK(texts(tracker) == Lines{"3 close SYN_RECEIVED>CLOSED (340,350]"});
}

TEST_CASE("a notice that comes long after the row was missed tells how it ended", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 50);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  tracker.apply(snapshot(2, {}));
  tracker.apply(snapshot(3, {}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 2);
  CHECK(text(events[1]) == "1 close ESTABLISHED>CLOSED (100,210]");
  CHECK(events[1].connection.outcome == Outcome::unknown);
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{5, 6, 0, 0, 3, 3};
  row.delivery = Delivery{6, 6, 0, 1, 0, 0, 0, 0};
  tracker.apply(notice(900, row));
  CHECK(tracker.take_events().empty());
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].id == 1);
  CHECK(refreshed[0].outcome == Outcome::reset);
  CHECK(refreshed[0].closed == Moment{210, 110});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a connect that failed and whose socket was kept is still told from a reset", "[track]") {
  Tracker tracker;
  tracker.expect_notices(0, kAllTables, 50);
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, syn_sent, 4000, 443)}));
  tracker.apply(snapshot(2, {}));
  tracker.apply(snapshot(3, {}));
  tracker.take_events();
  auto row = tcp(1, closed, 4000, 443);
  row.metrics = Metrics{0, 0, 0, {}, 1, 1};
  row.delivery = Delivery{0, 0, 1, 0, 0, 0, 99'999, 99'999};
  tracker.apply(notice(900, row));
  const auto refreshed = tracker.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].outcome == Outcome::refused);
}

TEST_CASE("a notice that names a holder, as no kernel does, asks for nobody", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(9, closed, 4000, 443, 5)));
  tracker.apply(snapshot(1, {tcp(9, established, 4000, 443, 7)}));
  tracker.apply(snapshot(2, {}));
  CHECK(tracker.owner_queries(10).empty());
  CHECK(tracker.take_events().size() >= 2);
}

TEST_CASE("TIME_WAIT of another use of a tuple is not taken for a polled connection's", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(snapshot(1, {tcp(1, established, 4000, 443)}));
  auto reset = tcp(1, closed, 4000, 443);
  reset.delivery = Delivery{1, 0, 0, 0, 0, 0, 0, 0};
  tracker.apply(notice(150, reset));
  tracker.apply(notice(180, tcp(2, closed, 4000, 443)));
  tracker.apply(snapshot(2, {tcp(3, time_wait, 4000, 443)}));
  std::map<ConnectionId, Outcome> outcomes;
  for (const auto& event : tracker.take_events()) {
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
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::open);
  CHECK(events[0].at == Moment{170 * kMs, 70 * kMs});
}

TEST_CASE("what was announced before its listener was seen is inbound all the same", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  auto ended = tcp(1, closed, 80, 5000);
  ended.delivery = Delivery{1, 1, 0, 0, 0, 0, 0, 0};
  ended.metrics = Metrics{0, 1, 0, 0, 2, 4};
  tracker.apply(notice(50, ended));
  tracker.apply(snapshot(1, {tcp(9, listen, 80, 0)}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 3);
  CHECK(text(events[2]) == "1 close ->CLOSED (40,50]");
  CHECK(events[2].connection.direction == Direction::inbound);
  CHECK(events[2].connection.outcome == Outcome::closed);
}

TEST_CASE("what a snapshot showed before its listener was seen is inbound all the same",
          "[track]") {
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
  for (const auto& event : tracker.take_events()) {
    directions[event.connection.id] = event.connection.direction;
  }
  CHECK(directions == std::map<ConnectionId, Direction>{{1, Direction::listen},
                                                        {2, Direction::outbound},
                                                        {3, Direction::inbound},
                                                        {4, Direction::outbound},
                                                        {5, Direction::listen}});
}

TEST_CASE("what a failed connect and an abort leave behind is recorded", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  auto refused = tcp(1, closed, 4000, 0);
  refused.delivery = Delivery{0, 0, 3, 0, 0, 0, 99'999, 99'999};
  tracker.apply(notice(50, refused));
  auto aborted = tcp(2, closed, 4001, 0);
  aborted.delivery = Delivery{0, 0, 65'538, 0, 0, 0, 0, 0};
  tracker.apply(notice(51, aborted));
  tracker.apply(snapshot(1, {}));
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 4);
  CHECK(events[2].connection.outcome == Outcome::refused);
  CHECK(events[2].connection.syns == 1U);
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
  const auto events = tracker.take_events();
  REQUIRE(events.size() == 4);  // a listener; the short one opens and closes; its peer
  CHECK(text(events[2]) == "2 close ->CLOSED (40,50]");
  CHECK(events[2].connection.outcome == Outcome::closed);
}

TEST_CASE("a notice finds the rest of its socket, however many namespaces were read since",
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
  CHECK(tracker.take_events().size() == 1);
  auto late = notice(200, tcp(1, closed, 4000, 443));
  late.netns = 1;
  tracker.apply(late);
  CHECK(tracker.take_events().empty());
}

TEST_CASE("notices of sockets that never were connections are left out", "[track]") {
  Tracker tracker;
  tracker.apply(snapshot(0, {}));
  tracker.apply(notice(50, tcp(1, closed, 0, 0)));
  tracker.apply(notice(51, tcp(2, closed, 4000, 0)));
  CHECK(tracker.take_events().empty());
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("UDP sockets open and close without states", "[track]") {
  Tracker tracker;
  SocketRow row = tcp(1, established, 53, 0, 7);
  row.tuple.protocol = Protocol::udp;
  row.state.reset();
  tracker.apply(snapshot(0, {}, true, kUdp4));
  tracker.apply(snapshot(1, {row}, true, kUdp4));
  auto events = tracker.take_events();
  REQUIRE(events.size() == 1);
  CHECK(text(events[0]) == "1 open ->- (0,110]");
  CHECK(events[0].connection.direction == Direction::listen);
  tracker.apply(snapshot(2, {}, true, kTcp));  // another table says nothing about it
  CHECK(tracker.take_events().empty());
  tracker.apply(snapshot(2, {}, true, kUdp4));
  events = tracker.take_events();
  CHECK(text(events[0]) == "1 close ->- (100,210]");
  CHECK(events[0].connection.outcome == Outcome::closed);
}

TEST_CASE("what an earlier session left open goes on, or ended in between", "[track]") {
  Tracker earlier;
  earlier.apply(snapshot(0, {tcp(8, listen, 80, 0), tcp(1, established, 80, 5000)}));
  earlier.apply(snapshot(1,
                         {tcp(8, listen, 80, 0),
                          tcp(1, established, 80, 5000),
                          tcp(2, established, 80, 5001),
                          tcp(3, fin_wait_2, 80, 5002)}));
  earlier.take_events();
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
  CHECK(tracker.take_events().size() == 4);
}

}  // namespace netlog_tests::track_tracker_test

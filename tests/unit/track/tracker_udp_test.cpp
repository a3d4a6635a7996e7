// SPDX-License-Identifier: MIT
// What UDP sockets exchange with their peers. Time is in milliseconds.
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"
#include "track/tracker.hpp"
#include "track/udp_flow_tracker.hpp"
#include "unit/track/tracker_fixture.hpp"

#include <map>
#include <string>

#include <fmt/format.h>

namespace netlog::track::test::udp {

using test::kMs;
using tracker::endpoint;

namespace {

constexpr ProcessId kProgram{100, 1};
constexpr std::uint64_t kCookie = 7;

FiveTuple tuple(std::uint16_t local, std::uint16_t remote) {
  return {Protocol::udp,
          endpoint(remote == 0 ? "0.0.0.0" : "192.0.2.1", local),
          remote == 0 ? endpoint("0.0.0.0", 0) : endpoint("198.51.100.7", remote)};
}

/// What socket 7, of port 4000, exchanged with a peer: 10 bytes out and 20 in by a datagram each.
UdpFlow flow(std::uint16_t remote, std::int64_t first_ms, std::int64_t last_ms) {
  UdpFlow made;
  made.incarnation = kCookie;
  made.first_ns = first_ms * kMs;
  made.last_ns = last_ms * kMs;
  made.tuple = tuple(4000, remote);
  made.sent_first = true;
  made.bytes_sent = 10;
  made.bytes_received = 20;
  made.datagrams_sent = 1;
  made.datagrams_received = 1;
  return made;
}

UdpFlow connected(UdpFlow made) {
  made.is_connected = true;
  return made;
}

SocketRow row(std::uint16_t remote) {
  SocketRow made;
  made.tuple = tuple(4000, remote);
  made.incarnation = kCookie;
  return made;
}

Snapshot tables(std::int64_t at_ms, std::vector<SocketRow> rows) {
  Snapshot taken;
  taken.tables = table_bit(TableKind::udp4);
  taken.incarnation_is_unique = true;
  taken.taken = Span{at_ms * kMs, (at_ms + 1) * kMs};
  taken.rows = std::move(rows);
  return taken;
}

/// The connections as they are known last: `id direction local > remote sent/received bytes,
/// sent/received datagrams: lifetime`.
class Seen {
 public:
  Lines of(Tracker& tracker) {
    for (const auto& event : take_events(tracker)) {
      last_[event.connection.id] = event.connection;
    }
    for (const auto& connection : tracker.take_refreshes()) {
      last_[connection.id] = connection;
    }
    CHECK(tracker.broken_invariant().empty());
    Lines lines;
    for (const auto& [id, known] : last_) {
      const auto number = [](const std::optional<std::uint64_t>& value) {
        return value ? std::to_string(*value) : std::string{"-"};
      };
      const auto& metrics = known.metrics;
      lines.push_back(fmt::format(
          "{} {} > {} {}/{} B {}/{}{}",
          name(known.direction),
          known.tuple.local.port,
          known.tuple.remote.port,
          number(metrics.bytes_sent),
          number(metrics.bytes_received),
          number(metrics.datagrams_sent),
          number(metrics.datagrams_received),
          known.closed ? fmt::format(" until {}", known.closed->at_ns / kMs) : std::string{}));
    }
    return lines;
  }
  [[nodiscard]] const Connection& at(ConnectionId id) const { return last_.at(id); }

 private:
  std::map<ConnectionId, Connection> last_;
};

}  // namespace

TEST_CASE("each peer of a socket that is not connected is a connection", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(tables(100, {row(0)}));
  auto answered = flow(54, 1050, 1060);
  answered.sent_first = false;
  tracker.apply(flow(53, 1000, 1010));
  tracker.apply(answered);
  tracker.apply(flow(53, 1900, 1901));
  CHECK(seen.of(tracker) == Lines{"listen 4000 > 0 -/- B -/-",
                                  "outbound 4000 > 53 20/40 B 2/2",
                                  "inbound 4000 > 54 10/20 B 1/1"});
  CHECK(seen.at(2).opened == Moment{1000 * kMs, 0});
  CHECK(seen.at(2).last_seen_ns == 1901 * kMs);
  CHECK(tracker.take_summed_datagrams() == 0);
}

TEST_CASE("a flow ends with its socket, when all of it was read", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(tables(100, {row(0)}));
  tracker.apply(flow(53, 200, 210));
  tracker.apply(UdpFlowsRead{300 * kMs});
  tracker.apply(tables(400, {}));
  tracker.apply(tables(500, {}));
  tracker.apply(UdpFlowsRead{450 * kMs});
  CHECK(seen.of(tracker)[1] == "outbound 4000 > 53 10/20 B 1/1");
  tracker.apply(flow(53, 390, 395));  // before the socket ended, and read later
  tracker.apply(UdpFlowsRead{1450 * kMs});
  CHECK(seen.of(tracker) ==
        Lines{"listen 4000 > 0 -/- B -/- until 401", "outbound 4000 > 53 20/40 B 2/2 until 395"});
  CHECK(seen.at(2).outcome == Outcome::closed);
}

TEST_CASE("a flow ends when it is silent, and datagrams after that begin another one", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.set_udp_timeout(2000 * kMs);
  tracker.apply(tables(0, {}));
  tracker.apply(tables(100, {row(0)}));
  tracker.apply(flow(53, 200, 210));
  tracker.apply(flow(54, 200, 3000));
  tracker.expire(5200 * kMs);  // what was exchanged until then may not have been read
  CHECK(seen.of(tracker)[1] == "outbound 4000 > 53 10/20 B 1/1");
  tracker.expire(5300 * kMs);
  tracker.apply(flow(53, 6000, 6010));
  tracker.apply(flow(54, 5001, 5002));  // not expired yet, and silent for too long
  CHECK(seen.of(tracker) == Lines{"listen 4000 > 0 -/- B -/-",
                                  "outbound 4000 > 53 10/20 B 1/1 until 210",
                                  "outbound 4000 > 54 10/20 B 1/1 until 3000",
                                  "outbound 4000 > 53 10/20 B 1/1",
                                  "outbound 4000 > 54 10/20 B 1/1"});
}

TEST_CASE("what a connected socket exchanges belongs to its own connection", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  SECTION("that a table has shown") {
    tracker.apply(tables(100, {row(53)}));
    tracker.apply(connected(flow(53, 110, 120)));
  }
  SECTION("that no table has shown") {
    tracker.apply(connected(flow(53, 110, 120)));
    tracker.apply(tables(105, {}));  // read before, and applied after
    tracker.apply(tables(200, {row(53)}));
  }
  SECTION("that only its notice shows") {
    tracker.apply(connected(flow(53, 110, 120)));
    tracker.apply(Notice{0, Moment{130 * kMs, 10 * kMs}, row(53)});
  }
  CHECK(seen.of(tracker) == Lines{"outbound 4000 > 53 10/20 B 1/1"});
  tracker.apply(tables(300, {}));
  CHECK(seen.of(tracker).front().starts_with("outbound 4000 > 53 10/20 B 1/1 until "));
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a connected socket of a namespace that is not read ends when it is silent", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(connected(flow(53, 110, 120)));
  tracker.expire(63'100 * kMs);
  CHECK(seen.of(tracker) == Lines{"outbound 4000 > 53 10/20 B 1/1"});
  tracker.expire(63'200 * kMs);
  CHECK(seen.of(tracker) == Lines{"outbound 4000 > 53 10/20 B 1/1 until 120"});
}

TEST_CASE("a connected socket that a table shows may be silent", "[track]") {
  Tracker tracker;
  tracker.apply(tables(0, {}));
  tracker.apply(connected(flow(53, 110, 120)));
  tracker.apply(tables(200, {row(53)}));
  tracker.expire(100'000 * kMs);
  CHECK(tracker.open_connections() == 1);
}

TEST_CASE("a connected socket that names another peer has a flow with it", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(connected(flow(53, 110, 120)));
  tracker.apply(flow(54, 115, 116));
  CHECK(seen.of(tracker) ==
        Lines{"outbound 4000 > 53 10/20 B 1/1", "outbound 4000 > 54 10/20 B 1/1"});
}

TEST_CASE("the first datagram that was counted proves no direction of an older socket", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(1000, {row(0)}));
  tracker.apply(UdpFlowsRead{1000 * kMs});
  tracker.apply(flow(53, 2000, 2010));
  tracker.apply(flow(54, 62'000, 62'010));  // with it nothing was exchanged for a minute
  CHECK(seen.of(tracker)[1] == "unknown 4000 > 53 10/20 B 1/1");
  CHECK(seen.of(tracker)[2] == "outbound 4000 > 54 10/20 B 1/1");
}

TEST_CASE("a flow is of the process that uses its socket", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(UdpSocketCreated{0, kCookie, 90 * kMs, Caller{{200, 1}, 1, "parent"}});
  SECTION("and no table has shown") {
    tracker.apply(SocketUser{0, kCookie, 100 * kMs, Caller{kProgram, 1, "program"}});
    tracker.apply(flow(53, 99, 110));
    CHECK(seen.of(tracker).size() == 1);
    CHECK(seen.at(1).owner == Owner{kProgram, OwnerSource::exact, {}});
  }
  SECTION("which is known later") {
    tracker.apply(flow(53, 99, 110));
    CHECK(seen.of(tracker).size() == 1);
    CHECK(seen.at(1).owner.source == OwnerSource::held);
    tracker.apply(SocketUser{0, kCookie, 120 * kMs, Caller{kProgram, 1, "program"}});
    tracker.apply(UdpFlowsRead{200 * kMs});
    CHECK(seen.of(tracker).size() == 1);
    CHECK(seen.at(1).owner == Owner{kProgram, OwnerSource::exact, {}});
  }
}

TEST_CASE("of too many peers of one socket the rest is summed in its own row", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(tables(100, {row(0)}));
  constexpr auto kMax = static_cast<std::uint16_t>(UdpFlowTracker::kMaxOfSocket);
  for (std::uint16_t peer = 1; peer <= kMax + 3; ++peer) {
    tracker.apply(flow(peer, 200, 210));
  }
  auto rest = flow(9, 200, 210);  // the kernel's table was full
  rest.is_rest = true;
  rest.datagrams_received = 5;
  tracker.apply(rest);
  CHECK(tracker.open_connections() == 1 + UdpFlowTracker::kMaxOfSocket);
  CHECK(seen.of(tracker).front() == "listen 4000 > 0 40/80 B 4/8");
  CHECK(tracker.take_summed_datagrams() == 3 * 2 + 6);
  CHECK(tracker.take_summed_datagrams() == 0);
}

TEST_CASE("flows of a session before go on, or end", "[track]") {
  Tracker before;
  before.apply(tables(0, {}));
  before.apply(tables(100, {row(0)}));
  before.apply(flow(53, 200, 210));
  take_events(before);
  const auto left = before.connections();
  REQUIRE(left.size() == 2);
  Tracker tracker{3};
  Seen seen;
  tracker.resume(left, Span{250 * kMs, 260 * kMs}, tables(300, {row(0)}));
  tracker.apply(tables(300, {row(0)}));
  tracker.apply(flow(53, 310, 320));
  CHECK(seen.of(tracker)[1] == "outbound 4000 > 53 20/40 B 2/2");
  tracker.expire(70'000 * kMs);
  CHECK(seen.of(tracker) ==
        Lines{"listen 4000 > 0 -/- B -/-", "outbound 4000 > 53 20/40 B 2/2 until 320"});
}

TEST_CASE("flows end with their network namespace, when all of them was read", "[track]") {
  Tracker tracker;
  Seen seen;
  tracker.apply(tables(0, {}));
  tracker.apply(tables(100, {row(0)}));
  tracker.apply(flow(53, 200, 210));
  tracker.end_namespace(0, Moment{300 * kMs, 0});
  tracker.apply(UdpFlowsRead{250 * kMs});
  tracker.apply(flow(53, 260, 290));
  tracker.apply(flow(54, 260, 290));
  tracker.apply(UdpFlowsRead{1250 * kMs});
  CHECK(seen.of(tracker) == Lines{"listen 4000 > 0 -/- B -/- until 300",
                                  "outbound 4000 > 53 20/40 B 2/2 until 290",
                                  "outbound 4000 > 54 10/20 B 1/1 until 290"});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a namespace with the number of another one has flows of its own", "[track]") {
  Tracker tracker;
  tracker.end_namespace(0, Moment{300 * kMs, 0});
  tracker.begin_namespace(0, 400 * kMs);
  tracker.apply(flow(53, 500, 510));
  tracker.apply(UdpFlowsRead{600 * kMs});
  tracker.apply(UdpFlowsRead{700 * kMs});
  CHECK(tracker.open_connections() == 1);
}

}  // namespace netlog::track::test::udp

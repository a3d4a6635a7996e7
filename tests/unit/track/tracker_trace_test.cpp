// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace netlog_tests::track_tracker_trace_test {

using namespace netlog;
using namespace netlog::track;

namespace {

constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;
constexpr ProcessId kClient{100, 1};
constexpr ProcessId kServer{200, 1};
constexpr ProcessId kWorker{201, 1};

using enum TcpState;
using Lines = std::vector<std::string>;

/// One socket whose changes are traced.
struct Socket {
  std::uint64_t cookie = 0;
  Direction direction = Direction::outbound;
  std::int64_t begun_ns = 0;
  bool mirrored = false;

  [[nodiscard]] SocketRow row(TcpState state) const {
    SocketRow row;
    const Endpoint client{IpAddress::v4(192, 0, 2, 1), 4000};
    const Endpoint server{IpAddress::v4(192, 0, 2, 2), 80};
    row.tuple = {Protocol::tcp, mirrored ? server : client, mirrored ? client : server};
    if (direction == Direction::listen) {
      row.tuple.remote = {};
    }
    row.incarnation = cookie;
    row.state = state;
    return row;
  }

  [[nodiscard]] Transition to(TcpState old_state,
                              TcpState new_state,
                              std::int64_t at_ns,
                              std::optional<ProcessId> caller = {}) const {
    Transition told;
    told.at_ns = at_ns;
    told.row = row(new_state);
    told.old_state = old_state;
    told.direction = direction;
    told.begun_ns = begun_ns;
    if (caller) {
      told.caller = Caller{*caller, 1, "test"};
    }
    return told;
  }
};

Transition ended(Transition told, EndCause cause, bool fin_received = false) {
  told.cause = cause;
  told.fin_received = fin_received;
  return told;
}

/// Nobody holds it: what is left of it stays with the kernel.
Transition orphaned(Transition told) {
  told.orphan = true;
  return told;
}

Snapshot audit(std::int64_t at_ns, std::vector<SocketRow> rows) {
  Snapshot taken;
  taken.tables = kTcp;
  taken.incarnation_is_unique = true;
  taken.taken = Span{at_ns, at_ns + kMs};
  taken.rows = std::move(rows);
  return taken;
}

/// Times in milliseconds; an exact one is a single number.
std::string text(const Event& event) {
  const auto state = [](std::optional<std::uint8_t> code) {
    return code ? std::string{name(static_cast<TcpState>(*code))} : std::string{"-"};
  };
  const auto at = event.at.at_ns / kMs;
  return fmt::format("{} {} {}>{} {}",
                     event.connection.id,
                     name(event.kind),
                     state(event.old_code),
                     state(event.new_code),
                     event.at.error_ns == 0
                         ? fmt::format("{}", at)
                         : fmt::format("({},{}]", (event.at.at_ns - event.at.error_ns) / kMs, at));
}

Lines texts(const std::vector<Event>& events) {
  Lines lines;
  for (const auto& event : events) {
    lines.push_back(text(event));
  }
  return lines;
}

Tracker traced_from_the_start() {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {}));
  return tracker;
}

const Socket kConnecting{1, Direction::outbound, 100 * kMs, false};
const Socket kAccepted{2, Direction::inbound, 101 * kMs, true};

}  // namespace

TEST_CASE("both ends of an orderly connection, to the nanosecond", "[track]") {
  auto tracker = traced_from_the_start();
  const auto& client = kConnecting;
  const auto& server = kAccepted;
  tracker.apply(client.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(client.to(syn_sent, established, 101 * kMs));
  tracker.apply(server.to(syn_received, established, 101 * kMs));
  tracker.apply(client.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(server.to(established, close_wait, 111 * kMs));
  tracker.apply(client.to(fin_wait_1, fin_wait_2, 112 * kMs));
  // Its process is done with it; the kernel keeps the rest.
  tracker.apply(orphaned(client.to(fin_wait_2, closed, 112 * kMs)));
  tracker.apply(server.to(close_wait, last_ack, 120 * kMs, kServer));
  tracker.apply(server.to(last_ack, closed, 121 * kMs));
  const auto events = tracker.take_events();
  CHECK(texts(events) == Lines{"1 open ->SYN_SENT 100",
                               "1 state SYN_SENT>ESTABLISHED 101",
                               "2 open ->ESTABLISHED 101",
                               "1 state ESTABLISHED>FIN_WAIT_1 110",
                               "2 state ESTABLISHED>CLOSE_WAIT 111",
                               "1 state FIN_WAIT_1>FIN_WAIT_2 112",
                               "2 state CLOSE_WAIT>LAST_ACK 120",
                               "2 close LAST_ACK>CLOSED 121",
                               "1 state FIN_WAIT_2>TIME_WAIT (120,121]"});
  const auto& one = events.back().connection;
  CHECK(one.outcome == Outcome::closed);
  CHECK(one.closed == Moment{112 * kMs, 0});
  CHECK(one.direction == Direction::outbound);
  CHECK(one.owner == Owner{kClient, OwnerSource::exact, {}});
  CHECK(one.seen_by == SeenBy::trace);
  const auto& other = events[2].connection;
  CHECK(other.outcome == Outcome::closed);
  CHECK(other.direction == Direction::inbound);
  CHECK(other.owner == Owner{kServer, OwnerSource::exact, {}});
  CHECK(other.gone);
  // TIME_WAIT ends without a word.
  tracker.apply(audit(2 * kSecond, {client.row(time_wait)}));
  tracker.apply(audit(3 * kSecond, {}));
  CHECK(texts(tracker.take_events()) == Lines{"1 close TIME_WAIT>CLOSED (2000,3001]"});
  CHECK(tracker.open_connections() == 0);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("how it ended, and by whom", "[track]") {
  struct Case {
    TcpState last;
    EndCause cause;
    bool fin_received;
    Outcome outcome;
  };
  const auto given = GENERATE(Case{syn_sent, EndCause::refused, false, Outcome::refused},
                              Case{syn_sent, EndCause::timed_out, false, Outcome::timed_out},
                              Case{syn_sent, EndCause::none, false, Outcome::aborted},
                              Case{syn_sent, EndCause::other, false, Outcome::unknown},
                              Case{established, EndCause::reset, false, Outcome::reset},
                              Case{established, EndCause::none, false, Outcome::aborted},
                              Case{established, EndCause::timed_out, false, Outcome::timed_out},
                              Case{established, EndCause::other, false, Outcome::unknown},
                              Case{close_wait, EndCause::reset, true, Outcome::reset},
                              Case{close_wait, EndCause::none, true, Outcome::aborted},
                              Case{last_ack, EndCause::none, true, Outcome::closed},
                              Case{last_ack, EndCause::reset, true, Outcome::reset},
                              Case{fin_wait_1, EndCause::timed_out, false, Outcome::timed_out},
                              Case{fin_wait_2, EndCause::reset, false, Outcome::reset},
                              Case{fin_wait_2, EndCause::none, false, Outcome::aborted},
                              Case{established, EndCause::aborted, false, Outcome::aborted},
                              Case{fin_wait_2, EndCause::none, true, Outcome::closed},
                              Case{closing, EndCause::none, true, Outcome::closed});
  CAPTURE(name(given.last), static_cast<int>(given.cause));
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  if (given.last != syn_sent) {
    tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
    if (given.last != established) {
      tracker.apply(kConnecting.to(established, given.last, 102 * kMs));
    }
  }
  tracker.apply(
      ended(kConnecting.to(given.last, closed, 103 * kMs), given.cause, given.fin_received));
  const auto events = tracker.take_events();
  CHECK(events.back().connection.outcome == given.outcome);
  CHECK(events.back().connection.closed == Moment{103 * kMs, 0});
}

TEST_CASE("a peer on this host that aborts resets what is left of the other end", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 111 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 111 * kMs)));
  tracker.apply(kAccepted.to(established, close_wait, 110 * kMs));
  tracker.apply(kAccepted.to(close_wait, closed, 130 * kMs, kServer));
  std::map<ConnectionId, Outcome> outcomes;
  for (const auto& event : tracker.take_events()) {
    outcomes[event.connection.id] = event.connection.outcome;
  }
  CHECK(outcomes == std::map<ConnectionId, Outcome>{{1, Outcome::reset}, {2, Outcome::aborted}});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("the rest of a socket whose peer is elsewhere is followed by the audit", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 112 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 112 * kMs)));
  tracker.take_events();
  tracker.apply(audit(kSecond, {kConnecting.row(fin_wait_2)}));
  CHECK(tracker.take_events().empty());
  SECTION("into TIME_WAIT") {
    tracker.apply(audit(2 * kSecond, {kConnecting.row(time_wait)}));
    const auto events = tracker.take_events();
    CHECK(texts(events) == Lines{"1 state FIN_WAIT_2>TIME_WAIT (112,2001]"});
    CHECK(events[0].connection.closed == Moment{112 * kMs, 0});
    CHECK(events[0].connection.outcome == Outcome::closed);
  }
  SECTION("out of sight: a FIN or a RST") {
    tracker.apply(audit(2 * kSecond, {}));
    const auto events = tracker.take_events();
    CHECK(texts(events) == Lines{"1 close FIN_WAIT_2>CLOSED 112"});
    CHECK(events[0].connection.outcome == Outcome::unknown);
    CHECK(events[0].connection.outcome_why == UnknownOutcome::peer_end_unseen);
  }
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a table that was read before the rest was settled does not unsettle it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 112 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 112 * kMs)));
  tracker.apply(kAccepted.to(close_wait, last_ack, 1002 * kMs, kServer));
  tracker.apply(kAccepted.to(last_ack, closed, 1003 * kMs));
  tracker.take_events();
  tracker.apply(audit(1000 * kMs, {kConnecting.row(fin_wait_2), kAccepted.row(close_wait)}));
  CHECK(tracker.take_events().empty());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("orphans that outlive the last process of their namespace are told on", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kConnecting.to(established, fin_wait_1, 500 * kMs, kClient));
  tracker.end_namespace(0, Moment{kSecond, 500 * kMs});
  tracker.apply(
      ended(orphaned(kConnecting.to(fin_wait_1, closed, 60 * kSecond)), EndCause::timed_out));
  const auto events = tracker.take_events();
  CHECK(texts(events).back() == "1 close FIN_WAIT_1>CLOSED 60000");
  CHECK(events.back().connection.id == 1);
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a socket that is connected again unseen is not hidden by its last end", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(ended(kConnecting.to(syn_sent, closed, 101 * kMs), EndCause::refused));
  tracker.take_events();
  tracker.apply(audit(kSecond, {kConnecting.row(established)}));
  CHECK(texts(tracker.take_events()) == Lines{"2 open ->ESTABLISHED (0,1001]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{1, 0, 0});
}

TEST_CASE("a clock that is slowed does not turn an end and its beginning around", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(ended(kConnecting.to(syn_sent, closed, 100 * kMs - 50), EndCause::refused));
  const auto events = tracker.take_events();
  CHECK(events.back().connection.closed == Moment{100 * kMs, 0});
}

TEST_CASE("an accepted socket belongs to whom uses it", "[track]") {
  auto tracker = traced_from_the_start();
  const Socket listening{9, Direction::listen, 10 * kMs, true};
  tracker.apply(listening.to(closed, listen, 10 * kMs, kServer));
  // Who called listen(2) may have made it for others; who holds it has not.
  auto row = listening.row(listen);
  row.holder_key = 66;
  tracker.apply(audit(50 * kMs, {row}));
  REQUIRE(tracker.owner_queries(10).size() == 1);
  CHECK(tracker.owner_queries(10)[0].likely_pids == std::vector<std::uint32_t>{kServer.pid});
  const bool searched = GENERATE(false, true);
  if (searched) {
    tracker.resolve(66, kServer, Moment{52 * kMs, 0});
  }
  tracker.apply(kAccepted.to(syn_received, established, 101 * kMs));
  auto events = tracker.take_events();
  REQUIRE(events.size() == 2);
  CHECK(events[0].connection.owner == Owner{kServer, OwnerSource::exact, {}});
  const auto guess = searched ? Owner{kServer, OwnerSource::inherited, {}} : Owner{};
  CHECK(events[1].connection.owner == guess);

  SECTION("a worker that closes it") {
    tracker.apply(kAccepted.to(established, fin_wait_1, 120 * kMs, kWorker));
    events = tracker.take_events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == EventKind::owner);
    CHECK(events[0].old_owner == guess.process);
    CHECK(events[0].connection.owner == Owner{kWorker, OwnerSource::exact, {}});
  }
  SECTION("a worker that lets go of it after the peer's reset") {
    tracker.apply(ended(kAccepted.to(established, closed, 120 * kMs), EndCause::reset));
    tracker.take_events();
    tracker.apply(LastCloser{0, kAccepted.cookie, Caller{kWorker, 1, "worker"}});
    const auto refreshed = tracker.take_refreshes();
    REQUIRE(refreshed.size() == 1);
    CHECK(refreshed[0].owner == Owner{kWorker, OwnerSource::exact, {}});
    CHECK(refreshed[0].gone);
  }
  SECTION("the last to let go of a listener is not its owner") {
    tracker.apply(listening.to(listen, closed, 130 * kMs, kWorker));
    events = tracker.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == EventKind::close);
    CHECK(events[0].connection.owner.process == kServer);
  }
  SECTION("the search tells live what the trace learns at the close") {
    auto accepted = kAccepted.row(established);
    accepted.holder_key = 77;
    tracker.apply(audit(kSecond, {accepted, row}));
    REQUIRE(tracker.owner_queries(10).size() == (searched ? 1 : 2));
    tracker.resolve(77, kWorker, Moment{kSecond, 0});
    events = tracker.take_events();
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == EventKind::owner);
    CHECK(events[0].connection.owner == Owner{kWorker, OwnerSource::exact, {}});
  }
}

TEST_CASE("a socket is handed to a child", "[track]") {
  auto tracker = traced_from_the_start();
  SECTION("before it connects: the one who connects") {
    tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kWorker));
    CHECK(tracker.take_events()[0].connection.owner.process == kWorker);
  }
  SECTION("afterwards: both, in order") {
    tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kServer));
    tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
    tracker.take_events();
    tracker.apply(kConnecting.to(established, fin_wait_1, 120 * kMs, kWorker));
    const auto events = tracker.take_events();
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == EventKind::owner);
    CHECK(events[0].old_owner == kServer);
    CHECK(events[0].connection.owner.process == kWorker);
  }
}

TEST_CASE("a socket that is connected again is another connection", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(ended(kConnecting.to(syn_sent, closed, 101 * kMs), EndCause::refused));
  auto again = kConnecting;
  again.begun_ns = 200 * kMs;
  tracker.apply(again.to(closed, syn_sent, 200 * kMs, kClient));
  tracker.apply(again.to(syn_sent, established, 201 * kMs));
  CHECK(texts(tracker.take_events()) == Lines{"1 open ->SYN_SENT 100",
                                              "1 close SYN_SENT>CLOSED 101",
                                              "2 open ->SYN_SENT 200",
                                              "2 state SYN_SENT>ESTABLISHED 201"});
  tracker.apply(audit(kSecond, {again.row(established)}));
  CHECK(tracker.take_events().empty());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("an audit shows nothing that is newer than what was told, nor older", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kAccepted.to(syn_received, established, 101 * kMs));
  tracker.take_events();
  // Told after the table was read, handed over before it.
  tracker.apply(ended(kConnecting.to(established, closed, 1002 * kMs), EndCause::reset));
  tracker.apply(kAccepted.to(established, close_wait, 1002 * kMs));
  tracker.apply(audit(1001 * kMs, {kConnecting.row(established), kAccepted.row(established)}));
  CHECK(texts(tracker.take_events()) ==
        Lines{"1 close ESTABLISHED>CLOSED 1002", "2 state ESTABLISHED>CLOSE_WAIT 1002"});
  // Told, and not in the table yet.
  tracker.apply(ended(kAccepted.to(close_wait, closed, 1503 * kMs), EndCause::reset));
  auto next = kConnecting;
  next.cookie = 3;
  next.begun_ns = 1504 * kMs;
  tracker.apply(next.to(closed, syn_sent, 1504 * kMs, kClient));
  tracker.take_events();
  tracker.apply(audit(1501 * kMs, {}));
  CHECK(tracker.take_events().empty());
  CHECK(tracker.open_connections() == 1);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a handshake read before the socket that follows it was told is no other one",
          "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kAccepted.to(syn_received, established, 1002 * kMs));
  auto handshake = kAccepted;
  handshake.cookie = 7;
  SECTION("which is open") {}
  SECTION("which is over") {
    tracker.apply(ended(kAccepted.to(established, closed, 1003 * kMs), EndCause::reset));
  }
  tracker.take_events();
  tracker.apply(audit(1001 * kMs, {handshake.row(syn_received)}));
  CHECK(tracker.take_events().empty());
  // Read long after: the peer begins anew.
  tracker.apply(audit(2 * kSecond, {handshake.row(syn_received)}));
  const auto begun = texts(tracker.take_events());
  CHECK(std::find(begun.begin(), begun.end(), "2 open ->SYN_RECEIVED (1001,2001]") != begun.end());
}

TEST_CASE("what the trace lost the audit restores, with bounds, and counts", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.take_events();
  SECTION("a state") {
    tracker.apply(audit(kSecond, {kConnecting.row(close_wait)}));
    CHECK(texts(tracker.take_events()) == Lines{"1 state ESTABLISHED>CLOSE_WAIT (101,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 1, 0});
  }
  SECTION("an end") {
    tracker.apply(audit(kSecond, {}));
    const auto events = tracker.take_events();
    CHECK(texts(events) == Lines{"1 close ESTABLISHED>CLOSED (101,1001]"});
    CHECK(events[0].connection.outcome == Outcome::unknown);
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 0, 1});
    // A walk can miss a socket on its way into TIME_WAIT.
    for (const auto second : {2, 3, 40, 61}) {
      tracker.apply(audit(second * kSecond, {kConnecting.row(time_wait)}));
    }
    CHECK(tracker.take_events().empty());
  }
  SECTION("an opening") {
    tracker.apply(audit(kSecond, {kConnecting.row(established), kAccepted.row(established)}));
    CHECK(texts(tracker.take_events()) == Lines{"2 open ->ESTABLISHED (0,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{1, 0, 0});
  }
  SECTION("a handshake is not traced, and no disagreement") {
    tracker.apply(audit(kSecond, {kConnecting.row(established), kAccepted.row(syn_received)}));
    CHECK(texts(tracker.take_events()) == Lines{"2 open ->SYN_RECEIVED (0,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{});
    tracker.apply(kAccepted.to(syn_received, established, 1100 * kMs));
    CHECK(texts(tracker.take_events()) == Lines{"2 state SYN_RECEIVED>ESTABLISHED 1100"});
  }
}

TEST_CASE("what comes after a loss says what was lost before it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(established, fin_wait_1, 150 * kMs, kClient));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 160 * kMs)));
  CHECK(texts(tracker.take_events()) == Lines{"1 open ->- 100",
                                              "1 state ->ESTABLISHED (100,150]",
                                              "1 state ESTABLISHED>FIN_WAIT_1 150",
                                              "1 state FIN_WAIT_1>FIN_WAIT_2 (150,160]"});
}

TEST_CASE("a connect that was not told is known from what came of it", "[track]") {
  auto tracker = traced_from_the_start();
  SECTION("nothing has shown it") {
    tracker.apply(kConnecting.to(syn_sent, established, 150 * kMs, kClient));
    CHECK(texts(tracker.take_events()) ==
          Lines{"1 open ->SYN_SENT 100", "1 state SYN_SENT>ESTABLISHED 150"});
  }
  SECTION("a table has") {
    tracker.apply(audit(120 * kMs, {kConnecting.row(syn_sent)}));
    tracker.apply(kConnecting.to(syn_sent, established, 150 * kMs, kClient));
    const auto events = tracker.take_events();
    CHECK(texts(events) == Lines{"1 open ->SYN_SENT (0,121]", "1 state SYN_SENT>ESTABLISHED 150"});
    CHECK(events.back().connection.owner.process == kClient);
  }
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("what was there before the trace is polled until it ends", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {kConnecting.row(established)}));
  tracker.apply(audit(kSecond, {kConnecting.row(close_wait)}));
  tracker.apply(audit(2 * kSecond, {}));
  CHECK(texts(tracker.take_events()) == Lines{"1 present ->ESTABLISHED (0,1]",
                                              "1 state ESTABLISHED>CLOSE_WAIT (0,1001]",
                                              "1 close CLOSE_WAIT>CLOSED (1000,2001]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("tp_btf tells changes of older sockets, too", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {kConnecting.row(established)}));
  auto older = kConnecting.to(established, close_wait, 50 * kMs);
  older.begun_ns.reset();
  older.direction = Direction::unknown;
  tracker.apply(older);
  CHECK(texts(tracker.take_events()) ==
        Lines{"1 present ->ESTABLISHED (0,1]", "1 state ESTABLISHED>CLOSE_WAIT 50"});
}

TEST_CASE("a row that came before its opening was told is the same socket", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(audit(100 * kMs, {kConnecting.row(syn_sent)}));
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 102 * kMs));
  CHECK(texts(tracker.take_events()) ==
        Lines{"1 open ->SYN_SENT (0,101]", "1 state SYN_SENT>ESTABLISHED 102"});
}

TEST_CASE("when the trace ends, tables and notices tell", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.take_events();
  tracker.end_trace();
  tracker.apply(audit(105 * kMs, {kConnecting.row(close_wait)}));
  CHECK(texts(tracker.take_events()) == Lines{"1 state ESTABLISHED>CLOSE_WAIT (101,106]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("TIME_WAIT in a namespace that nobody reads is over after its time", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  // Found, and not to be read.
  tracker.begin_namespace(0, 0);
  auto end = ended(kConnecting.to(fin_wait_2, closed, 112 * kMs), EndCause::none, true);
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 111 * kMs));
  tracker.apply(end);
  tracker.take_events();
  tracker.expire(60 * kSecond);
  CHECK(tracker.take_events().empty());
  tracker.expire(62 * kSecond);
  CHECK(texts(tracker.take_events()) == Lines{"1 close TIME_WAIT>CLOSED (112,62000]"});
}

TEST_CASE("a UDP socket has the owner and the time of its birth", "[track]") {
  constexpr TableSet kUdp4 = table_bit(TableKind::udp4);
  Tracker tracker;
  auto empty = audit(0, {});
  empty.tables = kUdp4;
  tracker.apply(empty);
  tracker.apply(UdpSocketCreated{0, 7, 50 * kMs, Caller{kClient, 1, "dig"}});
  SocketRow row;
  row.tuple = {Protocol::udp, {IpAddress::v4(192, 0, 2, 1), 5353}, {}};
  row.incarnation = 7;
  row.holder_key = 99;
  SECTION("met by a table") {
    auto later = audit(100 * kMs, {row});
    later.tables = kUdp4;
    tracker.apply(later);
  }
  SECTION("met at its end only") {
    row.holder_key = 0;
    tracker.apply(Notice{0, Moment{101 * kMs, 15 * kMs}, row});
  }
  const auto events = tracker.take_events();
  REQUIRE_FALSE(events.empty());
  CHECK(text(events[0]) == "1 open ->- (50,101]");
  CHECK(events[0].connection.owner == Owner{kClient, OwnerSource::exact, {}});
  CHECK(tracker.owner_queries(10).empty());
}

// True lives of RFC 9293 are told, some changes are lost, audits are drawn from the truth. Whatever
// was lost: each connection is recorded at most once, what is stamped as exact is exact, every
// bound holds, and states follow one another without a gap.
TEST_CASE("random lives, partly told, audited", "[track]") {
  struct Step {
    TcpState state;
    std::int64_t at_ns;
    bool told;
  };
  struct Life {
    Socket socket;
    std::vector<Step> steps;
  };
  const std::vector<std::vector<TcpState>> kWays{
      {syn_sent, established, fin_wait_1, fin_wait_2, time_wait, closed},
      {syn_sent, established, close_wait, last_ack, closed},
      {syn_sent, established, fin_wait_1, closing, time_wait, closed},
      {syn_sent, established, closed},
      {syn_sent, closed}};
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    const unsigned lost_of_100 = seed % 4 == 0 ? 0 : 10 * (seed % 4);
    std::vector<Life> lives(40);
    for (std::size_t i = 0; i < lives.size(); ++i) {
      auto& life = lives[i];
      auto at_ns = (20 + static_cast<std::int64_t>(random() % 4000)) * kMs;
      life.socket.cookie = i + 1;
      life.socket.begun_ns = at_ns;
      for (const auto state : kWays[random() % kWays.size()]) {
        const bool kernel_is_silent =
            state == closed && !life.steps.empty() && life.steps.back().state == time_wait;
        life.steps.push_back({state, at_ns, !kernel_is_silent && random() % 100 >= lost_of_100});
        at_ns += 1 + static_cast<std::int64_t>(random() % (random() % 3 == 0 ? 2000 : 20)) * kMs;
      }
    }
    const auto row_of = [&](std::size_t i, TcpState state) {
      auto row = lives[i].socket.row(state);
      row.tuple.local.port = static_cast<std::uint16_t>(2000 + i);
      return row;
    };
    auto tracker = traced_from_the_start();
    std::map<ConnectionId, std::size_t> life_of;
    std::map<std::size_t, ConnectionId> id_of;
    std::map<ConnectionId, std::optional<std::uint8_t>> state_of;
    std::int64_t told_until = 0;
    std::int64_t missed = 0;
    for (std::int64_t second = 1; second < 25; ++second) {
      const auto began_ns = second * kSecond;
      // Told until a little after the table was read.
      const auto until_ns = began_ns + 5 * kMs;
      std::vector<Transition> batch;
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& steps = lives[i].steps;
        for (std::size_t n = 0; n < steps.size(); ++n) {
          const auto& step = steps[n];
          if (!step.told || step.at_ns <= told_until || step.at_ns > until_ns) {
            continue;
          }
          const auto old_state = n == 0 ? closed : steps[n - 1].state;
          // The kernel says CLOSE where TIME_WAIT follows.
          const bool waits = step.state == time_wait;
          auto told = lives[i].socket.to(old_state, waits ? closed : step.state, step.at_ns);
          told.row = row_of(i, waits ? closed : step.state);
          told.fin_received = waits || old_state == last_ack;
          told.orphan = true;
          if (step.state == closed && old_state != last_ack) {
            told.cause = EndCause::reset;
          }
          batch.push_back(told);
        }
      }
      std::sort(batch.begin(), batch.end(), [](const auto& a, const auto& b) {
        return a.at_ns < b.at_ns;
      });
      told_until = until_ns;
      for (const auto& told : batch) {
        tracker.apply(told);
      }
      auto table = audit(began_ns, {});
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto moment = began_ns + static_cast<std::int64_t>(random() % kMs);
        const auto& steps = lives[i].steps;
        const auto next = std::find_if(
            steps.begin(), steps.end(), [&](const Step& step) { return step.at_ns > moment; });
        if (next != steps.begin() && next != steps.end()) {
          table.rows.push_back(row_of(i, (next - 1)->state));
        }
      }
      tracker.apply(table);
      const auto found = tracker.take_audit_misses();
      missed += found.opens + found.states + found.ends;
      REQUIRE(tracker.broken_invariant().empty());
      for (const auto& event : tracker.take_events()) {
        const auto id = event.connection.id;
        const auto i = event.connection.tuple.local.port - std::size_t{2000};
        CAPTURE(text(event), i);
        const auto& steps = lives[i].steps;
        const auto true_step = [&](std::optional<std::uint8_t> code) {
          return std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
            return static_cast<std::uint8_t>(step.state) == code;
          });
        };
        if (event.kind == EventKind::open) {
          REQUIRE(id_of.emplace(i, id).second);
          life_of[id] = i;
          state_of[id] = event.new_code;
          REQUIRE(event.at.at_ns >= steps.front().at_ns);
          REQUIRE(event.at.at_ns - event.at.error_ns <= steps.front().at_ns);
          continue;
        }
        REQUIRE(life_of.at(id) == i);
        REQUIRE(state_of.at(id) == event.old_code);
        REQUIRE(event.old_code != event.new_code);
        state_of[id] = event.new_code;
        const auto truth = true_step(event.new_code);
        REQUIRE(truth != steps.end());
        REQUIRE(event.at.at_ns >= truth->at_ns);
        REQUIRE(event.at.at_ns - event.at.error_ns <= truth->at_ns);
      }
    }
    REQUIRE(tracker.open_connections() == 0);
    if (lost_of_100 == 0) {
      REQUIRE(id_of.size() == lives.size());
      REQUIRE(missed == 0);
    }
  }
}

}  // namespace netlog_tests::track_tracker_trace_test

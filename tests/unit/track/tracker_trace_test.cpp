// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"
#include "unit/track/trace_fixture.hpp"

#include <map>

namespace netlog::track::test::trace {

TEST_CASE("both ends of an orderly connection are recorded to the nanosecond", "[track]") {
  auto tracker = traced_from_the_start();
  const auto& client = kConnecting;
  const auto& server = kAccepted;
  tracker.apply(client.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(client.to(syn_sent, established, 101 * kMs));
  tracker.apply(server.to(syn_received, established, 101 * kMs));
  tracker.apply(client.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(server.to(established, close_wait, 111 * kMs));
  tracker.apply(client.to(fin_wait_1, fin_wait_2, 112 * kMs));
  // Its process has closed it; the kernel keeps a minisock.
  tracker.apply(orphaned(client.to(fin_wait_2, closed, 112 * kMs)));
  tracker.apply(server.to(close_wait, last_ack, 120 * kMs, kServer));
  tracker.apply(server.to(last_ack, closed, 121 * kMs));
  const auto events = take_events(tracker);
  CHECK(texts(events) == Lines{"1 open ->SYN_SENT 100",
                               "1 state SYN_SENT>ESTABLISHED 101",
                               "1 state ESTABLISHED>FIN_WAIT_1 110",
                               "1 state FIN_WAIT_1>FIN_WAIT_2 112",
                               "1 state FIN_WAIT_2>TIME_WAIT (120,121]",
                               "2 open ->ESTABLISHED 101",
                               "2 state ESTABLISHED>CLOSE_WAIT 111",
                               "2 state CLOSE_WAIT>LAST_ACK 120",
                               "2 close LAST_ACK>CLOSED 121"});
  const auto& one = events.front().connection;
  CHECK(one.outcome == Outcome::closed);
  CHECK(one.closed == Moment{112 * kMs, 0});
  CHECK(one.direction == Direction::outbound);
  CHECK(one.owner == Owner{kClient, OwnerSource::exact, {}});
  CHECK(one.seen_by == SeenBy::trace);
  const auto& other = events.back().connection;
  CHECK(other.outcome == Outcome::closed);
  CHECK(other.direction == Direction::inbound);
  CHECK(other.owner == Owner{kServer, OwnerSource::exact, {}});
  CHECK(other.gone);
  // The end of TIME_WAIT is not traced.
  tracker.apply(audit(2 * kSecond, {client.row(time_wait)}));
  tracker.apply(audit(3 * kSecond, {}));
  CHECK(texts(take_events(tracker)) == Lines{"1 close TIME_WAIT>CLOSED (2000,3001]"});
  CHECK(tracker.open_connections() == 0);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("the cause and the last state give the outcome", "[track]") {
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
                              Case{syn_sent, EndCause::unreachable, false, Outcome::unreachable},
                              Case{established, EndCause::unreachable, false, Outcome::unreachable},
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
  const auto events = take_events(tracker);
  CHECK(events.back().connection.outcome == given.outcome);
  CHECK(events.back().connection.closed == Moment{103 * kMs, 0});
}

TEST_CASE("a failed connect says who gave up, and after what", "[track]") {
  struct Case {
    std::uint32_t retransmits;
    EndCause cause;
    std::optional<std::uint16_t> error;
    Outcome outcome;
    std::optional<UnknownOutcome> why;
  };
  const auto given = GENERATE(
      Case{0, EndCause::none, {}, Outcome::aborted, UnknownOutcome::caller_gave_up},
      Case{1, EndCause::none, {}, Outcome::timed_out, UnknownOutcome::caller_gave_up},
      Case{6, EndCause::timed_out, 110, Outcome::timed_out, UnknownOutcome::kernel_gave_up},
      Case{0, EndCause::refused, 111, Outcome::refused, {}},
      Case{2, EndCause::unreachable, 113, Outcome::unreachable, {}});
  CAPTURE(name(given.outcome), given.retransmits);
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  auto end = ended(kConnecting.to(syn_sent, closed, 103 * kMs), given.cause);
  end.row.metrics = Metrics{};
  end.row.metrics->retransmits = given.retransmits;
  end.error = given.error;
  tracker.apply(end);
  const auto connection = take_events(tracker).back().connection;
  CHECK(connection.outcome == given.outcome);
  CHECK(connection.outcome_why == given.why);
  CHECK(connection.error == given.error);
  CHECK(connection.syns == given.retransmits + 1);
}

TEST_CASE("a notice completes only what is older than the trace", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.expect_notices(0, kAllTables, 50 * kMs);
  auto older = kConnecting;
  older.cookie = 7;
  tracker.apply(audit(0, {older.row(established)}));
  CHECK(tracker.has_untraced_connections());
  tracker.apply(kAccepted.to(syn_received, established, 101 * kMs));
  tracker.apply(ended(kAccepted.to(established, closed, 200 * kMs), EndCause::reset));
  const auto notice = [&](const Socket& socket, std::int64_t at_ns) {
    auto row = socket.row(closed);
    row.metrics = Metrics{0, 0, 0, 0, 1, 1};
    row.delivery = Delivery{};
    tracker.apply(Notice{0, Moment{at_ns, kMs}, row});
  };
  notice(kAccepted, 201 * kMs);
  notice(kAccepted, 90 * kSecond);  // its process had kept it
  auto unseen = kConnecting;
  unseen.cookie = 8;
  notice(unseen, 300 * kMs);
  notice(older, 400 * kMs);
  tracker.apply(audit(kSecond, {}));
  CHECK_FALSE(tracker.has_untraced_connections());
  std::map<ConnectionId, Outcome> outcomes;
  for (const auto& event : take_events(tracker)) {
    outcomes[event.connection.id] = event.connection.outcome;
  }
  CHECK(outcomes == std::map<ConnectionId, Outcome>{{1, Outcome::reset}, {2, Outcome::reset}});
}

TEST_CASE("a peer on this host that aborts resets the orphan of the other end", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 111 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 111 * kMs)));
  tracker.apply(kAccepted.to(established, close_wait, 110 * kMs));
  tracker.apply(kAccepted.to(close_wait, closed, 130 * kMs, kServer));
  std::map<ConnectionId, Outcome> outcomes;
  for (const auto& event : take_events(tracker)) {
    outcomes[event.connection.id] = event.connection.outcome;
    if (event.kind == EventKind::close) {
      CHECK(event.at == Moment{130 * kMs, 0});  // the orphan was in FIN_WAIT_2 until then
    }
  }
  CHECK(outcomes == std::map<ConnectionId, Outcome>{{1, Outcome::reset}, {2, Outcome::aborted}});
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("snapshots follow an orphan whose peer is on another host", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 112 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 112 * kMs)));
  take_events(tracker);
  tracker.apply(audit(kSecond, {kConnecting.row(fin_wait_2)}));
  CHECK(take_events(tracker).empty());
  SECTION("into TIME_WAIT") {
    tracker.apply(audit(2 * kSecond, {kConnecting.row(time_wait)}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 state FIN_WAIT_2>TIME_WAIT (1000,2001]"});
    CHECK(events[0].connection.closed == Moment{112 * kMs, 0});
    CHECK(events[0].connection.outcome == Outcome::closed);
  }
  SECTION("out of sight: a FIN or a RST") {
    tracker.apply(audit(2 * kSecond, {}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 close FIN_WAIT_2>CLOSED (1000,2001]"});
    CHECK(events[0].connection.outcome == Outcome::unknown);
    CHECK(events[0].connection.outcome_why == UnknownOutcome::peer_end_unseen);
  }
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a table read before an orphan entered TIME_WAIT does not move it back", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs, kClient));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 112 * kMs));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 112 * kMs)));
  tracker.apply(kAccepted.to(close_wait, last_ack, 1002 * kMs, kServer));
  tracker.apply(kAccepted.to(last_ack, closed, 1003 * kMs));
  take_events(tracker);
  tracker.apply(audit(1000 * kMs, {kConnecting.row(fin_wait_2), kAccepted.row(close_wait)}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("orphans that outlive the last process of their namespace are traced on", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kConnecting.to(established, fin_wait_1, 500 * kMs, kClient));
  tracker.end_namespace(0, Moment{kSecond, 500 * kMs});
  tracker.apply(
      ended(orphaned(kConnecting.to(fin_wait_1, closed, 60 * kSecond)), EndCause::timed_out));
  const auto events = take_events(tracker);
  CHECK(texts(events).back() == "1 close FIN_WAIT_1>CLOSED 60000");
  CHECK(events.back().connection.id == 1);
  CHECK(tracker.open_connections() == 0);
}

TEST_CASE("a socket that is connected again unseen is not hidden by its last end", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(ended(kConnecting.to(syn_sent, closed, 101 * kMs), EndCause::refused));
  take_events(tracker);
  tracker.apply(audit(kSecond, {kConnecting.row(established)}));
  CHECK(texts(take_events(tracker)) == Lines{"2 open ->ESTABLISHED (0,1001]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{1, 0, 0, 0});
}

TEST_CASE("a transition that is stamped before the last one does not end before it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(ended(kConnecting.to(syn_sent, closed, 100 * kMs - 50), EndCause::refused));
  const auto events = take_events(tracker);
  CHECK(events.back().connection.closed == Moment{100 * kMs, 0});
}

TEST_CASE("an accepted socket belongs to the process that uses it", "[track]") {
  auto tracker = traced_from_the_start();
  const Socket listening{9, Direction::listen, 10 * kMs, true};
  tracker.apply(listening.to(closed, listen, 10 * kMs, kServer));
  // The process that called listen(2) may have created it for others; its holder has not.
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
  auto events = take_events(tracker);
  REQUIRE(events.size() == 2);
  CHECK(events[0].connection.owner == Owner{kServer, OwnerSource::exact, {}});
  const auto guess = searched ? Owner{kServer, OwnerSource::inherited, {}} : Owner{};
  CHECK(events[1].connection.owner == guess);

  SECTION("a worker that closes it") {
    tracker.apply(kAccepted.to(established, fin_wait_1, 120 * kMs, kWorker));
    events = take_events(tracker);
    REQUIRE(events.size() == 2);
    CHECK(events[0].kind == EventKind::owner);
    CHECK(events[0].old_owner == guess.process);
    CHECK(events[0].connection.owner == Owner{kWorker, OwnerSource::exact, {}});
  }
  SECTION("a worker that closes it after the peer's reset") {
    tracker.apply(ended(kAccepted.to(established, closed, 120 * kMs), EndCause::reset));
    take_events(tracker);
    tracker.apply(LastCloser{0, kAccepted.cookie, 130 * kMs, Caller{kWorker, 1, "worker"}, {}});
    const auto refreshed = tracker.take_refreshes();
    REQUIRE(refreshed.size() == 1);
    CHECK(refreshed[0].owner == Owner{kWorker, OwnerSource::held, {}});
    CHECK(refreshed[0].gone);
  }
  SECTION("the last process that closes a listener is not its owner") {
    tracker.apply(listening.to(listen, closed, 130 * kMs, kWorker));
    events = take_events(tracker);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == EventKind::close);
    CHECK(events[0].connection.owner.process == kServer);
  }
  SECTION("the search finds before the close what the trace learns at the close") {
    auto accepted = kAccepted.row(established);
    accepted.holder_key = 77;
    tracker.apply(audit(kSecond, {accepted, row}));
    REQUIRE(tracker.owner_queries(10).size() == (searched ? 1 : 2));
    tracker.resolve(77, kWorker, Moment{kSecond, 0});
    events = take_events(tracker);
    REQUIRE(events.size() == 1);
    CHECK(events[0].kind == EventKind::owner);
    CHECK(events[0].connection.owner == Owner{kWorker, OwnerSource::held, {}});
  }
  SECTION("a worker that reads from it, before it is closed and after") {
    const bool closes = GENERATE(false, true);
    if (closes) {
      tracker.apply(ended(kAccepted.to(established, closed, 120 * kMs), EndCause::reset));
    }
    tracker.apply(SocketUser{0, kAccepted.cookie, 130 * kMs, Caller{kWorker, 1, "worker"}});
    take_events(tracker);
    const auto refreshed = tracker.take_refreshes();
    if (closes) {
      REQUIRE(refreshed.size() == 1);
      CHECK(refreshed[0].owner == Owner{kWorker, OwnerSource::exact, {}});
    } else {
      CHECK(tracker.connections().back().owner.source == OwnerSource::exact);
    }
  }
}

TEST_CASE("a process uses a socket that is not known yet", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(SocketUser{0, 7, 5 * kMs, Caller{kWorker, 1, "worker"}});
  SocketRow row = kConnecting.row(established);
  row.incarnation = 7;
  row.holder_key = 77;
  tracker.apply(audit(50 * kMs, {row}));
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].connection.owner == Owner{kWorker, OwnerSource::exact, {}});
  CHECK(tracker.owner_queries(10).empty());
}

TEST_CASE("a socket is handed to a child", "[track]") {
  auto tracker = traced_from_the_start();
  SECTION("before it connects: the one who connects") {
    tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kWorker));
    CHECK(take_events(tracker)[0].connection.owner.process == kWorker);
  }
  SECTION("afterwards: both, in order") {
    tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kServer));
    tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
    take_events(tracker);
    tracker.apply(kConnecting.to(established, fin_wait_1, 120 * kMs, kWorker));
    const auto events = take_events(tracker);
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
  CHECK(texts(take_events(tracker)) == Lines{"1 open ->SYN_SENT 100",
                                             "1 close SYN_SENT>CLOSED 101",
                                             "2 open ->SYN_SENT 200",
                                             "2 state SYN_SENT>ESTABLISHED 201"});
  tracker.apply(audit(kSecond, {again.row(established)}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

}  // namespace netlog::track::test::trace

// SPDX-License-Identifier: MIT
// TIME_WAIT under the trace, where tables with its rows are rare.
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"
#include "unit/track/trace_fixture.hpp"

namespace netlog_tests::track_tracker_time_wait_test {

using namespace netlog;
using namespace netlog::track;
using namespace netlog::track::test;
using namespace netlog::track::test::trace;

namespace {

/// Tables without TIME_WAIT rows.
Snapshot light_audit(std::int64_t at_ns, std::vector<SocketRow> rows) {
  auto taken = audit(at_ns, std::move(rows));
  taken.covers_time_wait = false;
  return taken;
}

/// A connection in FIN_WAIT_2 since 111 ms.
Tracker in_fin_wait_2() {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kConnecting.to(established, fin_wait_1, 110 * kMs));
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 111 * kMs));
  return tracker;
}

/// A connection that has been in TIME_WAIT since 112 ms.
Tracker with_time_wait() {
  auto tracker = in_fin_wait_2();
  tracker.apply(ended(kConnecting.to(fin_wait_2, closed, 112 * kMs), EndCause::none, true));
  take_events(tracker);
  return tracker;
}

/// An orphan in FIN_WAIT_2 since 112 ms, whose peer is on another host.
Tracker with_orphan() {
  auto tracker = in_fin_wait_2();
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 112 * kMs)));
  take_events(tracker);
  return tracker;
}

/// The next use of the tuple of `kConnecting`.
const Socket kNext{3, Direction::outbound, 5 * kSecond, false};

}  // namespace

TEST_CASE("a traced TIME_WAIT lasts through tables without it, and ends in the next with it",
          "[track]") {
  auto tracker = with_time_wait();
  for (std::int64_t second = 1; second < 30; ++second) {
    tracker.apply(light_audit(second * kSecond, {}));
    tracker.expire(second * kSecond);
  }
  CHECK(take_events(tracker).empty());
  CHECK_FALSE(tracker.awaits_time_wait());
  CHECK(tracker.time_wait_connections() == 1);
  tracker.apply(audit(30 * kSecond, {kConnecting.row(time_wait)}));
  for (std::int64_t second = 31; second < 75; ++second) {
    tracker.apply(light_audit(second * kSecond, {}));
    tracker.expire(second * kSecond);
  }
  CHECK(take_events(tracker).empty());
  tracker.apply(audit(75 * kSecond, {}));
  const auto events = take_events(tracker);
  CHECK(texts(events) == Lines{"1 close TIME_WAIT>CLOSED (30000,75001]"});
  CHECK(events[0].connection.closed == Moment{112 * kMs, 0});
  CHECK(events[0].connection.outcome == Outcome::closed);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("an orphan that the kernel gave up ends though notices are expected", "[track]") {
  auto tracker = with_orphan();
  tracker.expect_notices(0, kAllTables, 50 * kMs);  // for connections from before the trace
  tracker.apply(audit(kSecond, {kConnecting.row(fin_wait_2)}));
  take_events(tracker);
  for (std::int64_t second = 60; second < 64; ++second) {
    tracker.apply(audit(second * kSecond, {}));
  }
  CHECK(tracker.open_connections() == 0);
  const auto events = take_events(tracker);
  REQUIRE(events.size() == 1);
  CHECK(events[0].kind == EventKind::close);
}

TEST_CASE("a TIME_WAIT that one walk has missed is not another connection", "[track]") {
  auto tracker = with_time_wait();
  tracker.apply(audit(10 * kSecond, {}));
  CHECK(texts(take_events(tracker)) == Lines{"1 close TIME_WAIT>CLOSED (112,10001]"});
  for (std::int64_t second = 11; second < 40; ++second) {
    tracker.apply(light_audit(second * kSecond, {}));
  }
  tracker.apply(audit(40 * kSecond, {kConnecting.row(time_wait)}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a new socket with its tuple ends a TIME_WAIT without any table", "[track]") {
  auto tracker = with_time_wait();
  tracker.apply(kNext.to(closed, syn_sent, 5 * kSecond, kClient));
  tracker.apply(kNext.to(syn_sent, established, 5001 * kMs));
  CHECK(texts(take_events(tracker)) == Lines{"2 open ->SYN_SENT 5000",
                                             "2 state SYN_SENT>ESTABLISHED 5001",
                                             "1 close TIME_WAIT>CLOSED (112,5000]"});
  CHECK(tracker.time_wait_connections() == 0);
  // A table that was read while it was freed still shows it.
  tracker.apply(audit(4999 * kMs, {kConnecting.row(time_wait), kNext.row(established)}));
  CHECK(take_events(tracker).empty());
  // The second use comes to TIME_WAIT as the first one did.
  tracker.apply(kNext.to(established, fin_wait_1, 6 * kSecond));
  tracker.apply(kNext.to(fin_wait_1, fin_wait_2, 6001 * kMs));
  tracker.apply(ended(kNext.to(fin_wait_2, closed, 6002 * kMs), EndCause::none, true));
  take_events(tracker);
  tracker.apply(audit(7 * kSecond, {kNext.row(time_wait)}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.time_wait_connections() == 1);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a connect that finds its tuple in TIME_WAIT does not end it", "[track]") {
  auto tracker = with_time_wait();
  tracker.apply(kNext.to(closed, syn_sent, 5 * kSecond, kClient));
  CHECK(texts(take_events(tracker)) == Lines{"2 open ->SYN_SENT 5000"});
  CHECK(tracker.time_wait_connections() == 1);
}

TEST_CASE("sockets of two devices with one tuple do not end one another", "[track]") {
  auto tracker = with_time_wait();
  tracker.apply(audit(6 * kSecond, {kConnecting.row(time_wait)}));
  tracker.apply(kNext.to(closed, syn_sent, 5 * kSecond, kClient));
  tracker.apply(kNext.to(syn_sent, established, 6500 * kMs));
  CHECK(texts(take_events(tracker)) ==
        Lines{"2 open ->SYN_SENT 5000", "2 state SYN_SENT>ESTABLISHED 6500"});
  CHECK(tracker.time_wait_connections() == 1);
}

TEST_CASE("tables show TIME_WAIT as before once the trace is lost or detached", "[track]") {
  auto tracker = with_time_wait();
  tracker.apply(light_audit(kSecond, {}));
  SECTION("lost: all tables are read at once, the trace goes on") {}
  SECTION("detached") {
    tracker.end_trace();
  }
  tracker.apply(audit(2 * kSecond, {kConnecting.row(time_wait)}));
  CHECK(take_events(tracker).empty());
  tracker.apply(audit(3 * kSecond, {}));
  CHECK(texts(take_events(tracker)) == Lines{"1 close TIME_WAIT>CLOSED (2000,3001]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("an orphan that tables without TIME_WAIT lack awaits one with it", "[track]") {
  auto tracker = with_orphan();
  tracker.apply(light_audit(kSecond, {kConnecting.row(fin_wait_2)}));
  CHECK_FALSE(tracker.awaits_time_wait());
  tracker.apply(light_audit(2 * kSecond, {}));
  CHECK(tracker.awaits_time_wait());
  SECTION("one walk has missed it") {
    tracker.apply(light_audit(3 * kSecond, {kConnecting.row(fin_wait_2)}));
    CHECK_FALSE(tracker.awaits_time_wait());
    tracker.apply(audit(4 * kSecond, {kConnecting.row(time_wait)}));
    CHECK(texts(take_events(tracker)) == Lines{"1 state FIN_WAIT_2>TIME_WAIT (3000,4001]"});
  }
  SECTION("it is in TIME_WAIT, since two tables have lacked it") {
    tracker.apply(light_audit(3 * kSecond, {}));
    tracker.apply(light_audit(4 * kSecond, {}));
    CHECK(take_events(tracker).empty());
    tracker.apply(audit(9 * kSecond, {kConnecting.row(time_wait)}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 state FIN_WAIT_2>TIME_WAIT (1000,3001]"});
    CHECK(events[0].connection.closed == Moment{112 * kMs, 0});
    CHECK(events[0].connection.outcome == Outcome::closed);
  }
  SECTION("it is gone, perhaps by way of TIME_WAIT") {
    tracker.apply(audit(4 * kSecond, {}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 close FIN_WAIT_2>CLOSED (1000,4001]"});
    CHECK(events[0].connection.outcome_why == UnknownOutcome::peer_end_unseen);
  }
  CHECK_FALSE(tracker.awaits_time_wait());
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("what the trace has lost awaits a table with TIME_WAIT, and is missed since then",
          "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(light_audit(kSecond, {kConnecting.row(established)}));
  take_events(tracker);
  tracker.apply(light_audit(2 * kSecond, {}));
  tracker.apply(light_audit(3 * kSecond, {}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.awaits_time_wait());
  SECTION("it is there") {
    tracker.apply(audit(9 * kSecond, {kConnecting.row(time_wait)}));
    CHECK(texts(take_events(tracker)) == Lines{"1 state ESTABLISHED>TIME_WAIT (1000,3001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 1, 0, kSecond});
  }
  SECTION("it is gone") {
    tracker.apply(audit(9 * kSecond, {}));
    CHECK(texts(take_events(tracker)) == Lines{"1 close ESTABLISHED>CLOSED (1000,2001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 0, 1, kSecond});
  }
  CHECK_FALSE(tracker.awaits_time_wait());
}

TEST_CASE("connections older than the trace end as without it", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  auto leftover = kAccepted;
  leftover.cookie = 9;
  tracker.apply(audit(0, {kConnecting.row(established), leftover.row(time_wait)}));
  take_events(tracker);
  for (std::int64_t second = 1; second < 5; ++second) {
    tracker.apply(light_audit(second * kSecond, {kConnecting.row(established)}));
  }
  CHECK(take_events(tracker).empty());
  CHECK_FALSE(tracker.awaits_time_wait());
  tracker.apply(light_audit(5 * kSecond, {}));
  CHECK(tracker.awaits_time_wait());
  tracker.apply(audit(6 * kSecond, {kConnecting.row(time_wait)}));
  CHECK(texts(take_events(tracker)) ==
        Lines{"1 state ESTABLISHED>TIME_WAIT (4000,5001]", "2 close TIME_WAIT>CLOSED (0,6001]"});
}

}  // namespace netlog_tests::track_tracker_time_wait_test

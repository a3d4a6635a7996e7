// SPDX-License-Identifier: MIT
#include "track/trace_history.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"
#include "track/expected_notices.hpp"

namespace netlog::track::test::trace_history {

using enum TcpState;

TEST_CASE("TraceHistory knows rows of sockets that the trace has closed", "[track]") {
  TraceHistory trace;
  const auto row = tcp_row(1, established, 4000, 443, 77);
  const auto at = [](std::int64_t ms) { return tcp_snapshot(ms * kMs, {}); };
  CHECK_FALSE(trace.has_closed(row, by_cookie(1), at(100)));
  trace.add_close(by_cookie(1), 100 * kMs);
  CHECK(trace.has_closed(row, by_cookie(1), at(90)));
  CHECK(trace.has_closed(row, by_cookie(1), at(110)));  // the trace reports a close early
  CHECK_FALSE(trace.has_closed(row, by_cookie(1), at(111)));
  CHECK_FALSE(trace.has_closed(row, by_cookie(2), at(90)));
  trace.forget_close(by_cookie(1));
  CHECK_FALSE(trace.has_closed(row, by_cookie(1), at(90)));
}

TEST_CASE("TraceHistory knows the minisock of a closed socket for as long as it is shown",
          "[track]") {
  TraceHistory trace;
  trace.add_close(by_cookie(1), kSecond);
  const auto minisock = tcp_row(1, time_wait, 4000, 443);
  for (std::int64_t second = 2; second < 60; ++second) {
    const auto snapshot = tcp_snapshot(second * kSecond, {});
    CAPTURE(second);
    REQUIRE(trace.has_closed(minisock, by_cookie(1), snapshot));
    trace.forget_before(snapshot.taken.began_ns);
  }
  trace.forget_before(125 * kSecond);
  CHECK_FALSE(trace.has_closed(minisock, by_cookie(1), tcp_snapshot(125 * kSecond, {})));
}

TEST_CASE(
    "TraceHistory knows a minisock that tables with TIME_WAIT rows may show half a minute later",
    "[track]") {
  TraceHistory trace;
  trace.add_ended_minisock(by_cookie(1), 10 * kSecond);
  trace.forget_before(39 * kSecond);
  const auto snapshot = tcp_snapshot(40 * kSecond, {});
  CHECK_FALSE(trace.has_closed(tcp_row(1, established, 4000, 443), by_cookie(1), snapshot));
  CHECK(trace.has_closed(tcp_row(1, time_wait, 4000, 443), by_cookie(1), snapshot));
  CHECK(trace.has_closed_since(by_cookie(1), 10 * kSecond));
  trace.forget_close(by_cookie(1));
  CHECK_FALSE(trace.has_closed(tcp_row(1, time_wait, 4000, 443), by_cookie(1), snapshot));
}

TEST_CASE("TraceHistory forgets a close although the socket was used again in between", "[track]") {
  TraceHistory trace;
  trace.add_close(by_cookie(1), kSecond);
  trace.add_close(by_cookie(2), 2 * kSecond);
  trace.forget_close(by_cookie(1));
  trace.add_close(by_cookie(1), 20 * kSecond);
  trace.forget_before(21 * kSecond);
  const auto early = tcp_snapshot(0, {});
  CHECK_FALSE(trace.has_closed(tcp_row(2, established, 4000, 443), by_cookie(2), early));
  CHECK(trace.has_closed(tcp_row(1, established, 4000, 443), by_cookie(1), early));
}

TEST_CASE("TraceHistory says when the trace may know more than a snapshot", "[track]") {
  Entry entry;
  CHECK_FALSE(TraceHistory::covers(entry, tcp_snapshot(0, {})));
  entry.traced_ns = 100 * kMs;
  CHECK(TraceHistory::covers(entry, tcp_snapshot(100 * kMs, {})));
  CHECK(TraceHistory::covers(entry, tcp_snapshot(110 * kMs, {})));
  CHECK_FALSE(TraceHistory::covers(entry, tcp_snapshot(110 * kMs + 1, {})));
}

TEST_CASE("TraceHistory counts opens that the trace should have reported", "[track]") {
  TraceHistory trace;
  const auto row = tcp_row(1, established, 4000, 443);
  const Span before{100, 110};
  trace.audit_open(row, before);  // the trace has not begun
  trace.begin();
  trace.audit_open(row, std::nullopt);                          // the first poll
  trace.audit_open(tcp_row(2, syn_sent, 4001, 443), before);    // not every trace reports it
  trace.audit_open(tcp_row(3, syn_received, 80, 443), before);  // no trace reports it
  CHECK(trace.take_audit_misses() == AuditMisses{});
  trace.audit_open(row, before);
  trace.audit_state(90);
  trace.audit_end(95);
  trace.audit_end(120);
  CHECK(trace.take_audit_misses() == AuditMisses{1, 1, 2, 90});
  CHECK(trace.take_audit_misses() == AuditMisses{});

  SECTION("after a resume, from the first poll of this session on") {
    trace.set_resumed(110);
    trace.audit_open(row, before);
    CHECK(trace.take_audit_misses() == AuditMisses{});
    trace.audit_open(row, Span{200, 210});
    CHECK(trace.take_audit_misses() == AuditMisses{1, 0, 0, 200});
  }
  SECTION("the earlier session may have ended before this boot") {
    trace.set_resumed(-5 * kSecond);
    trace.audit_open(row, Span{-6 * kSecond, -5 * kSecond});
    CHECK(trace.take_audit_misses() == AuditMisses{});
    trace.audit_open(row, Span{1, 2});
    CHECK(trace.take_audit_misses() == AuditMisses{1, 0, 0, 1});
  }
  SECTION("not after the trace has ended") {
    trace.end();
    trace.audit_open(row, before);
    CHECK(trace.take_audit_misses() == AuditMisses{});
  }
}

TEST_CASE("TraceHistory gives the creator of a UDP socket once", "[track]") {
  TraceHistory trace;
  trace.add_created({0, 1, 50, Caller{{7, 1}, 1, "dns"}});
  trace.add_created({0, 2, 60, std::nullopt});
  const auto created = trace.take_created(by_cookie(1));
  REQUIRE(created.has_value());
  CHECK(created->at_ns == 50);
  CHECK(created->caller->id == ProcessId{7, 1});
  CHECK_FALSE(trace.take_created(by_cookie(1)).has_value());
  // A time without a process stays true.
  CHECK(trace.take_created(by_cookie(2)).has_value());
  CHECK(trace.take_created(by_cookie(2)).has_value());
}

TEST_CASE("ExpectedNotices says until when a notice may come", "[track]") {
  ExpectedNotices notices;
  Connection connection;
  connection.netns = 5;
  connection.tuple = tcp_tuple(4000, 443);
  CHECK_FALSE(notices.until(connection, 100).has_value());
  notices.expect(5, table_bit(TableKind::tcp4), 50);
  CHECK(notices.until(connection, 100) == 150);
  connection.tuple.protocol = Protocol::udp;
  CHECK_FALSE(notices.until(connection, 100).has_value());
  connection.tuple.protocol = Protocol::tcp;
  notices.forget(5);
  CHECK_FALSE(notices.until(connection, 100).has_value());
}

}  // namespace netlog::track::test::trace_history

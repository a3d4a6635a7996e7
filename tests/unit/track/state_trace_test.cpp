// SPDX-License-Identifier: MIT
#include "track/state_trace.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"

#include <algorithm>
#include <vector>

namespace netlog::track::test::state_trace {

using enum TcpState;

namespace {

Transition transition(std::uint64_t cookie,
                      TcpState old_state,
                      TcpState new_state,
                      std::int64_t at_ns) {
  Transition made;
  made.at_ns = at_ns;
  made.row = tcp_row(cookie, new_state, 4000, 443);
  made.old_state = old_state;
  made.direction = Direction::outbound;
  made.begun_ns = 100;
  return made;
}

}  // namespace

TEST_CASE("StateTrace follows the transitions of a socket exactly", "[track]") {
  TrackParts parts;
  parts.transitions.begin();
  parts.transitions.apply(transition(1, closed, syn_sent, 100));
  parts.transitions.apply(transition(1, syn_sent, established, 200));
  auto reset = transition(1, established, closed, 300);
  reset.cause = EndCause::reset;
  parts.transitions.apply(reset);
  CHECK(parts.take_events() == Lines{"1 open ->SYN_SENT (100,100]",
                                     "1 state SYN_SENT>ESTABLISHED (200,200]",
                                     "1 close ESTABLISHED>CLOSED (300,300]"});
  CHECK(parts.trace.has_closed(
      tcp_row(1, established, 4000, 443), by_cookie(1), tcp_snapshot(250, {})));
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("StateTrace bounds the transitions that were lost", "[track]") {
  TrackParts parts;
  parts.transitions.apply(transition(1, syn_sent, established, 200));
  parts.transitions.apply(transition(1, close_wait, last_ack, 400));
  CHECK(parts.take_events() == Lines{"1 open ->SYN_SENT (100,100]",
                                     "1 state SYN_SENT>ESTABLISHED (200,200]",
                                     "1 state ESTABLISHED>CLOSE_WAIT (200,400]",
                                     "1 state CLOSE_WAIT>LAST_ACK (400,400]"});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("StateTrace moves an orphan to TIME_WAIT when its peer on this host has closed",
          "[track]") {
  TrackParts parts;
  parts.transitions.apply(transition(1, closed, syn_sent, 100));
  auto orphan = transition(1, fin_wait_2, closed, 300);
  orphan.orphan = true;
  parts.transitions.apply(orphan);
  const auto index = parts.table.find(by_cookie(1));
  REQUIRE(index.has_value());
  CHECK(parts.table.phase(*index) == Phase::ending);
  auto peer = transition(2, last_ack, closed, 500);
  peer.row.tuple = {Protocol::tcp, peer.row.tuple.remote, peer.row.tuple.local};
  peer.fin_received = true;
  parts.transitions.apply(peer);
  CHECK(parts.table.phase(*index) == Phase::time_wait);
  CHECK(parts.table[*index].connection.closed == Moment{300, 0});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("StateTrace ends an orphan with its peer on this host when a RST was sent", "[track]") {
  TrackParts parts;
  parts.transitions.apply(transition(1, closed, syn_sent, 100));
  auto orphan = transition(1, fin_wait_2, closed, 300);
  orphan.orphan = true;
  parts.transitions.apply(orphan);
  parts.take_events();
  auto peer = transition(2, close_wait, closed, 500);
  peer.row.tuple = {Protocol::tcp, peer.row.tuple.remote, peer.row.tuple.local};
  // The orphan answers late data with a RST, or the peer aborts.
  const auto [cause, outcome] = GENERATE(table<EndCause, Outcome>(
      {{EndCause::reset, Outcome::aborted}, {EndCause::aborted, Outcome::reset}}));
  peer.cause = cause;
  parts.transitions.apply(peer);
  const auto index = parts.table.find(by_cookie(1));
  CHECK_FALSE(index.has_value());
  const auto events = track::take_events(parts.changes);
  const auto first = std::find_if(events.begin(), events.end(), [](const ConnectionEvent& event) {
    return event.connection.id == 1;
  });
  REQUIRE(first != events.end());
  CHECK(first->connection.outcome == outcome);
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("StateTrace leaves all sockets to snapshots when it ends", "[track]") {
  TrackParts parts;
  parts.transitions.begin();
  parts.transitions.apply(transition(1, closed, syn_sent, 100 * kMs));
  parts.transitions.end();
  parts.snapshots.apply(tcp_snapshot(101 * kMs, {tcp_row(1, established, 4000, 443)}));
  CHECK(parts.take_events().size() == 2);
  CHECK(parts.trace.take_audit_misses() == AuditMisses{});
}

}  // namespace netlog::track::test::state_trace

// SPDX-License-Identifier: MIT
#include "track/destroy_notices.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"

namespace netlog::track::test::destroy_notices {

using enum TcpState;

namespace {

Notice notice(std::int64_t at_ns, const SocketRow& row) {
  return {0, Moment{at_ns, 10}, row};
}

}  // namespace

TEST_CASE("DestroyNotices begins the end of a known connection", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, established, 4000, 443));
  parts.notices.apply(notice(200, tcp_row(1, closed, 4000, 443)));
  CHECK(parts.table.phase(index) == Phase::ending);  // it may be in TIME_WAIT
  CHECK(parts.table[index].left == Moment{200, 100});
  CHECK(parts.table[index].connection.last_seen_ns == 200);

  SECTION("in CLOSE_WAIT no TIME_WAIT follows") {
    const auto other = parts.open(tcp_row(2, close_wait, 4001, 443));
    parts.notices.apply(notice(200, tcp_row(2, closed, 4001, 443)));
    CHECK(parts.table.phase(other) == Phase::active);
    CHECK(parts.table[other].left == Moment{200, 100});
  }
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("DestroyNotices opens a connection that no poll has shown", "[track]") {
  TrackParts parts;
  parts.polls.add(parts.table.scope(0, TableKind::tcp4), Span{100, 110}, true);
  parts.notices.apply(notice(150, tcp_row(1, closed, 4000, 443)));
  CHECK(parts.take_events() == Lines{"1 open ->- (100,150]"});
  // Never connected: no connection to record.
  parts.notices.apply(notice(150, tcp_row(2, closed, 4001, 0)));
  parts.notices.apply(notice(150, tcp_row(3, closed, 0, 0)));
  CHECK(parts.table.size() == 1);
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("DestroyNotices completes a minisock that was shown before", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(0, {}));
  parts.snapshots.apply(tcp_snapshot(100, {tcp_row(9, time_wait, 4000, 443)}));
  parts.notices.apply(notice(105, tcp_row(1, closed, 4000, 443)));
  CHECK(parts.take_events() == Lines{"1 open ->TIME_WAIT (0,110]"});
  const auto index = parts.table.find(by_cookie(9));
  REQUIRE(index.has_value());
  CHECK(parts.table[*index].connection.closed == Moment{105, 105});
  CHECK(parts.table[*index].evidence.noticed);
  CHECK(parts.broken_invariant().empty());
}

}  // namespace netlog::track::test::destroy_notices

// SPDX-License-Identifier: MIT
#include "track/snapshot_differ.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"

namespace netlog::track::test::snapshot_differ {

using enum TcpState;

TEST_CASE("SnapshotDiffer compares a snapshot with the table", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(100, {tcp_row(1, established, 4000, 443)}));
  parts.snapshots.apply(
      tcp_snapshot(200, {tcp_row(1, close_wait, 4000, 443), tcp_row(2, established, 4001, 443)}));
  parts.snapshots.apply(tcp_snapshot(300, {tcp_row(2, established, 4001, 443)}));
  CHECK(parts.take_events() == Lines{"1 present ->ESTABLISHED (100,110]",
                                     "1 state ESTABLISHED>CLOSE_WAIT (100,210]",
                                     "1 close CLOSE_WAIT>CLOSED (200,310]",
                                     "2 open ->ESTABLISHED (100,210]"});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("SnapshotDiffer leaves tables alone that the snapshot has not read", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(100, {tcp_row(1, established, 4000, 443)}));
  auto udp = tcp_snapshot(200, {});
  udp.tables = table_bit(TableKind::udp4);
  parts.snapshots.apply(udp);
  auto other = tcp_snapshot(300, {});
  other.netns = 5;
  parts.snapshots.apply(other);
  CHECK(parts.take_events() == Lines{"1 present ->ESTABLISHED (100,110]"});
  CHECK(parts.table.size() == 1);
}

TEST_CASE("SnapshotDiffer asks whether the trace covers the time of the snapshot", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(0, {}));
  const auto index = parts.open(tcp_row(1, established, 4000, 443), 50);
  parts.lifecycle.set_traced(index, 100 * kMs);
  parts.take_events();
  parts.snapshots.apply(tcp_snapshot(105 * kMs, {tcp_row(1, close_wait, 4000, 443)}));
  parts.snapshots.apply(tcp_snapshot(106 * kMs, {}));
  CHECK(parts.take_events().empty());
  CHECK(parts.trace.take_audit_misses() == AuditMisses{});
  parts.snapshots.apply(tcp_snapshot(200 * kMs, {tcp_row(1, close_wait, 4000, 443)}));
  CHECK(parts.take_events().size() == 1);
  CHECK(parts.trace.take_audit_misses() == AuditMisses{0, 1, 0, 100 * kMs});
}

TEST_CASE("SnapshotDiffer asks whether the trace has closed a row already", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(0, {}));
  parts.trace.add_close(by_cookie(1), 100 * kMs);
  parts.snapshots.apply(tcp_snapshot(90 * kMs, {tcp_row(1, established, 4000, 443)}));
  CHECK(parts.table.size() == 0);
  parts.snapshots.apply(tcp_snapshot(200 * kMs, {tcp_row(1, established, 4000, 443)}));
  CHECK(parts.table.size() == 1);
}

TEST_CASE("SnapshotDiffer asks until when a notice may still come", "[track]") {
  TrackParts parts;
  parts.expected_notices.expect(0, kAllTables, 50 * kMs);
  parts.snapshots.apply(tcp_snapshot(0, {tcp_row(1, close_wait, 4000, 443)}));
  parts.take_events();
  parts.snapshots.apply(tcp_snapshot(100 * kMs, {}));
  parts.snapshots.apply(tcp_snapshot(149 * kMs, {}));
  CHECK(parts.take_events().empty());
  parts.snapshots.apply(tcp_snapshot(151 * kMs, {}));
  CHECK(parts.take_events() == Lines{"1 close CLOSE_WAIT>CLOSED (0,100000010]"});
}

// The kernel can walk past a socket twice while it moves from one chain to another. The second row
// of a minisock matched no other connection, but its identity was in the table already.
TEST_CASE("SnapshotDiffer takes a row that is shown twice for one connection", "[track]") {
  TrackParts parts;
  parts.snapshots.apply(tcp_snapshot(0, {}));
  parts.notices.apply(Notice{0, Moment{50, 10}, tcp_row(1, closed, 4000, 443)});
  parts.notices.apply(Notice{0, Moment{50, 10}, tcp_row(2, closed, 4001, 443)});
  parts.take_events();
  parts.snapshots.apply(tcp_snapshot(100,
                                     {tcp_row(9, time_wait, 4000, 443),
                                      tcp_row(9, time_wait, 4001, 443),
                                      tcp_row(8, established, 4002, 443),
                                      tcp_row(8, established, 4002, 443)}));
  CHECK(parts.broken_invariant().empty());
  CHECK(parts.table.size() == 2);
}

}  // namespace netlog::track::test::snapshot_differ

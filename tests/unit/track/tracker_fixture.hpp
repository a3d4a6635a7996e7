// SPDX-License-Identifier: MIT
// Rows, snapshots and notices of the tests of the whole tracker. Time is in ticks of 100 ns.
#pragma once

#include "support/connection_event.hpp"
#include "support/track_parts.hpp"
#include "track/tracker.hpp"

#include <cstdint>
#include <utility>
#include <vector>

namespace netlog::track::test::tracker {

using enum TcpState;

inline constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
inline constexpr TableSet kUdp4 = table_bit(TableKind::udp4);

inline Endpoint endpoint(const char* address, std::uint16_t port) {
  return {*parse_address(address), port};
}

inline SocketRow tcp(std::uint64_t cookie,
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
inline Snapshot snapshot(int tick,
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

inline Notice notice(std::int64_t at, SocketRow row) {
  return {0, Moment{at, 10}, std::move(row)};
}

inline Lines texts(Tracker& tracker) {
  Lines lines;
  for (const auto& event : take_events(tracker)) {
    lines.push_back(text(event));
  }
  return lines;
}

}  // namespace netlog::track::test::tracker

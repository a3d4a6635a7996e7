// SPDX-License-Identifier: MIT
#pragma once

#include "support/connection_event.hpp"
#include "track/change_log.hpp"
#include "track/connection_table.hpp"
#include "track/destroy_notices.hpp"
#include "track/expected_notices.hpp"
#include "track/lifecycle.hpp"
#include "track/listeners.hpp"
#include "track/owner_tracker.hpp"
#include "track/poll_history.hpp"
#include "track/snapshot_differ.hpp"
#include "track/socket_aliases.hpp"
#include "track/state_trace.hpp"
#include "track/trace_history.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::track::test {

constexpr std::int64_t kMs = 1'000'000;
constexpr std::int64_t kSecond = 1000 * kMs;
constexpr TableSet kTcpTables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

inline FiveTuple tcp_tuple(std::uint16_t local_port, std::uint16_t remote_port) {
  return {Protocol::tcp,
          {IpAddress::v4(192, 0, 2, 1), local_port},
          remote_port == 0 ? Endpoint{} : Endpoint{IpAddress::v4(198, 51, 100, 7), remote_port}};
}

/// A row of an IPv4 TCP table. A remote port of 0 makes a row of a listener.
inline SocketRow tcp_row(std::uint64_t cookie,
                         TcpState state,
                         std::uint16_t local_port,
                         std::uint16_t remote_port,
                         std::uint64_t inode = 0) {
  SocketRow row;
  row.tuple = tcp_tuple(local_port, remote_port);
  row.incarnation = cookie;
  row.state = state;
  row.holder_key = inode;
  return row;
}

/// The TCP tables of namespace 0, read from `at_ns` on for 10 ns.
inline Snapshot tcp_snapshot(std::int64_t at_ns,
                             std::vector<SocketRow> rows,
                             bool covers_time_wait = true) {
  Snapshot snapshot;
  snapshot.tables = kTcpTables;
  snapshot.covers_time_wait = covers_time_wait;
  snapshot.incarnation_is_unique = true;
  snapshot.taken = Span{at_ns, at_ns + 10};
  snapshot.rows = std::move(rows);
  return snapshot;
}

/// The identity of a socket of namespace 0 whose cookie is unique.
inline Identity by_cookie(std::uint64_t cookie) {
  return {0, cookie, {}};
}

/// `id kind old>new (after,until]`
inline std::string text(const ConnectionEvent& event) {
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

/// The parts of a Tracker, connected as there.
struct TrackParts {
  ConnectionTable table;
  PollHistory polls;
  TraceHistory trace;
  ExpectedNotices expected_notices;
  Listeners listeners;
  SocketAliases aliases{table};
  ChangeLog changes{table};
  OwnerTracker owners{table, changes, listeners};
  Lifecycle lifecycle{table, changes, owners, listeners, aliases, expected_notices, 1};
  SnapshotDiffer snapshots{
      table, polls, trace, expected_notices, aliases, listeners, owners, lifecycle};
  DestroyNotices notices{table, polls, trace, aliases, listeners, lifecycle};
  StateTrace transitions{table, polls, trace, aliases, owners, lifecycle};

  /// Opens a connection that a snapshot showed from `at_ns` on for 10 ns.
  Index open(const SocketRow& row, std::int64_t at_ns = 100) {
    Opening opening;
    opening.seen_by = SeenBy::snapshot;
    opening.seen = {at_ns, at_ns + 10};
    opening.opened = Moment{at_ns, 100};
    opening.reported = *opening.opened;
    opening.direction = lifecycle.direction_of(row, 0, false, 0, true);
    opening.state = row.state;
    return lifecycle.open(by_cookie(row.incarnation), row, opening);
  }

  std::vector<std::string> take_events() {
    std::vector<std::string> lines;
    for (const auto& event : track::take_events(changes)) {
      lines.push_back(text(event));
    }
    return lines;
  }

  /// The keys of the pending owner queries, oldest first.
  [[nodiscard]] std::vector<std::uint64_t> pending_keys(std::size_t max_count = 100) const {
    std::vector<std::uint64_t> keys;
    for (const auto& query : owners.queries(max_count)) {
      keys.push_back(query.key);
    }
    return keys;
  }

  /// The first invariant that does not hold; empty when all hold.
  [[nodiscard]] std::string broken_invariant() const {
    return table.broken_invariant() + changes.broken_invariant() + owners.broken_invariant() +
           lifecycle.broken_invariant();
  }
};

using Lines = std::vector<std::string>;

}  // namespace netlog::track::test

// SPDX-License-Identifier: MIT
// Sockets, transitions and snapshots of the tests of the tracker with a trace. Times are in
// milliseconds.
#pragma once

#include "support/connection_event.hpp"
#include "support/track_parts.hpp"
#include "track/tracker.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::track::test::trace {

inline constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
inline constexpr ProcessId kClient{100, 1};
inline constexpr ProcessId kServer{200, 1};
inline constexpr ProcessId kWorker{201, 1};

using enum TcpState;

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
    Transition change;
    change.at_ns = at_ns;
    change.row = row(new_state);
    change.old_state = old_state;
    change.direction = direction;
    change.begun_ns = begun_ns;
    if (caller) {
      change.caller = Caller{*caller, 1, "test"};
    }
    return change;
  }
};

inline Transition ended(Transition change, EndCause cause, bool fin_received = false) {
  change.cause = cause;
  change.fin_received = fin_received;
  return change;
}

/// No process holds it any more.
inline Transition orphaned(Transition change) {
  change.orphan = true;
  return change;
}

inline Snapshot audit(std::int64_t at_ns, std::vector<SocketRow> rows) {
  Snapshot taken;
  taken.tables = kTcp;
  taken.incarnation_is_unique = true;
  taken.taken = Span{at_ns, at_ns + kMs};
  taken.rows = std::move(rows);
  return taken;
}

/// Times in milliseconds; an exact one is a single number.
inline std::string text(const ConnectionEvent& event) {
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

inline Lines texts(const std::vector<ConnectionEvent>& events) {
  Lines lines;
  for (const auto& event : events) {
    lines.push_back(text(event));
  }
  return lines;
}

inline Tracker traced_from_the_start() {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {}));
  return tracker;
}

inline const Socket kConnecting{1, Direction::outbound, 100 * kMs, false};
inline const Socket kAccepted{2, Direction::inbound, 101 * kMs, true};

}  // namespace netlog::track::test::trace

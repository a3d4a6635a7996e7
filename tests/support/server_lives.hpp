// SPDX-License-Identifier: MIT
#pragma once

#include "report/check.hpp"
#include "store/read/reader.hpp"
#include "store/write/items.hpp"
#include "support/connection_event.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>

/// The connections of one server, as items for the writer. Times are in seconds where a name says
/// so.
namespace netlog::test::server_lives {

using namespace netlog::store;

inline constexpr std::int64_t kSecond = 1'000'000'000;

inline Session session(std::int64_t started_s, std::string boot = "boot-a") {
  return {"h", "Linux", "6", "0", std::move(boot), 0, 100'000'000, "trace", started_s * kSecond};
}

inline Process server() {
  return {{70, 7}, 0, "server", {}, {}, {}, {}, {}, 1, {}, {}, {}, {}, {}, {}, {}, {}};
}

inline Connection open_connection(ConnectionId id, std::int64_t opened_s) {
  Connection made;
  made.id = id;
  made.netns = 5;
  made.tuple = {Protocol::tcp,
                {*parse_address("192.0.2.1"), 443},
                {*parse_address("fe80::7%2"), static_cast<std::uint16_t>(id % 60'000 + 1)}};
  made.direction = Direction::inbound;
  made.state = TcpState::established;
  made.owner = {ProcessId{70, 7}, OwnerSource::exact, {}};
  made.opened = Moment{opened_s * kSecond, 5};
  made.first_seen_ns = made.last_seen_ns = opened_s * kSecond;
  made.seen_by = SeenBy::trace;
  made.incarnation = 0xffff'ffff'0000'0000U + static_cast<std::uint64_t>(id);
  made.metrics.bytes_sent = 7;
  return made;
}

inline ConnectionEvent event(EventKind kind,
                             std::int64_t at_ns,
                             const Connection& of,
                             std::optional<TcpState> from) {
  const auto code = [](auto state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  return {kind, Moment{at_ns, 0}, code(from), code(of.state), std::nullopt, of};
}

inline ConnectionEvent opens(const Connection& connection) {
  return event(EventKind::open, connection.opened->at_ns, connection, std::nullopt);
}

inline ConnectionEvent closes(Connection connection, std::int64_t at_ns) {
  const auto from = std::exchange(connection.state, TcpState::closed);
  connection.gone = true;
  connection.closed = Moment{at_ns, 0};
  connection.last_seen_ns = at_ns;
  connection.outcome = Outcome::closed;
  return event(EventKind::close, at_ns, connection, from);
}

inline Heartbeat alive(std::int64_t at_s) {
  return {at_s * kSecond, 1, 0, 0};
}

inline std::int64_t violations(const std::filesystem::path& path) {
  Reader reader{path};
  return report::check(reader, 20).violations;
}

inline constexpr const char* kLives =
    "SELECT id, session_id, state, outcome, opened_ns / 1000000000, closed_ns / 1000000000, "
    "close_error_ns / 1000000000 FROM connections ORDER BY id";

}  // namespace netlog::test::server_lives

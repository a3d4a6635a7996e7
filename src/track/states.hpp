// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <optional>

namespace netlog::track {

/// As an event holds it.
inline std::optional<std::uint8_t> code(std::optional<TcpState> state) {
  return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
}

inline std::optional<std::uint8_t> code(std::optional<Offload> offload) {
  return offload ? std::optional{static_cast<std::uint8_t>(*offload)} : std::nullopt;
}

/// A socket last seen in LISTEN, CLOSE_WAIT or LAST_ACK goes to CLOSED without TIME_WAIT (RFC 9293
/// §3.3.2); it can still have moved on unseen from any other state.
inline bool may_enter_time_wait(const Connection& connection) {
  return connection.state && *connection.state != TcpState::listen &&
         *connection.state != TcpState::close_wait && *connection.state != TcpState::last_ack;
}

/// The tuple as the other end has it.
inline FiveTuple seen_by_peer(const FiveTuple& tuple) {
  return FiveTuple{tuple.protocol, tuple.remote, tuple.local};
}

}  // namespace netlog::track

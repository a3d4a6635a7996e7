// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"

#include <optional>

namespace netlog::track {

/// True if TIME_WAIT can follow the state that was seen last. A socket in LISTEN, CLOSE_WAIT or
/// LAST_ACK goes to CLOSED without it (RFC 9293 §3.3.2); from any other state it can have moved on
/// unseen.
inline bool may_enter_time_wait(const Connection& connection) {
  return connection.state && *connection.state != TcpState::listen &&
         *connection.state != TcpState::close_wait && *connection.state != TcpState::last_ack;
}

/// True for a TCP listener and for a UDP socket without a peer, whose port was not left to the
/// system.
inline bool listens(const SocketRow& row) {
  return row.state == TcpState::listen ||
         (row.tuple.protocol == Protocol::udp && row.tuple.remote.port == 0 && !row.is_port_chosen);
}

/// Who opened a TCP connection, by what its row counts; absent where that does not say. The kernel
/// counts our SYN as a byte that was acknowledged (tcpi_bytes_acked); a socket that was accepted
/// begins to count after its SYN.
inline std::optional<Direction> counted_direction(const SocketRow& row) {
  using enum TcpState;
  const bool counts = row.delivery && row.metrics && row.metrics->bytes_sent &&
                      row.tuple.remote.port != 0 && row.delivery->unacked == 0 &&
                      row.delivery->acked >= *row.metrics->bytes_sent;
  if (!counts) {
    return std::nullopt;
  }
  const auto rest = row.delivery->acked - *row.metrics->bytes_sent;
  if (rest == 0) {
    return Direction::inbound;
  }
  if (rest == 2) {
    return Direction::outbound;  // and our FIN
  }
  const bool no_fin = row.state == established || row.state == close_wait;
  const bool fin = row.state == fin_wait_2;
  if (rest == 1 && (no_fin || fin)) {
    return no_fin ? Direction::outbound : Direction::inbound;
  }
  return std::nullopt;
}

/// Who opened a connection, where its row proves it; absent where it does not.
inline std::optional<Direction> proven_direction(const SocketRow& row) {
  if (row.tuple.protocol != Protocol::tcp) {
    return row.is_port_chosen ? std::optional{Direction::outbound} : std::nullopt;
  }
  if (row.state == TcpState::syn_sent) {
    return Direction::outbound;
  }
  if (row.state == TcpState::syn_received) {
    return Direction::inbound;
  }
  return row.is_active ? std::nullopt : counted_direction(row);
}

/// True for a minisock: what the kernel keeps of a socket that no process holds any more, in
/// TIME_WAIT or in FIN_WAIT_2.
inline bool is_minisock(const SocketRow& row) {
  return row.state == TcpState::time_wait ||
         (row.state == TcpState::fin_wait_2 && row.holder_key == 0);
}

/// The tuple as the other end has it.
inline FiveTuple seen_by_peer(const FiveTuple& tuple) {
  return FiveTuple{tuple.protocol, tuple.remote, tuple.local};
}

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#include "track/outcome.hpp"

namespace netlog::track {

void Evidence::add(TcpState state) {
  switch (state) {
    case TcpState::time_wait:
    case TcpState::closing:
    case TcpState::last_ack:
      sent_fin = true;
      received_fin = true;
      break;
    case TcpState::fin_wait_1:
    case TcpState::fin_wait_2:
      sent_fin = true;
      break;
    case TcpState::close_wait:
      received_fin = true;
      break;
    default:
      break;
  }
}

Outcome outcome_of(const Connection& connection, const Evidence& evidence) {
  // A UDP socket or a listener ends in one way only.
  if (connection.tuple.protocol == Protocol::udp || connection.direction == Direction::listen) {
    return Outcome::closed;
  }
  return evidence.sent_fin && evidence.received_fin ? Outcome::closed : Outcome::unknown;
}

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

namespace netlog::track {

/// What has been proven about the end of a connection; see docs/outcomes.md for which evidence
/// leads to which word.
struct Evidence {
  bool sent_fin = false;      ///< seen in FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK or TIME_WAIT
  bool received_fin = false;  ///< seen in CLOSE_WAIT, CLOSING, LAST_ACK or TIME_WAIT
  bool noticed = false;       ///< the kernel announced the end; metrics are final

  bool wiped = false;  ///< … and its peer and counters had been wiped (tcp_disconnect)

  /// Adds what being in `state` proves.
  void add(TcpState state);
};

/// The word for a connection that has ended, from its last state, its metrics and what was seen on
/// the way.
Outcome outcome_of(const Connection& connection, const Evidence& evidence);

}  // namespace netlog::track

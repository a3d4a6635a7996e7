// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"

namespace netlog::track {

/// What is known about the end of a connection. docs/outcomes.md says which evidence leads to which
/// outcome.
struct Evidence {
  bool connecting = false;    ///< seen in SYN_SENT
  bool answered = false;      ///< seen in a state that only a completed handshake leads to
  bool sent_fin = false;      ///< seen in FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK or TIME_WAIT
  bool received_fin = false;  ///< seen in CLOSE_WAIT, CLOSING, LAST_ACK or TIME_WAIT
  bool finished = false;      ///< seen in TIME_WAIT, or the peer's end was
  bool noticed = false;       ///< a destroy notice reported the end; the metrics are final
  bool disconnected =
      false;  ///< tcp_disconnect cleared the peer and the counters before the notice
  std::optional<Delivery> delivery;    ///< from the notice
  std::optional<EndCause> cause;       ///< from the trace
  std::optional<std::uint16_t> error;  ///< the errno behind it
  bool minisock = false;               ///< the trace left it as a minisock in FIN_WAIT_2

  /// Adds what this state proves.
  void add(TcpState state);
};

struct OutcomeResult {
  Outcome outcome = Outcome::unknown;
  std::optional<UnknownOutcome> why;
  std::optional<std::uint32_t> syns;  ///< SYNs that a failed connect sent
};

/// True if the peer's FIN has arrived. The kernel counts it as a byte received.
bool fin_received(const Evidence& evidence);

/// True if the bytes received in `delivery`, which is there, contain the peer's FIN.
bool fin_counted(const Evidence& evidence);

/// True if our FIN was acknowledged. That alone does not show how the peer ended.
bool fin_acknowledged(const Connection& connection, const Evidence& evidence);

/// True if a socket without a remote port had been connecting or connected before tcp_disconnect
/// cleared the port.
/// @param delivery of its notice
bool was_used(const Delivery& delivery);

/// True if the handshake was completed, so that the times in `delivery` have a meaning.
bool was_answered(const Connection& connection, const Evidence& evidence, const Delivery& delivery);

/// The outcome of a connection that has ended.
OutcomeResult classify_outcome(const Connection& connection, const Evidence& evidence);

}  // namespace netlog::track

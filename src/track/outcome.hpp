// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"

namespace netlog::track {

/// What has been proven about the end of a connection; see docs/outcomes.md for which evidence
/// leads to which word.
struct Evidence {
  bool connecting = false;    ///< seen in SYN_SENT
  bool answered = false;      ///< seen in a state that only a completed handshake leads to
  bool sent_fin = false;      ///< seen in FIN_WAIT_1, FIN_WAIT_2, CLOSING, LAST_ACK or TIME_WAIT
  bool received_fin = false;  ///< seen in CLOSE_WAIT, CLOSING, LAST_ACK or TIME_WAIT
  bool finished = false;      ///< seen in TIME_WAIT, or the peer's end was
  bool noticed = false;       ///< the kernel announced the end; metrics are final
  bool disconnected = false;  ///< … after tcp_disconnect had cleared the peer and the counters
  std::optional<Delivery> delivery;  ///< as it was announced
  std::optional<EndCause> cause;     ///< as it was traced
  bool rest = false;                 ///< the kernel went on without the socket, in FIN_WAIT_2

  /// Adds what being in `state` proves.
  void add(TcpState state);
};

struct OutcomeResult {
  Outcome outcome = Outcome::unknown;
  UnknownOutcome why = UnknownOutcome::not_noticed;  ///< meaningful while it is unknown
  std::optional<std::uint32_t> syns;  ///< sent in vain, of a connect that came to nothing
};

/// The peer's FIN has arrived; the kernel counts it as a byte received.
bool fin_received(const Evidence& evidence);

/// Our FIN was acknowledged, which alone does not tell how the peer ended.
bool fin_acknowledged(const Connection& connection, const Evidence& evidence);

/// A wiped socket that had been connecting or connected: it has no remote port any more, but was
/// more than a socket that was never used.
bool was_used(const Delivery& disconnected);

/// The handshake was completed: the times of the delivery mean something.
bool was_answered(const Connection& connection, const Evidence& evidence, const Delivery& delivery);

/// How a connection has ended, from what was seen on the way.
OutcomeResult classify_outcome(const Connection& connection, const Evidence& evidence);

}  // namespace netlog::track

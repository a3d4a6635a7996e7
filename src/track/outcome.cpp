// SPDX-License-Identifier: MIT
#include "track/outcome.hpp"

namespace netlog::track {
namespace {

// tcp_disconnect (net/ipv4/tcp.c) moves write_seq on by the largest window that the peer offered
// and 2, and leaves snd_una: after a SYN that nobody answered, 1 + 0 + 2 stay.
constexpr std::uint32_t kUnansweredThenDisconnected = 3;

OutcomeResult classify_disconnected(const Connection& connection,
                                    const Evidence& evidence,
                                    const Delivery& delivery) {
  if (was_answered(connection, evidence, delivery)) {
    return {Outcome::aborted, {}, {}};
  }
  // Of the sockets that were never connected, only a failed connect is disconnected.
  if (delivery.timeouts > 0) {
    return {Outcome::timed_out, {}, delivery.timeouts + 1U};  // the first, and those sent again
  }
  return {Outcome::refused, {}, 1};
}

OutcomeResult classify_unanswered(const Connection& connection) {
  const auto syns = connection.metrics.segments_out;
  if (connection.metrics.segments_in.value_or(0) > 0) {
    return {Outcome::refused, {}, syns};
  }
  if (syns.value_or(0) > 1) {
    return {Outcome::timed_out, {}, syns};
  }
  return {Outcome::unknown, UnknownOutcome::unanswered, syns};
}

/// A connect that its own process closed.
OutcomeResult classify_given_up(const std::optional<std::uint32_t>& syns) {
  // One SYN proves no timeout: its answer may have been on its way.
  return {syns.value_or(0) > 1 ? Outcome::timed_out : Outcome::aborted,
          UnknownOutcome::caller_gave_up,
          syns};
}

OutcomeResult classify_traced(const Connection& connection,
                              const Evidence& evidence,
                              EndCause cause) {
  const bool connecting = !evidence.answered && connection.direction == Direction::outbound;
  const auto syns =
      connecting ? std::optional{connection.metrics.retransmits.value_or(0) + 1} : std::nullopt;
  switch (cause) {
    case EndCause::refused:
      return {Outcome::refused, {}, syns};
    case EndCause::timed_out:
      return {Outcome::timed_out,
              connecting ? std::optional{UnknownOutcome::kernel_gave_up} : std::nullopt,
              syns};
    case EndCause::unreachable:
      return {Outcome::unreachable, {}, syns};
    case EndCause::reset:
      return {Outcome::reset, {}, {}};
    case EndCause::other:
      return {Outcome::unknown,
              connecting ? UnknownOutcome::unanswered : UnknownOutcome::retransmitting,
              syns};
    case EndCause::aborted:
      return {Outcome::aborted, {}, {}};
    case EndCause::none:
      break;
  }
  if (evidence.sent_fin && evidence.received_fin) {
    return {Outcome::closed, {}, {}};
  }
  // A minisock waits for the peer's FIN without the trace.
  if (evidence.minisock) {
    return {Outcome::unknown, UnknownOutcome::peer_end_unseen, {}};
  }
  return connecting ? classify_given_up(syns) : OutcomeResult{Outcome::aborted, {}, {}};
}

}  // namespace

void Evidence::add(TcpState state) {
  answered = answered || (state != TcpState::syn_sent && state != TcpState::closed);
  connecting = connecting || state == TcpState::syn_sent;
  switch (state) {
    case TcpState::time_wait:
      finished = true;
      [[fallthrough]];
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

bool fin_received(const Evidence& evidence) {
  const auto& delivery = evidence.delivery;
  return evidence.received_fin ||
         (delivery && delivery->data_segments_in == 0 && delivery->received == 1);
}

bool fin_counted(const Evidence& evidence) {
  // Where we closed first, nobody has read the FIN. A minisock receives it after the last count.
  return evidence.finished ? evidence.delivery->unread == 1 : fin_received(evidence);
}

bool fin_acknowledged(const Connection& connection, const Evidence& evidence) {
  if (!evidence.delivery || evidence.disconnected || evidence.delivery->unacked > 0) {
    return false;
  }
  // A child's count begins after its SYN; where it is unknown who opened, one byte can be either.
  const auto syn = connection.direction == Direction::inbound ? 0U : 1U;
  return evidence.delivery->acked >= connection.metrics.bytes_sent.value_or(0) + syn + 1;
}

bool was_used(const Delivery& delivery) {
  return delivery.unacked >= kUnansweredThenDisconnected;
}

bool was_answered(const Connection& connection,
                  const Evidence& evidence,
                  const Delivery& delivery) {
  const bool seen_answered = connection.direction == Direction::inbound || evidence.answered;
  // It has sent its SYN only, and the SYN is not acknowledged.
  const bool waits = delivery.acked == 0 && connection.metrics.bytes_sent.value_or(0) == 0 &&
                     (delivery.unacked == 1 || delivery.unacked == kUnansweredThenDisconnected);
  return seen_answered || !waits;
}

OutcomeResult classify_outcome(const Connection& connection, const Evidence& evidence) {
  // A UDP socket or a listener ends in one way only.
  if (connection.tuple.protocol == Protocol::udp || connection.direction == Direction::listen ||
      evidence.finished) {
    return {Outcome::closed, {}, {}};
  }
  if (evidence.cause) {
    return classify_traced(connection, evidence, *evidence.cause);
  }
  if (!evidence.delivery) {
    if (evidence.sent_fin && evidence.received_fin) {
      return {Outcome::closed, {}, {}};
    }
    return {Outcome::unknown, UnknownOutcome::not_noticed, {}};
  }
  const auto& delivery = *evidence.delivery;
  if (evidence.disconnected) {
    return classify_disconnected(connection, evidence, delivery);
  }
  if (!was_answered(connection, evidence, delivery)) {
    return classify_unanswered(connection);
  }
  if (fin_acknowledged(connection, evidence)) {
    if (fin_received(evidence)) {
      return {Outcome::closed, {}, {}};
    }
    return {Outcome::unknown, UnknownOutcome::peer_end_unseen, {}};
  }
  // Our FIN has not arrived, and no timer has given up: a RST ended it, from either side.
  const bool hopeless = delivery.timeouts > 0 || delivery.probes > 0;
  const bool ambiguous = connection.direction == Direction::unknown && delivery.unacked == 0 &&
                         delivery.acked > connection.metrics.bytes_sent.value_or(0);
  if (hopeless || ambiguous) {
    return {Outcome::unknown,
            hopeless ? UnknownOutcome::retransmitting : UnknownOutcome::peer_end_unseen,
            {}};
  }
  return {Outcome::reset, {}, {}};
}

}  // namespace netlog::track

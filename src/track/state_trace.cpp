// SPDX-License-Identifier: MIT
#include "track/state_trace.hpp"

#include "track/socket_rules.hpp"
#include "track/time_bounds.hpp"

#include <algorithm>

namespace netlog::track {

void StateTrace::end() {
  trace_.end();
  table_.for_each([&](Index index) { table_[index].traced_ns = 0; });
}

void StateTrace::apply(const Transition& transition) {
  const Identity identity{transition.netns, transition.row.incarnation, {}};
  auto known = table_.find(identity);
  if (!known) {
    known = lifecycle_.continue_handshake(transition.row, identity);
  }
  const bool begins = transition.old_state == TcpState::closed;
  if (!known && !begins && trace_.has_closed_since(identity, transition.at_ns)) {
    return;  // two snapshots have shown its end before the trace came to report it
  }
  if (known && begins) {
    const auto& entry = table_[*known];
    // The kernel shows a socket in its tables before it reports the first transition.
    const bool same_use =
        entry.traced_ns == 0 && entry.connection.tuple == transition.row.tuple &&
        (entry.connection.state == transition.row.state || transition.at_ns <= entry.seen.ended_ns);
    if (!same_use) {
      // A socket that is connected again.
      lifecycle_.close(*known, entry.left.value_or(between(entry.seen.began_ns, transition.at_ns)));
      known.reset();
    }
  }
  trace_.forget_close(identity);
  advance(known ? *known : open(transition, identity), transition);
}

Index StateTrace::open(const Transition& transition, const Identity& identity) {
  const bool accepted =
      transition.direction == Direction::inbound && transition.old_state == TcpState::syn_received;
  const bool first = transition.old_state == TcpState::closed || accepted;
  // A connect that has been answered was in SYN_SENT since it began.
  const bool connected = transition.direction == Direction::outbound && transition.begun_ns &&
                         transition.old_state == TcpState::syn_sent;
  auto row = transition.row;
  row.holder_key = 0;  // not known
  if (!first) {
    row.state = transition.old_state;  // the transitions that led there were lost
  }
  Opening opening;
  const auto& last_poll = polls_.last(table_.scope(transition.netns, table_of(row.tuple)));
  if (transition.begun_ns) {
    opening.opened = Moment{*transition.begun_ns, 0};
  } else if (last_poll) {
    opening.opened = between(last_poll->began_ns, transition.at_ns);
  }
  opening.reported = opening.opened.value_or(Moment{transition.at_ns, 0});
  const auto opened_ns = opening.reported.at_ns;
  opening.seen_by = SeenBy::trace;
  opening.seen = {opened_ns, opened_ns};
  opening.first_seen_ns = opened_ns;
  opening.direction = transition.direction != Direction::unknown
                          ? transition.direction
                          : lifecycle_.direction_of(row, transition.netns, true, opened_ns, true);
  opening.is_direction_known = transition.direction != Direction::unknown;
  if (first || connected) {
    opening.state = row.state;
  }
  opening.alive_after_ns = opened_ns;
  if (accepted) {
    aliases_.add_accepted(transition.netns, row.tuple, transition.at_ns);
  }
  const auto index = lifecycle_.open(identity, row, opening);
  if (!first && !connected) {
    lifecycle_.report_state(index, between(opened_ns, transition.at_ns));
  }
  return index;
}

/// True if a snapshot has shown the socket after this transition: the trace was held up. A program
/// that lost the processor while it reported holds up what is reported after it.
bool StateTrace::is_late(const Entry& entry, const Transition& transition) {
  if (entry.seen.began_ns <= entry.traced_ns || transition.row.state == TcpState::closed ||
      entry.connection.state == transition.row.state) {
    return false;
  }
  return transition.old_state == TcpState::closed ||
         transition.at_ns + TraceHistory::kReportLeadNs < entry.seen.began_ns;
}

/// Applies the transition, and before it those that were lost.
void StateTrace::advance(Index index, const Transition& transition) {
  const auto& entry = table_[index];
  const auto& connection = entry.connection;
  // Transitions come in order, but the clock can have been slowed between them.
  const auto at_ns = std::max(transition.at_ns, entry.traced_ns);
  const auto known_ns = std::max(entry.traced_ns, entry.seen.began_ns);
  const auto state = *transition.row.state;
  if (is_late(entry, transition)) {
    lifecycle_.see_transition(index, transition, known_ns);
    return apply_caller(index, transition);
  }
  if (connection.state != state && connection.state != transition.old_state) {
    lifecycle_.enter(index, transition.old_state, between(known_ns, at_ns));
  }
  lifecycle_.see_transition(index, transition, at_ns);
  apply_caller(index, transition);
  if (state == TcpState::closed) {
    end_socket(index, transition, known_ns);
  } else if (connection.state != state) {
    lifecycle_.enter(index, state, Moment{at_ns, 0});
  }
  if (state == TcpState::established) {
    end_earlier_use(index, at_ns);
  }
}

/// The handshake proves that the tuple is in use again. A SYN_SENT does not: the kernel can find
/// after it that the tuple is in use.
void StateTrace::end_earlier_use(Index index, std::int64_t at_ns) {
  const auto opened = table_[index].connection.opened.value_or(Moment{at_ns, 0});
  if (const auto earlier = lifecycle_.end_earlier_use(index, opened.at_ns)) {
    trace_.add_ended_minisock(*earlier, at_ns);
  }
}

/// The kernel reports CLOSED when no process holds the socket any more: a minisock in TIME_WAIT or
/// FIN_WAIT_2 may follow.
void StateTrace::end_socket(Index index, const Transition& transition, std::int64_t known_ns) {
  auto& entry = table_[index];
  const Moment at{entry.traced_ns, 0};
  const auto tuple = entry.connection.tuple;
  const auto netns = entry.connection.netns;
  entry.evidence.cause = transition.cause;
  entry.evidence.error = transition.error;
  entry.evidence.received_fin = entry.evidence.received_fin || transition.fin_received;
  const bool orderly = transition.cause == EndCause::none;
  if (orderly && entry.evidence.received_fin &&
      (transition.old_state == TcpState::fin_wait_2 || transition.old_state == TcpState::closing)) {
    return lifecycle_.enter(index, TcpState::time_wait, at);
  }
  if (orderly && transition.old_state == TcpState::fin_wait_2 && transition.orphan) {
    entry.evidence.minisock = true;
    lifecycle_.begin_end(index, at);
    return aliases_.add_orphan(netns, tuple, index);
  }
  trace_.add_close(entry.identity, at.at_ns);
  lifecycle_.close(index, at);
  if (entry.connection.owner.source != OwnerSource::exact) {
    lifecycle_.remember_closed(index);  // the process that lets go of the socket is its owner
  }
  if (orderly || transition.cause == EndCause::reset || transition.cause == EndCause::aborted) {
    if (const auto orphan = aliases_.take_orphan(netns, seen_by_peer(tuple))) {
      end_orphan(*orphan, transition, between(known_ns, at.at_ns));
    }
  }
}

/// An orphan in FIN_WAIT_2 has its peer on this host, and the peer has left this state within this
/// time: its last ACK came from our TIME_WAIT, or our RST has ended it.
void StateTrace::end_orphan(Index index, const Transition& of_peer, const Moment& at) {
  auto& entry = table_[index];
  if (table_.phase(index) != Phase::ending || !entry.left) {
    return;
  }
  const auto left = *entry.left;
  const auto cause = of_peer.cause;
  if (cause == EndCause::none && of_peer.old_state == TcpState::last_ack) {
    lifecycle_.enter_time_wait(index, overlap(at, between(left.at_ns, at.at_ns)), left);
    lifecycle_.set_traced(index, at.at_ns);
  } else {
    // A RST that the peer received is the orphan's answer to late data.
    entry.evidence.cause = cause == EndCause::reset ? EndCause::aborted : EndCause::reset;
    trace_.add_close(entry.identity, at.at_ns);
    lifecycle_.close(index, Moment{std::max(at.at_ns, left.at_ns), 0});
  }
}

void StateTrace::apply_caller(Index index, const Transition& transition) {
  if (transition.of_kernel) {
    owners_.set_of_kernel(index);
  }
  if (!transition.caller) {
    return;
  }
  const auto& connection = table_[index].connection;
  // Of the processes that inherited a listener, the last one that closes it is not its user.
  const bool closes_listener = connection.direction == Direction::listen &&
                               transition.row.state == TcpState::closed && connection.owner.process;
  if (!closes_listener) {
    owners_.set_user(index, transition.caller->id, Moment{transition.at_ns, 0});
  }
}

void StateTrace::apply(const LastCloser& closer) {
  const Identity identity{closer.netns, closer.incarnation, {}};
  if (const auto index = table_.find(identity)) {
    owners_.set_closer(*index, closer);
  } else {
    lifecycle_.apply_late_closer(identity, closer);
  }
}

void StateTrace::apply(const SocketUser& user) {
  const Identity identity{user.netns, user.incarnation, {}};
  if (const auto index = table_.find(identity)) {
    owners_.set_user(*index, user.caller.id, Moment{user.at_ns, 0});
  } else if (!lifecycle_.apply_late_user(identity, user.caller.id)) {
    trace_.add_user(identity, user.caller.id);
  }
}

}  // namespace netlog::track

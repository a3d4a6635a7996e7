// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "track/lifecycle.hpp"
#include "track/owner_tracker.hpp"
#include "track/poll_history.hpp"
#include "track/socket_aliases.hpp"
#include "track/trace_history.hpp"

#include <cstdint>

namespace netlog::track {

/// Applies what the trace reports: state changes, the processes that made them, and created UDP
/// sockets. Where transitions were lost, those that follow show what was missed, with bounds.
class StateTrace {
 public:
  StateTrace(ConnectionTable& table,
             const PollHistory& polls,
             TraceHistory& trace,
             SocketAliases& aliases,
             OwnerTracker& owners,
             Lifecycle& lifecycle)
      : table_{table},
        polls_{polls},
        trace_{trace},
        aliases_{aliases},
        owners_{owners},
        lifecycle_{lifecycle} {}

  void begin() { trace_.begin(); }
  /// No transitions follow: snapshots and notices show all changes.
  void end();

  void apply(const Transition& transition);
  void apply(const LastCloser& closer);
  void apply(const UdpSocketCreated& created) { trace_.add_created(created); }
  void apply(const SocketUser& user);

 private:
  Index open(const Transition& transition, const Identity& identity);
  [[nodiscard]] static bool is_late(const Entry& entry, const Transition& transition);
  void advance(Index index, const Transition& transition);
  void end_earlier_use(Index index, std::int64_t at_ns);
  void end_socket(Index index, const Transition& transition, std::int64_t known_ns);
  void end_orphan(Index index, const Transition& of_peer, const Moment& at);
  void apply_caller(Index index, const Transition& transition);

  ConnectionTable& table_;
  const PollHistory& polls_;
  TraceHistory& trace_;
  SocketAliases& aliases_;
  OwnerTracker& owners_;
  Lifecycle& lifecycle_;
};

}  // namespace netlog::track

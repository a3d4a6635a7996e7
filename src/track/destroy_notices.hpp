// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "track/lifecycle.hpp"
#include "track/listeners.hpp"
#include "track/poll_history.hpp"
#include "track/socket_aliases.hpp"
#include "track/trace_history.hpp"

namespace netlog::track {

/// Applies destroy notices. A notice says that a full socket has ended, but not whether the kernel
/// keeps it in TIME_WAIT: the next snapshot that began later and could show TIME_WAIT decides.
class DestroyNotices {
 public:
  DestroyNotices(ConnectionTable& table,
                 const PollHistory& polls,
                 TraceHistory& trace,
                 SocketAliases& aliases,
                 Listeners& listeners,
                 Lifecycle& lifecycle)
      : table_{table},
        polls_{polls},
        trace_{trace},
        aliases_{aliases},
        listeners_{listeners},
        lifecycle_{lifecycle} {}

  void apply(const Notice& notice);

 private:
  void note_listener(const Notice& notice);
  Index open(const Notice& notice, const Identity& identity);
  bool join_minisock(const Notice& notice);
  void begin_end(Index index, const Notice& notice);

  ConnectionTable& table_;
  const PollHistory& polls_;
  TraceHistory& trace_;
  SocketAliases& aliases_;
  Listeners& listeners_;
  Lifecycle& lifecycle_;
};

}  // namespace netlog::track

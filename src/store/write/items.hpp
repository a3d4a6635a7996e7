// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/lookup.hpp"
#include "model/process.hpp"
#include "model/recording.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

namespace netlog::store {

/// A process has ended at some time within the moment.
struct ProcessEnded {
  ProcessId id;
  Moment at;
  std::optional<std::int64_t> wait_status;  ///< as of ProcessExit; absent: unknown
};

/// The executable of a process, with its image, has been read.
struct ExecutableHashed {
  ProcessId id;
  std::string sha256;  ///< as in Process
};

/// Members of a connection that change without an event: bytes, RTT, last seen. They replace what
/// is stored.
struct Refresh {
  Connection connection;
};

/// A connection that an earlier session left open is still open. It becomes one of this session.
struct Resumed {
  ConnectionId id = 0;
};

/// All open connections, after items were dropped. A connection that is open in the file and is
/// not in this list has ended after `since_ns` and not later than `at_ns`.
struct Resync {
  std::int64_t since_ns = 0;
  std::int64_t at_ns = 0;
  std::vector<Connection> connections;
};

/// One thing to write. A process comes before the connections that it owns, `open` or `present` of
/// a connection before its other events, and a clock step after the events with times of the old
/// clock and before those with times of the new one. Otherwise the order does not matter.
using Item = std::variant<ConnectionEvents,
                          Refresh,
                          Process,
                          ProcessEnded,
                          ExecutableHashed,
                          ServiceName,
                          Gap,
                          ClockStep,
                          Counters,
                          Coverage,
                          Heartbeat,
                          Resumed,
                          Resync,
                          Lookup>;

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "track/lifecycle.hpp"
#include "track/owner_tracker.hpp"
#include "track/poll_history.hpp"
#include "track/socket_owners.hpp"
#include "track/trace_history.hpp"
#include "util/time.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::track {

/// What UDP sockets exchange with their peers. What a connected socket exchanges with its peer
/// belongs to the socket's own connection. With each other peer it has a flow, which is a
/// connection of its own. Times are boot-clock ns.
///
/// A flow ends with its socket, or when it was silent for long. A socket has a bounded number of
/// flows; what it exchanges with other peers is added to the connection of the socket itself.
class UdpFlowTracker {
 public:
  static constexpr std::int64_t kDefaultTimeoutNs = 60 * kNsPerSecond;
  /// Open flows of one socket, and of all.
  static constexpr std::size_t kMaxOfSocket = 4'096;
  static constexpr std::size_t kMaxFlows = 65'536;

  UdpFlowTracker(ConnectionTable& table,
                 const PollHistory& polls,
                 TraceHistory& trace,
                 SocketOwners& users,
                 OwnerTracker& owners,
                 Lifecycle& lifecycle)
      : table_{table},
        polls_{polls},
        trace_{trace},
        users_{users},
        owners_{owners},
        lifecycle_{lifecycle} {}

  /// A flow that was silent for so long has ended.
  void set_timeout(std::int64_t timeout_ns) { timeout_ns_ = timeout_ns; }

  /// Takes over a flow of an earlier session. @return false for a connection of another kind
  bool resume(const Connection& connection, const Span& seen);

  void apply(const UdpFlow& flow);
  /// Ends the flows of sockets that have ended before that time.
  void apply(const UdpFlowsRead& read);
  /// Ends the flows that were silent for long, and such sockets whose end nobody else would report.
  void expire(std::int64_t now_ns);

  /// A namespace has ended, and its sockets with it: the next reads have the last of their flows.
  void end_namespace(std::uint64_t netns) { ended_namespaces_[netns] = 0; }
  /// A namespace has got this number, which another one may have had.
  void begin_namespace(std::uint64_t netns) { ended_namespaces_.erase(netns); }

  /// Datagrams of peers without a flow, since the last call.
  std::int64_t take_summed();

 private:
  struct Socket {
    std::vector<FiveTuple> flows;  ///< some may have been closed since
    std::int64_t last_ns = 0;      ///< of its last datagram
    int reads_without = 0;         ///< how often flows were read since it is in no table any more
  };
  // The source reports two seconds late at the most.
  static constexpr std::int64_t kReportDelayNs = 3 * kNsPerSecond;
  // Of the reads after the end of a socket, the second one has all that it has exchanged.
  static constexpr int kReadsAfterEnd = 2;

  std::optional<Index> connected_socket(const UdpFlow& flow, const Identity& socket);
  Index open_socket(const UdpFlow& flow, const Identity& identity);
  void open_flow(const UdpFlow& flow, const Identity& socket);
  void add_rest(const UdpFlow& flow, const Identity& socket);
  [[nodiscard]] Direction direction_of(const UdpFlow& flow, const Identity& socket) const;
  [[nodiscard]] bool has_ended(const Identity& identity, Socket& socket) const;
  [[nodiscard]] bool is_silent(Index index, std::int64_t now_ns) const;
  void close(Index index);

  ConnectionTable& table_;
  const PollHistory& polls_;
  TraceHistory& trace_;
  SocketOwners& users_;
  OwnerTracker& owners_;
  Lifecycle& lifecycle_;
  std::int64_t timeout_ns_ = kDefaultTimeoutNs;
  std::optional<std::int64_t> began_ns_;  ///< flows are counted since then
  boost::unordered_flat_map<Identity, Socket, IdentityHash> sockets_;
  /// Connected sockets that no table and no notice has shown yet: their namespace may not be read.
  std::vector<Identity> unshown_;
  std::size_t flows_ = 0;  ///< of all sockets, with those that have been closed since
  std::int64_t summed_ = 0;
  /// With how often flows were read since then, for a few times.
  boost::unordered_flat_map<std::uint64_t, int> ended_namespaces_;
};

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netlog::track {

/// Listeners that are open or have closed a short time ago. They distinguish accepted connections
/// from those that this host opened. UDP sockets without a peer count as listeners, too. Times are
/// boot-clock ns.
class Listeners {
 public:
  void opened(std::uint64_t netns, Protocol protocol, const Endpoint& local, ConnectionId id);
  void owned(std::uint64_t netns,
             Protocol protocol,
             const Endpoint& local,
             ConnectionId id,
             const ProcessId& owner);
  void closed(std::uint64_t netns,
              Protocol protocol,
              const Endpoint& local,
              ConnectionId id,
              std::int64_t at_ns);

  /// A socket with this local endpoint that had no peer is gone. Whether it has listened is not
  /// known.
  void maybe_closed(std::uint64_t netns, const Endpoint& local, std::int64_t at_ns);

  /// This process uses a connection that was accepted there. It is the likely owner of the next
  /// one: the process that created the listener may have handed it over (a fork, socket
  /// activation).
  void served(std::uint64_t netns,
              Protocol protocol,
              const Endpoint& local,
              const ProcessId& server);

  /// The process has executed another program, which accepts from now on.
  void executed(const ProcessId& process);

  struct Found {
    std::optional<ProcessId>
        owner;               ///< of the listener, or the last one that used what it accepted
    bool is_certain = true;  ///< false: perhaps no listener
  };
  /// The listener that accepts connections with this local endpoint: bound to its address or to all
  /// addresses of its family, and open at `after_ns` or later.
  [[nodiscard]] std::optional<Found> accepting(std::uint64_t netns,
                                               Protocol protocol,
                                               const Endpoint& local,
                                               std::int64_t after_ns) const;

  /// Forgets listeners that closed before this time.
  void forget_closed_before(std::int64_t at_ns);

 private:
  struct Place {
    std::uint64_t netns = 0;
    Protocol protocol = Protocol::tcp;
    std::uint16_t port = 0;
    auto operator<=>(const Place&) const = default;
  };
  struct Listener {
    IpAddress address;
    ConnectionId id = 0;
    std::optional<ProcessId> owner;
    std::optional<std::int64_t> closed_ns;
    bool is_certain = true;
  };
  static bool takes(const Listener& listener, const IpAddress& local);
  Listener* find(std::uint64_t netns, Protocol protocol, const Endpoint& local, ConnectionId id);

  std::map<Place, std::vector<Listener>> places_;
  std::size_t closed_ = 0;
};

}  // namespace netlog::track

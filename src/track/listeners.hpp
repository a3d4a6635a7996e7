// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netlog::track {

/// Who listens where, now and just before: what tells an accepted connection from one we made.
/// Unconnected UDP sockets listen, too.
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

  /// This process uses a connection that came in there: whoever made the listener may have handed
  /// it over long ago (a fork, socket activation), so the next connection is likely its, too.
  void served(std::uint64_t netns,
              Protocol protocol,
              const Endpoint& local,
              const ProcessId& server);

  struct Found {
    std::optional<ProcessId> owner;  ///< of the listener, or who served there last
  };
  /// The listener that a connection with this local endpoint came in on: bound to the address or to
  /// all of its family, and alive at `after_ns` or later.
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
  };
  static bool takes(const Listener& listener, const IpAddress& local);
  Listener* find(std::uint64_t netns, Protocol protocol, const Endpoint& local, ConnectionId id);

  std::map<Place, std::vector<Listener>> places_;
  std::size_t closed_ = 0;
};

}  // namespace netlog::track

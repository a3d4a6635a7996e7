// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "track/connection_table.hpp"
#include "util/bounded_map.hpp"

#include <cstddef>
#include <optional>

namespace netlog::track {

/// Who uses or holds a socket, also a UDP socket that no table has shown: a short-lived one is in
/// none.
class SocketOwners {
 public:
  explicit SocketOwners(const ConnectionTable& table) : table_{table} {}

  void apply(const UdpSocketCreated& created);
  void apply(const SocketUser& user);

  /// @param socket its namespace and its cookie
  std::optional<Owner> find(const Identity& socket);
  /// The socket has ended.
  void forget(const Identity& socket) { known_.erase(socket); }

 private:
  static constexpr std::size_t kMaxOwners = 50'000;

  const ConnectionTable& table_;
  BoundedMap<Identity, Owner, IdentityHash> known_{kMaxOwners};  ///< UDP
};

/// The identity of a socket whose cookie is known.
inline Identity socket_of(std::uint64_t netns, std::uint64_t incarnation) {
  return {netns, incarnation, {}};
}

}  // namespace netlog::track

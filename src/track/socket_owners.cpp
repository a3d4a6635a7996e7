// SPDX-License-Identifier: MIT
#include "track/socket_owners.hpp"

namespace netlog::track {

void SocketOwners::apply(const UdpSocketCreated& created) {
  if (created.caller) {
    known_.put(socket_of(created.netns, created.incarnation),
               Owner{created.caller->id, OwnerSource::held, {}});
  }
}

void SocketOwners::apply(const SocketUser& user) {
  if (auto* const known = known_.find(socket_of(user.netns, user.incarnation))) {
    *known = Owner{user.caller.id, OwnerSource::exact, {}};
  }
}

std::optional<Owner> SocketOwners::find(const Identity& socket) {
  if (const auto index = table_.find(socket)) {
    const auto& owner = table_[*index].connection.owner;
    if (owner.process) {
      return owner;
    }
  }
  const auto* const known = known_.find(socket);
  return known != nullptr ? std::optional{*known} : std::nullopt;
}

}  // namespace netlog::track

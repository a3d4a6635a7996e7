// SPDX-License-Identifier: MIT
#include "track/listeners.hpp"

#include <algorithm>

namespace netlog::track {

void Listeners::opened(std::uint64_t netns,
                       Protocol protocol,
                       const Endpoint& local,
                       ConnectionId id) {
  places_[Place{netns, protocol, local.port}].push_back(
      Listener{local.address, id, std::nullopt, std::nullopt, true});
}

void Listeners::maybe_closed(std::uint64_t netns, const Endpoint& local, std::int64_t at_ns) {
  auto& at = places_[Place{netns, Protocol::tcp, local.port}];
  const auto known = std::find_if(at.begin(), at.end(), [&](const Listener& listener) {
    return !listener.is_certain && listener.address == local.address;
  });
  if (known != at.end()) {
    known->closed_ns = at_ns;
    return;
  }
  at.push_back(Listener{local.address, 0, std::nullopt, at_ns, false});
  ++closed_;
}

void Listeners::owned(std::uint64_t netns,
                      Protocol protocol,
                      const Endpoint& local,
                      ConnectionId id,
                      const ProcessId& owner) {
  if (auto* listener = find(netns, protocol, local, id)) {
    listener->owner = owner;
  }
}

void Listeners::closed(std::uint64_t netns,
                       Protocol protocol,
                       const Endpoint& local,
                       ConnectionId id,
                       std::int64_t at_ns) {
  if (auto* listener = find(netns, protocol, local, id)) {
    listener->closed_ns = at_ns;
    ++closed_;
  }
}

void Listeners::served(std::uint64_t netns,
                       Protocol protocol,
                       const Endpoint& local,
                       const ProcessId& server) {
  const auto place = places_.find(Place{netns, protocol, local.port});
  if (place == places_.end()) {
    return;
  }
  for (auto& listener : place->second) {
    if (listener.is_certain && takes(listener, local.address)) {
      listener.owner = server;
    }
  }
}

void Listeners::executed(const ProcessId& process) {
  for (auto& [place, listeners] : places_) {
    for (auto& listener : listeners) {
      if (listener.owner && listener.owner->first_image() == process.first_image()) {
        listener.owner = process;
      }
    }
  }
}

bool Listeners::takes(const Listener& listener, const IpAddress& local) {
  return listener.address == local ||
         (listener.address.family == local.family && listener.address.is_unspecified());
}

std::optional<Listeners::Found> Listeners::accepting(std::uint64_t netns,
                                                     Protocol protocol,
                                                     const Endpoint& local,
                                                     std::int64_t after_ns) const {
  const auto place = places_.find(Place{netns, protocol, local.port});
  if (place == places_.end()) {
    return std::nullopt;
  }
  std::optional<Found> found;
  for (const auto& listener : place->second) {
    const bool is_open = !listener.closed_ns || *listener.closed_ns >= after_ns;
    // SO_REUSEPORT: prefer one whose owner is known.
    const bool is_better = !found || (listener.is_certain && (!found->is_certain || !found->owner));
    if (takes(listener, local.address) && is_open && is_better) {
      found = Found{listener.owner, listener.is_certain};
    }
  }
  return found;
}

void Listeners::forget_closed_before(std::int64_t at_ns) {
  if (closed_ == 0) {
    return;
  }
  for (auto place = places_.begin(); place != places_.end();) {
    closed_ -= std::erase_if(place->second, [&](const Listener& listener) {
      return listener.closed_ns && *listener.closed_ns < at_ns;
    });
    place = place->second.empty() ? places_.erase(place) : std::next(place);
  }
}

Listeners::Listener* Listeners::find(std::uint64_t netns,
                                     Protocol protocol,
                                     const Endpoint& local,
                                     ConnectionId id) {
  const auto place = places_.find(Place{netns, protocol, local.port});
  if (place == places_.end()) {
    return nullptr;
  }
  const auto listener = std::find_if(
      place->second.begin(), place->second.end(), [&](const Listener& l) { return l.id == id; });
  return listener == place->second.end() ? nullptr : &*listener;
}

}  // namespace netlog::track

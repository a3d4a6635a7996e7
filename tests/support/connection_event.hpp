// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "track/tracker.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace netlog {

/// An event with its connection, as tests give and compare them.
struct ConnectionEvent {
  EventKind kind = EventKind::present;
  Moment at;
  std::optional<std::uint8_t> old_code;
  std::optional<std::uint8_t> new_code;
  std::optional<ProcessId> old_owner;
  Connection connection;

  bool operator==(const ConnectionEvent&) const = default;
  // NOLINTNEXTLINE(google-explicit-constructor): it is one of the items of a store
  operator ConnectionEvents() const {
    return {connection, {Event{kind, at, old_code, new_code, old_owner}}};
  }
};

inline std::vector<ConnectionEvent> events_of(const ConnectionEvents& of) {
  std::vector<ConnectionEvent> events;
  events.reserve(of.events.size());
  for (const auto& event : of.events) {
    events.push_back(
        {event.kind, event.at, event.old_code, event.new_code, event.old_owner, of.connection});
  }
  return events;
}

namespace track {

/// The events of each connection, in the order of their first events. Of a Tracker or a ChangeLog.
template <typename Source>
std::vector<ConnectionEvent> take_events(Source& source) {
  std::vector<ConnectionEvent> events;
  source.take_events([&](const ConnectionEvents& of) {
    const auto taken = events_of(of);
    events.insert(events.end(), taken.begin(), taken.end());
  });
  return events;
}

}  // namespace track
}  // namespace netlog

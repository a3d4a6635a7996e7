// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

namespace netlog {

/// The codes are stored; never renumber.
enum class EventKind : std::uint8_t {
  present = 0,
  open = 1,
  state = 2,
  offload = 3,
  owner = 4,
  close = 5
};

std::string_view name(EventKind kind);

/// One change of one connection. `old_code` and `new_code` are TcpState for present, open, state
/// and close (absent for UDP), Offload for offload, and absent for owner, which
/// uses `old_owner` and the owner of the connection.
struct Event {
  EventKind kind = EventKind::present;
  Moment at;
  std::optional<std::uint8_t> old_code;
  std::optional<std::uint8_t> new_code;
  std::optional<ProcessId> old_owner;

  bool operator==(const Event&) const = default;
};

/// Whether the event reports the end of its connection: its entry into TIME_WAIT, or the close of
/// one that was never there.
bool reports_end(const Event& event);

/// The events of one connection that are taken at once, in the order in which they were found.
struct ConnectionEvents {
  Connection connection;      ///< as it is after them
  std::vector<Event> events;  ///< not empty

  bool operator==(const ConnectionEvents&) const = default;
};

}  // namespace netlog

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <optional>
#include <string_view>

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
/// uses `old_owner` and `connection.owner`.
struct Event {
  EventKind kind = EventKind::present;
  Moment at;
  std::optional<std::uint8_t> old_code;
  std::optional<std::uint8_t> new_code;
  std::optional<ProcessId> old_owner;
  Connection connection;  ///< as it is when its events are taken
  bool repeats = false;   ///< an earlier event of the same batch has brought the connection

  bool operator==(const Event&) const = default;
};

}  // namespace netlog

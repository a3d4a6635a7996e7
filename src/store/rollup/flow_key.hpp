// SPDX-License-Identifier: MIT
#pragma once

#include "store/rollup/closed_connection.hpp"

#include <compare>
#include <cstdint>
#include <optional>

namespace netlog::store {

/// In the place of NULL where a number is part of a key.
constexpr std::int64_t kNoNumber = -1;

constexpr std::optional<std::int64_t> null_if_none(std::int64_t number) {
  return number == kNoNumber ? std::nullopt : std::optional{number};
}

/// The unique key of a row of the table `flow`: what one process had with one peer from one of our
/// addresses, of what ended within one hour. Without an address it is a process flow: all that the
/// process had.
struct FlowKey {
  std::int64_t hour = 0;  ///< since 1970, UTC
  std::int64_t process = kNoNumber;
  std::int64_t direction = 0;
  std::int64_t protocol = 0;
  std::int64_t netns = kNoNumber;
  std::int64_t local_address = kNoNumber;
  std::int64_t local_port = kNoNumber;  ///< of listeners and inbound connections
  std::int64_t peer = kNoNumber;

  auto operator<=>(const FlowKey&) const = default;

  [[nodiscard]] bool is_process_flow() const { return local_address == kNoNumber; }
};

FlowKey flow_key(const ClosedConnection& connection);
FlowKey process_flow_key(const ClosedConnection& connection);

}  // namespace netlog::store

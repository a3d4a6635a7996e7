// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <array>
#include <cassert>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace netlog::track {

/// How many connections are open, by protocol, direction and state. Those in TIME_WAIT count, too.
class OpenCounts {
 public:
  void add(const Connection& connection) { ++counts_.at(place_of(connection)); }
  /// The connection as it was added.
  void remove(const Connection& connection) {
    assert(counts_.at(place_of(connection)) > 0);
    --counts_.at(place_of(connection));
  }

  /// Calls `visit(protocol, direction, state, count)` for each count above 0. UDP has no state.
  template <typename Visit>
  void for_each(Visit&& visit) const {
    for (std::size_t place = 0; place < counts_.size(); ++place) {
      if (counts_.at(place) > 0) {
        const auto state = place % kStates;
        visit(place / kStates / kDirections == 0 ? Protocol::tcp : Protocol::udp,
              static_cast<Direction>(place / kStates % kDirections),
              state == 0 ? std::nullopt : std::optional{static_cast<TcpState>(state)},
              counts_.at(place));
      }
    }
  }

  bool operator==(const OpenCounts&) const = default;

 private:
  static constexpr std::size_t kDirections = static_cast<std::size_t>(Direction::listen) + 1;
  /// 0 is no state.
  static constexpr std::size_t kStates = static_cast<std::size_t>(TcpState::delete_tcb) + 1;

  static std::size_t place_of(const Connection& connection) {
    const auto protocol = connection.tuple.protocol == Protocol::tcp ? 0U : 1U;
    const auto direction = static_cast<std::size_t>(connection.direction);
    const auto state = connection.state ? static_cast<std::size_t>(*connection.state) : 0U;
    return (protocol * kDirections + direction) * kStates + state;
  }

  std::array<std::int64_t, 2 * kDirections * kStates> counts_{};
};

}  // namespace netlog::track

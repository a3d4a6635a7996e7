// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <optional>

namespace netlog::track {

/// The code of a state or an offload in Event::old_code and Event::new_code.
inline std::optional<std::uint8_t> code(std::optional<TcpState> state) {
  return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
}

inline std::optional<std::uint8_t> code(std::optional<Offload> offload) {
  return offload ? std::optional{static_cast<std::uint8_t>(*offload)} : std::nullopt;
}

}  // namespace netlog::track

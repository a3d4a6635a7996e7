// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <vector>

namespace netlog::store {

/// What the last session of the same boot had open when it ended.
struct LeftOpen {
  std::int64_t alive_ns = 0;            ///< its last heartbeat or its end, UTC
  std::int64_t interval_ns = 0;         ///< of its ticks
  std::vector<Connection> connections;  ///< their ids count from 1
};

}  // namespace netlog::store

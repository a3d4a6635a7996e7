// SPDX-License-Identifier: MIT
#pragma once

#include "kinds.hpp"
#include "net.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace churn {

/// The listener for one kind of connection.
struct Target {
  const Kind* kind = nullptr;
  int family = AF_INET;
  std::uint16_t port = 0;
};

struct Load {
  double rate = 0;  ///< connections a second, to the targets in turn
  std::chrono::nanoseconds life{};
  std::chrono::nanoseconds duration{};
};

struct Sent {
  std::vector<Truth> truth;
  std::int64_t late = 0;     ///< connects that started more than 10 ms late
  std::int64_t skipped = 0;  ///< connects that were not started: no port or no descriptor
};

/// Opens connections at the rate, ends each in the way of its kind, and waits for the last one.
Sent connect_all(const std::vector<Target>& targets, const Load& load);

}  // namespace churn

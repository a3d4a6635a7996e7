// SPDX-License-Identifier: MIT
#pragma once

#include "kinds.hpp"
#include "net.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace churn {

/// Where the connections of one kind go.
struct Target {
  const Kind* kind = nullptr;
  int family = AF_INET;
  std::uint16_t port = 0;
};

struct Load {
  double rate = 0;  ///< connections a second, the targets in turn
  std::chrono::nanoseconds life{};
  std::chrono::nanoseconds duration{};
};

struct Sent {
  std::vector<Truth> truth;
  std::int64_t late = 0;     ///< connects begun more than 10 ms after their time
  std::int64_t skipped = 0;  ///< could not be begun: no port, no descriptor
};

/// Opens connections at the rate, ends each as its kind says, and waits until the last has ended.
Sent connect_all(const std::vector<Target>& targets, const Load& load);

}  // namespace churn

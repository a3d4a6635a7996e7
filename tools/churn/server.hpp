// SPDX-License-Identifier: MIT
#pragma once

#include "kinds.hpp"
#include "net.hpp"

#include <chrono>
#include <cstdint>
#include <vector>

namespace churn {

/// The listening side of one kind.
class Listening {
 public:
  Listening(const Kind& kind, int family);

  [[nodiscard]] const Kind& kind() const { return kind_; }
  [[nodiscard]] int fd() const { return fd_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }

 private:
  const Kind& kind_;
  int fd_ = -1;
  std::uint16_t port_ = 0;
  std::vector<int> fillers_;  ///< connections that fill the backlog
};

/// Serves until `stop_fd` becomes readable and every accepted connection has ended (or a second has
/// passed); returns what was accepted.
std::vector<Truth> serve(const std::vector<Listening>& listeners,
                         std::chrono::nanoseconds life,
                         int stop_fd);

}  // namespace churn

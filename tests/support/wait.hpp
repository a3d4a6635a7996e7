// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <thread>

namespace netlog::test {

/// Tries a condition until it holds, for at most a minute.
/// @return whether it held. A test requires it: a host may be slow, and a loop must end.
template <typename Condition>
[[nodiscard]] bool eventually(const Condition& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  while (!condition()) {
    if (std::chrono::steady_clock::now() > deadline) {
      return false;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  return true;
}

}  // namespace netlog::test

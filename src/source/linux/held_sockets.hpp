// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace netlog::source {

/// A descriptor that is a socket.
struct HeldSocket {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
  std::int32_t descriptor = -1;
};

/// The sockets that all processes hold, listed by the kernel (BPF iterator over task files).
class HeldSockets {
 public:
  /// Needs CAP_BPF and CAP_PERFMON, which list() does not.
  static Result<HeldSockets> open();

  HeldSockets(const HeldSockets&) = delete;
  HeldSockets& operator=(const HeldSockets&) = delete;
  HeldSockets(HeldSockets&& other) noexcept;
  HeldSockets& operator=(HeldSockets&& other) noexcept;
  ~HeldSockets();

  /// As it is now; a descriptor that is opened or closed meanwhile may be in it or not.
  [[nodiscard]] Result<std::vector<HeldSocket>> list() const;

 private:
  struct State;
  explicit HeldSockets(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <memory>
#include <vector>

namespace netlog::source {

/// One descriptor that leads to a socket.
struct HeldSocket {
  std::uint64_t inode = 0;
  std::uint32_t pid = 0;
  std::int32_t descriptor = -1;
};

/// A list of the sockets that all processes hold, made in the kernel by a BPF iterator over task
/// files.
class HeldSockets {
 public:
  /// Loads the program. Needs CAP_BPF and CAP_PERFMON; list() does not. Errors: the system's
  /// reason.
  static Result<HeldSockets> open();

  HeldSockets(const HeldSockets&) = delete;
  HeldSockets& operator=(const HeldSockets&) = delete;
  HeldSockets(HeldSockets&& other) noexcept;
  HeldSockets& operator=(HeldSockets&& other) noexcept;
  ~HeldSockets();

  /// Reads the list. Descriptors that are opened or closed meanwhile may or may not be in it.
  [[nodiscard]] Result<std::vector<HeldSocket>> list() const;

 private:
  struct State;
  explicit HeldSockets(std::unique_ptr<State> state);

  std::unique_ptr<State> state_;
};

}  // namespace netlog::source

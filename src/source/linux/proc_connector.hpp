// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/netlink_listener.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <utility>
#include <vector>

namespace netlog::source {

/// The kernel's messages about processes that execute a program and threads that end (the process
/// connector). They exist only in the first network, pid and user namespace. Linux before 6.6 wants
/// CAP_NET_ADMIN. Source: linux/cn_proc.h, drivers/connector/cn_proc.c.
class ProcConnector {
 public:
  /// What the receive buffer should have. A message takes less than 1 KiB of it.
  static constexpr int kBufferBytes = 2 << 20;

  /// Begins to listen. Errors: why the kernel sends nothing.
  static Result<ProcConnector> open(int buffer_bytes = kBufferBytes);
  ProcConnector(ProcConnector&& other) noexcept = default;
  ProcConnector& operator=(ProcConnector&& other) noexcept = default;
  ProcConnector(const ProcConnector&) = delete;
  ProcConnector& operator=(const ProcConnector&) = delete;
  ~ProcConnector();

  /// What one drain read.
  struct Events {
    Drained drained;
    std::vector<std::byte> messages;       ///< netlink messages one after the other
    std::set<std::uint32_t> executed;      ///< pids of processes that executed a program
    std::set<std::uint32_t> thread_ended;  ///< pids of processes of which a thread has ended
  };
  /// The messages that have arrived about processes that `is_wanted` accepts. Errors: the socket
  /// cannot be read.
  Result<Events> drain(const std::function<bool(std::uint32_t pid)>& is_wanted);

 private:
  explicit ProcConnector(NetlinkListener listener) : listener_{std::move(listener)} {}

  [[nodiscard]] Result<void> listen();

  NetlinkListener listener_;
  std::vector<std::byte> all_;  ///< of one drain; its memory is used again
};

/// What to add to a time in such a message for the boot clock. Errors: it is not known.
Result<std::int64_t> proc_connector_shift_ns();

}  // namespace netlog::source

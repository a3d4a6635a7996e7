// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"
#include "source/linux/procfs.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace netlog::source {

/// What one drain found out about lost messages.
struct Drained {
  bool overrun = false;              ///< the kernel dropped messages since the last drain
  std::optional<std::int64_t> lost;  ///< how many; absent if none or not known
};

/// A netlink socket that takes what the kernel sends to multicast groups, in the network namespace
/// in which it was opened. Source: netlink(7).
class NetlinkListener {
 public:
  /// The receive buffer has `buffer_bytes`, or as many as the system allows. `what` it listens to
  /// is for messages. Errors: the system's reason.
  static Result<NetlinkListener> open(int protocol, std::string what, int buffer_bytes);

  /// Errors: the system's reason.
  Result<void> join(int group);
  void leave(int group);

  /// Sends a message to the kernel. Errors: the system's reason.
  [[nodiscard]] Result<void> send(std::span<const std::byte> message) const;

  /// Appends the messages of the kernel that have arrived, one after the other. A message has at
  /// most 1 KiB. Errors: the socket cannot be read.
  Result<Drained> drain(std::vector<std::byte>& out);

  /// The size of the receive buffer as the kernel counts it: twice the requested size (socket(7)).
  [[nodiscard]] int buffer_bytes() const { return buffer_bytes_; }
  /// False when it was moved from.
  explicit operator bool() const { return static_cast<bool>(fd_); }

 private:
  NetlinkListener(os::UniqueFd fd, int protocol, std::string what)
      : fd_{std::move(fd)}, protocol_{protocol}, what_{std::move(what)} {}

  /// The kernel's count of messages that it dropped since this socket was opened.
  [[nodiscard]] std::optional<std::int64_t> drops() const;

  os::UniqueFd fd_;
  int protocol_;
  std::string what_;
  std::optional<ProcFile> sockets_;  ///< /proc/net/netlink of the namespace
  std::uint32_t port_id_ = 0;
  int buffer_bytes_ = 0;
  std::int64_t drops_before_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace netlog::source

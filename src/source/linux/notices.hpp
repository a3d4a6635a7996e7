// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/procfs.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

namespace netlog::source {

/// What one drain found out about lost notices.
struct Drained {
  bool overrun = false;              ///< the kernel dropped notices since the last drain
  std::optional<std::int64_t> lost;  ///< how many; absent if none or not known
};

/// The kernel's notices of closed sockets (multicast groups SKNLGRP_INET_TCP_DESTROY and the like)
/// of the network namespace in which this was opened. Needs no privilege. Source:
/// linux/sock_diag.h, net/core/sock_diag.c.
class Notices {
 public:
  /// Subscribes to closes of sockets of these tables. The receive buffer has `buffer_bytes`, or as
  /// many as the system allows. Errors: the system's reason.
  static Result<Notices> open(TableSet tables, int buffer_bytes);
  /// Subscribes to closes of sockets of more tables. Errors: the system's reason.
  Result<void> subscribe(TableSet tables);
  /// The reverse.
  void unsubscribe(TableSet tables);
  [[nodiscard]] TableSet tables() const { return tables_; }

  /// Appends the notices that have arrived: netlink messages one after the other. Errors: the
  /// socket cannot be read.
  Result<Drained> drain(std::vector<std::byte>& out);

  /// The size of the receive buffer as the kernel counts it: twice the requested size (socket(7)).
  [[nodiscard]] int buffer_bytes() const { return buffer_bytes_; }

 private:
  Notices(os::UniqueFd fd, std::optional<ProcFile> sockets, std::uint32_t port_id, int buffer_bytes)
      : fd_{std::move(fd)},
        sockets_{std::move(sockets)},
        port_id_{port_id},
        buffer_bytes_{buffer_bytes} {}

  /// The kernel's count of notices that it dropped since this socket was opened.
  [[nodiscard]] std::optional<std::int64_t> drops() const;

  os::UniqueFd fd_;
  std::optional<ProcFile> sockets_;  ///< /proc/net/netlink of the namespace
  std::uint32_t port_id_;
  int buffer_bytes_;
  TableSet tables_ = 0;
  std::int64_t drops_before_ = 0;
  std::vector<std::byte> buffer_;
};

}  // namespace netlog::source

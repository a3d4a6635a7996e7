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

/// What one drain brought.
struct Drained {
  bool overrun = false;              ///< the kernel dropped notices since the last drain
  std::optional<std::int64_t> lost;  ///< how many; absent: none, or the count could not be read
};

/// The kernel's announcements of sockets that end (SKNLGRP_INET_TCP_DESTROY and its three sisters),
/// in the network namespace in which this was opened. Needs no privilege. Source:
/// linux/sock_diag.h, net/core/sock_diag.c.
class Notices {
 public:
  /// Subscribes to the ends of sockets of these tables, with a receive buffer of `buffer_bytes`, or
  /// as much as is allowed.
  static Result<Notices> open(TableSet tables, int buffer_bytes);
  Result<void> subscribe(TableSet tables);
  [[nodiscard]] TableSet tables() const { return tables_; }

  /// Appends all that has arrived: netlink messages one after the other.
  Result<Drained> drain(std::vector<std::byte>& out);

  /// Of the receive buffer, as the kernel counts it.
  [[nodiscard]] int buffer_bytes() const { return buffer_bytes_; }

 private:
  Notices(os::UniqueFd fd, std::optional<ProcFile> sockets, std::uint32_t port_id, int buffer_bytes)
      : fd_{std::move(fd)},
        sockets_{std::move(sockets)},
        port_id_{port_id},
        buffer_bytes_{buffer_bytes} {}

  /// The kernel's own count of what it dropped on this socket, since it was opened.
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

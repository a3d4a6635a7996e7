// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/snapshot.hpp"
#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <vector>

namespace netlog::source {

/// A NETLINK_SOCK_DIAG socket of the network namespace in which it was opened.
class SockDiag {
 public:
  /// Errors: the system's reason.
  static Result<SockDiag> open();

  /// Called when `out` has grown large. It may empty it.
  using OnPart = std::function<void()>;

  /// Dumps a table and appends the netlink messages as received, with NLMSG_DONE. dump_tcp() reads
  /// IPv4 and IPv6 at once (the legacy request TCPDIAG_GETSOCK), dump_udp() one family. Errors:
  /// errc::interrupted if the kernel says that the dump is not consistent, errc::too_large, the
  /// system's reason.
  /// Source: linux/inet_diag.h, net/ipv4/inet_diag.c.
  Result<void> dump_tcp(capture::DumpDepth depth,
                        std::vector<std::byte>& out,
                        const OnPart& on_part);
  Result<void> dump_udp(TableKind table, std::vector<std::byte>& out, const OnPart& on_part);

 private:
  explicit SockDiag(os::UniqueFd fd) : fd_{std::move(fd)} {}

  Result<void> dump(std::span<std::byte> request,
                    std::vector<std::byte>& out,
                    const OnPart& on_part);

  os::UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "base/error.hpp"
#include "model/snapshot.hpp"
#include "platform/linux/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

namespace netlog::platform {

/// A NETLINK_SOCK_DIAG socket of the network namespace in which it was opened.
class SockDiag {
 public:
  static Result<SockDiag> open();

  /// Dumps one protocol's table and appends the messages as received, NLMSG_DONE included. `depth`
  /// is a set of DumpDepth bits. TCP comes for IPv4 and IPv6 in one walk (the legacy
  /// TCPDIAG_GETSOCK request), UDP family by family, one dump after the other. An interrupted dump
  /// is tried again, three times in all. Source: linux/inet_diag.h, net/ipv4/inet_diag.c.
  Result<void> dump_tcp(std::int64_t depth, std::vector<std::byte>& out);
  Result<void> dump_udp(TableKind table, std::vector<std::byte>& out);

 private:
  explicit SockDiag(UniqueFd fd) : fd_{std::move(fd)} {}

  Result<void> dump(std::vector<std::byte> request, std::vector<std::byte>& out);
  /// One try; false when the kernel says that the dump is not consistent.
  Result<bool> try_dump(std::vector<std::byte>& request, std::vector<std::byte>& out);

  UniqueFd fd_;
  std::uint32_t sequence_ = 0;
};

}  // namespace netlog::platform

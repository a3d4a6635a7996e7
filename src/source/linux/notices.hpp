// SPDX-License-Identifier: MIT
#pragma once

#include "model/snapshot.hpp"
#include "source/linux/netlink_listener.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <utility>
#include <vector>

namespace netlog::source {

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
  Result<Drained> drain(std::vector<std::byte>& out) { return listener_.drain(out); }

  /// As NetlinkListener::buffer_bytes().
  [[nodiscard]] int buffer_bytes() const { return listener_.buffer_bytes(); }

 private:
  explicit Notices(NetlinkListener listener) : listener_{std::move(listener)} {}

  NetlinkListener listener_;
  TableSet tables_ = 0;
};

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#include "source/linux/notices.hpp"

#include <array>

#include <linux/netlink.h>
#include <linux/sock_diag.h>

namespace netlog::source {
namespace {

constexpr std::array kGroups{std::pair{TableKind::tcp4, SKNLGRP_INET_TCP_DESTROY},
                             std::pair{TableKind::udp4, SKNLGRP_INET_UDP_DESTROY},
                             std::pair{TableKind::tcp6, SKNLGRP_INET6_TCP_DESTROY},
                             std::pair{TableKind::udp6, SKNLGRP_INET6_UDP_DESTROY}};

}  // namespace

Result<Notices> Notices::open(TableSet tables, int buffer_bytes) {
  // A TCP notice is 380 bytes, a UDP notice 96.
  auto listener = NetlinkListener::open(NETLINK_SOCK_DIAG, "destroy notices", buffer_bytes);
  if (!listener) {
    return listener.error();
  }
  Notices notices{std::move(*listener)};
  if (const auto subscribed = notices.subscribe(tables); !subscribed) {
    return subscribed.error();
  }
  return notices;
}

Result<void> Notices::subscribe(TableSet tables) {
  for (const auto& [table, group] : kGroups) {
    if ((tables & table_bit(table)) != 0) {
      if (const auto joined = listener_.join(group); !joined) {
        return joined.error();
      }
    }
  }
  tables_ |= tables;
  return {};
}

void Notices::unsubscribe(TableSet tables) {
  for (const auto& [table, group] : kGroups) {
    if ((tables & table_bit(table)) != 0) {
      listener_.leave(group);
    }
  }
  tables_ &= static_cast<TableSet>(~tables);
}

}  // namespace netlog::source

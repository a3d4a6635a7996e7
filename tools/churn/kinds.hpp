// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace churn {

/// How one end of a connection closes it.
enum class End : std::uint8_t {
  await,         ///< nothing: reads until the other side ends, then closes
  close,         ///< close(2)
  close_unread,  ///< close(2) with received data unread, which sends a RST
  abort,         ///< SO_LINGER 0, close(2)
  half_close,    ///< shutdown(SHUT_WR), then reads until the other side ends
};

/// The listener that the client connects to.
enum class Listener : std::uint8_t {
  accepts,
  never_accepts,
  nobody,  ///< a closed port
  full     ///< a full backlog: SYNs are dropped
};

/// One way in which a connection is opened and closed.
struct Kind {
  std::string_view name;
  Listener listener = Listener::accepts;
  End client = End::await;       ///< after the life time
  End server = End::await;       ///< after the life time
  End server_then = End::close;  ///< what a server in `await` does when the client has closed
  bool client_sends = false;
  bool server_sends = false;
  bool blocking_connect = false;
};

std::span<const Kind> kinds();

}  // namespace churn

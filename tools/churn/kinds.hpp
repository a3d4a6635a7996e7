// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace churn {

/// What an end of a connection does when its time has come.
enum class End : std::uint8_t {
  await,         ///< nothing: reads until the other side ends, then closes
  close,         ///< close(2)
  close_unread,  ///< close(2) with received data unread, which sends a RST
  abort,         ///< SO_LINGER 0, close(2)
  half_close,    ///< shutdown(SHUT_WR), then reads until the other side ends
};

/// Who listens where the client connects to.
enum class Listener : std::uint8_t {
  accepts,
  never_accepts,
  nobody,  ///< a closed port
  full     ///< a backlog that has no room: SYNs are dropped
};

/// One way for a connection to live and end.
struct Kind {
  std::string_view name;
  Listener listener = Listener::accepts;
  End client = End::await;       ///< after the life time
  End server = End::await;       ///< after the life time
  End server_then = End::close;  ///< what an awaiting server does at the client's end
  bool client_sends = false;
  bool server_sends = false;
  bool blocking_connect = false;
};

std::span<const Kind> kinds();

}  // namespace churn

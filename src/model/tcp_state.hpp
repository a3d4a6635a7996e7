// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace netlog {

/// The eleven states of RFC 9293 §3.3.2 and Windows' DELETE_TCB, numbered as in the MIB (RFC 4022,
/// tcpConnectionState).
enum class TcpState : std::uint8_t {
  closed = 1,
  listen = 2,
  syn_sent = 3,
  syn_received = 4,
  established = 5,
  fin_wait_1 = 6,
  fin_wait_2 = 7,
  close_wait = 8,
  last_ack = 9,
  closing = 10,
  time_wait = 11,
  delete_tcb = 12,
};

/// The state as netlog prints it: `SYN_SENT`. Never empty.
std::string_view name(TcpState state);

/// The state behind a MIB number (1 … 12), or nothing.
std::optional<TcpState> tcp_state_from_mib(std::int64_t number);

/// Reads any common spelling: `SYN_SENT`, `syn-sent`, `SynSent`, `SYN_RECV`, `ESTAB`, `FIN-WAIT-1`,
/// `FINWAIT1`, `UNCONN` (closed). Case, `_`, `-` and blanks do not matter.
std::optional<TcpState> parse_tcp_state(std::string_view text);

}  // namespace netlog

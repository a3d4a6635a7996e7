// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "util/byte_reader.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace netlog::decode {

/// The state behind the Linux kernel's number; 12 (NEW_SYN_RECV) is SYN_RECEIVED, too. Source:
/// include/net/tcp_states.h.
std::optional<TcpState> state_from_kernel(unsigned number);

/// The family behind the number of an address family of Linux: 2 or 10. Source: linux/socket.h.
std::optional<Family> family_from_kernel(unsigned number);

/// The name of a task, of 16 bytes with a NUL. Untrusted: it becomes bounded UTF-8. Source:
/// linux/sched.h, TASK_COMM_LEN.
std::string read_comm(ByteReader& in);

/// A clock tick as proc(5) counts process starts: USER_HZ is 100 on every platform.
inline constexpr std::uint64_t kNsPerClockTick = 10'000'000;

/// Reads 16 bytes, of which an IPv4 address takes the first four.
IpAddress read_address(ByteReader& in, Family family);

/// Gives a link-local address its interface.
void set_scope(IpAddress& address, std::uint32_t interface);
/// Gives the link-local addresses of a socket the interface that it is bound to.
void set_scope(FiveTuple& tuple, std::uint32_t interface);

}  // namespace netlog::decode

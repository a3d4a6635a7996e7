// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "util/byte_reader.hpp"

#include <cstdint>
#include <optional>

namespace netlog::decode {

/// The state behind the Linux kernel's number; 12 (NEW_SYN_RECV) is SYN_RECEIVED, too. Source:
/// include/net/tcp_states.h.
std::optional<TcpState> state_from_kernel(unsigned number);

/// Reads 16 bytes, of which an IPv4 address takes the first four.
IpAddress read_address(ByteReader& in, Family family);

/// Gives the link-local addresses of a socket the interface that it is bound to.
void set_scope(FiveTuple& tuple, std::uint32_t interface);

}  // namespace netlog::decode

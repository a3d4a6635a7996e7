// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/connection.hpp"

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::decode {

/// Whether it is at most 253 letters, digits, `-`, `_` and `.` of ASCII and does not begin with
/// `-`.
bool is_net_name(std::string_view text);

/// Reads the text of a hosts file, hosts(5): calls `host` with each name, as it is in the file, and
/// its address, aliases after their name. Lines that are no entry, and names that are none, are
/// left out; so are the names in a line that end behind its first 4096 bytes.
void for_each_host_name(
    std::string_view text,
    const std::function<void(const IpAddress& address, std::string_view name)>& host);

/// One name of a port, as the file writes it.
struct Service {
  std::string name;
  std::uint16_t port = 0;
  Protocol protocol = Protocol::tcp;
};

/// Reads the text of a services file, services(5), in the same way. Names have a letter (RFC 6335
/// §5.1), so that none is taken for a number; other protocols than TCP and UDP are left out.
std::vector<Service> parse_services(std::string_view text);

/// The port of a service, of this protocol if one is given; the first one in the file.
std::optional<std::uint16_t> port_of(const std::vector<Service>& services,
                                     std::string_view name,
                                     std::optional<Protocol> protocol);

}  // namespace netlog::decode

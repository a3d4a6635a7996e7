// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/connection.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::decode {

/// Whether it is at most 253 letters, digits, `-`, `_` and `.` of ASCII and does not begin with
/// `-`.
bool is_net_name(std::string_view text);

/// One name of a host, in lower case, and one of its addresses.
struct HostName {
  std::string name;
  IpAddress address;
};

/// Reads the text of a hosts file, hosts(5): in the file's order, aliases after their name. Lines
/// that are no entry or longer than 4096 bytes, and names that are none, are left out.
std::vector<HostName> parse_hosts(std::string_view text);

/// Every address of a name, whatever its case; empty: not there.
std::vector<IpAddress> addresses_of(const std::vector<HostName>& hosts, std::string_view name);

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

// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

namespace netlog::cli {

/// The port that an option's text means: a number, or the name of a service in the system's file
/// `services`, of this protocol if one is given. Nothing for empty text.
/// @throws UsageError that names `option`.
std::optional<std::uint16_t> parse_port(const char* option,
                                        std::string_view text,
                                        std::optional<Protocol> protocol);

/// Names of services by port and protocol, `tcp` or `udp`.
using ServiceNames = std::map<std::pair<std::uint16_t, std::string_view>, std::string>;

/// Reads the system's file `services`.
/// @throws CommandFailed: it cannot be read.
ServiceNames read_service_names();

/// The service's name, of any protocol where `protocol` is empty; empty: none.
std::string service_name(const ServiceNames& names, std::uint16_t port, std::string_view protocol);

}  // namespace netlog::cli

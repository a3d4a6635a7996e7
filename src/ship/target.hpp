// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <string>
#include <string_view>

namespace netlog::ship {

/// A database on a server.
struct Target {
  bool tls = false;
  std::string host;  ///< a name or an address, IPv6 without brackets
  std::string port;
  std::string database;
};

/// Reads `clickhouse://HOST:PORT/DATABASE`; with TLS `clickhouses://`. `http://` and `https://`
/// mean the same. The port is 8123, with TLS 8443, and the database `netlog` if they are not given.
/// Errors: malformed, also for a name or a password in it; the context says what is wrong and has
/// nothing of a password.
Result<Target> parse_target(std::string_view url);

}  // namespace netlog::ship

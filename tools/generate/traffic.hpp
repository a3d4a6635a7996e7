// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/process.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace generate {

/// One kind of connection of the invented host.
struct Traffic {
  std::string process{};  ///< name of its owner
  std::vector<std::uint32_t>
      pids{};  ///< each connection has one of them; empty: a new process for each
  std::string user{};
  netlog::Direction direction = netlog::Direction::outbound;
  netlog::Protocol protocol = netlog::Protocol::tcp;
  std::string local{};           ///< address; `2001:db8:` peers use the IPv6 one
  std::uint16_t local_port = 0;  ///< 0: an ephemeral port
  std::vector<std::string> peers{};
  std::uint16_t remote_port = 0;  ///< 0: an ephemeral port
  double share = 0;               ///< of all connections; 0: see `period_s`
  double period_s = 0;            ///< seconds between two connections; 0: see `share`
  double jitter_s = 0;
  double daily = 0;   ///< 0: the same all day; 1: nothing at night
  double from_h = 0;  ///< hours of the day in which it happens
  double to_h = 24;
  double connect_ms = 1;  ///< median
  double life_s = 1;      ///< median
  double spread = 1;      ///< sigma of the lognormal life
  double refused = 0;     ///< share
  double unanswered = 0;
  double reset = 0;
  double peer_first = 0.5;  ///< share of those closed that the peer closes first
  double stuck = 0;         ///< share that stays in CLOSE_WAIT
};

/// The day of a web server with its database, cache, monitoring and a few programs that misbehave.
std::vector<Traffic> traffic();

struct Listener {
  std::string process;
  std::uint32_t pid = 0;
  std::string user;
  netlog::Protocol protocol = netlog::Protocol::tcp;
  std::string address;
  std::uint16_t port = 0;
};
std::vector<Listener> listeners();

}  // namespace generate

// SPDX-License-Identifier: MIT
#include "traffic.hpp"

#include <fmt/format.h>

namespace generate {
namespace {

using netlog::Direction;
using netlog::Protocol;

constexpr const char* kHost = "192.0.2.10";

std::vector<std::string> addresses(const char* format, unsigned count) {
  std::vector<std::string> all;
  for (unsigned i = 0; i < count; ++i) {
    all.push_back(fmt::format(fmt::runtime(format), i / 256, i % 256));
  }
  return all;
}

/// Clients from many networks, a quarter of them over IPv6; the first ones are the most frequent.
std::vector<std::string> clients() {
  auto all = addresses("100.64.{}.{}", 30'000);
  const auto more = addresses("2001:db8:{:x}::{:x}", 10'000);
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

}  // namespace

std::vector<Traffic> traffic() {
  const std::vector<std::uint32_t> nginx{801, 802, 803, 804};
  const std::vector<std::uint32_t> app{1201, 1202, 1203, 1204, 1205, 1206, 1207, 1208};
  std::vector<Traffic> all;
  const auto add = [&](Traffic one) { all.push_back(std::move(one)); };

  add({.process = "nginx",
       .pids = nginx,
       .user = "www-data",
       .direction = Direction::inbound,
       .local = kHost,
       .local_port = 443,
       .peers = clients(),
       .share = 0.34,
       .daily = 0.8,
       .connect_ms = 30,
       .life_s = 1.5,
       .spread = 1.8,
       .reset = 0.012,
       .peer_first = 0.6});
  add({.process = "nginx",
       .pids = nginx,
       .user = "www-data",
       .local = "127.0.0.1",
       .peers = {"127.0.0.1"},
       .remote_port = 8080,
       .share = 0.2,
       .daily = 0.8,
       .connect_ms = 0.05,
       .life_s = 0.04,
       .spread = 1,
       .refused = 0.0005,
       .peer_first = 0.2});
  add({.process = "java",
       .pids = app,
       .user = "app",
       .direction = Direction::inbound,
       .local = "127.0.0.1",
       .local_port = 8080,
       .peers = {"127.0.0.1"},
       .share = 0.2,
       .daily = 0.8,
       .connect_ms = 0.05,
       .life_s = 0.04,
       .spread = 1,
       .peer_first = 0.8});
  add({.process = "java",
       .pids = app,
       .user = "app",
       .local = kHost,
       .peers = {"10.0.0.5"},
       .remote_port = 5432,
       .share = 0.03,
       .daily = 0.5,
       .connect_ms = 0.6,
       .life_s = 45,
       .spread = 1.2,
       .unanswered = 0.0004,
       .reset = 0.002,
       .peer_first = 0.05});
  add({.process = "java",
       .pids = app,
       .user = "app",
       .local = kHost,
       .peers = {"10.0.0.6", "10.0.0.7"},
       .remote_port = 6379,
       .share = 0.06,
       .daily = 0.8,
       .connect_ms = 0.3,
       .life_s = 0.02,
       .spread = 0.7,
       .peer_first = 0.1});
  add({.process = "java",
       .pids = app,
       .user = "app",
       .local = kHost,
       .peers = addresses("198.51.100.{1}", 40),
       .remote_port = 443,
       .share = 0.03,
       .daily = 0.6,
       .connect_ms = 35,
       .life_s = 2,
       .spread = 1.5,
       .refused = 0.01,
       .unanswered = 0.005,
       .reset = 0.01});
  add({.process = "systemd-resolve",
       .pids = {410},
       .user = "systemd-resolve",
       .protocol = Protocol::udp,
       .local = kHost,
       .peers = {"10.0.0.2", "10.0.0.3"},
       .remote_port = 53,
       .share = 0.1,
       .daily = 0.4,
       .life_s = 0.02,
       .spread = 1});
  add({.process = "curl",
       .user = "root",
       .local = kHost,
       .peers = {"10.0.0.9"},
       .remote_port = 8080,
       .share = 0.002,
       .connect_ms = 0.4,
       .life_s = 0.1,
       .spread = 0.5});
  // A batch job at two o'clock that opens many connections.
  add({.process = "batch",
       .pids = {31337},
       .user = "batch",
       .local = kHost,
       .peers = {"10.0.0.8"},
       .remote_port = 9200,
       .share = 0.03,
       .from_h = 2,
       .to_h = 2.2,
       .connect_ms = 0.5,
       .life_s = 0.3,
       .spread = 1,
       .refused = 0.1});
  // Answers, and does not close connections that its clients have closed.
  add({.process = "legacy",
       .pids = {666},
       .user = "legacy",
       .direction = Direction::inbound,
       .local = kHost,
       .local_port = 7000,
       .peers = addresses("10.0.7.{1}", 20),
       .share = 0.004,
       .daily = 0.5,
       .connect_ms = 0.4,
       .life_s = 3,
       .spread = 0.5,
       .peer_first = 1,
       .stuck = 0.03});
  add({.process = "agent",
       .pids = {555},
       .user = "nobody",
       .local = kHost,
       .peers = {"203.0.113.66"},
       .remote_port = 443,
       .period_s = 60,
       .jitter_s = 0.7,
       .connect_ms = 80,
       .life_s = 0.4,
       .spread = 0.2});
  for (unsigned i = 0; i < 5; ++i) {
    add({.process = "node_exporter",
         .pids = {900},
         .user = "prometheus",
         .direction = Direction::inbound,
         .local = kHost,
         .local_port = 9100,
         .peers = {fmt::format("10.0.0.{}", 20 + i)},
         .period_s = 15,
         .jitter_s = 0.05,
         .connect_ms = 0.3,
         .life_s = 0.05,
         .spread = 0.3});
  }
  add({.process = "sshd",
       .pids = {700},
       .user = "root",
       .direction = Direction::inbound,
       .local = kHost,
       .local_port = 22,
       .peers = addresses("203.0.113.{1}", 200),
       .share = 0.004,
       .connect_ms = 120,
       .life_s = 8,
       .spread = 1.6,
       .reset = 0.2,
       .peer_first = 0.3});
  // Connections that stay open for hours.
  add({.process = "nginx",
       .pids = nginx,
       .user = "www-data",
       .direction = Direction::inbound,
       .local = kHost,
       .local_port = 8443,
       .peers = addresses("100.65.{}.{}", 3'000),
       .share = 0.0008,
       .daily = 0.7,
       .connect_ms = 40,
       .life_s = 5'400,
       .spread = 1,
       .reset = 0.05});
  return all;
}

std::vector<Listener> listeners() {
  std::vector<Listener> all{
      {"sshd", 700, "root", Protocol::tcp, "0.0.0.0", 22},
      {"nginx", 801, "www-data", Protocol::tcp, "0.0.0.0", 443},
      {"nginx", 801, "www-data", Protocol::tcp, "0.0.0.0", 8443},
      {"java", 1201, "app", Protocol::tcp, "127.0.0.1", 8080},
      {"legacy", 666, "legacy", Protocol::tcp, "0.0.0.0", 7000},
      {"node_exporter", 900, "prometheus", Protocol::tcp, "0.0.0.0", 9100},
      {"systemd-resolve", 410, "systemd-resolve", Protocol::udp, "127.0.0.53", 53}};
  for (std::uint16_t i = 0; i < 20; ++i) {
    all.push_back({fmt::format("service-{:02}", i),
                   2000U + i,
                   "svc",
                   Protocol::tcp,
                   "127.0.0.1",
                   static_cast<std::uint16_t>(20'000 + i)});
  }
  return all;
}

}  // namespace generate

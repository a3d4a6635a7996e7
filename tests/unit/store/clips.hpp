// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "report/filter.hpp"
#include "store/clip/clip.hpp"
#include "support/catch.hpp"
#include "support/scenario.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

/// A recording to cut clips out of.
namespace netlog_tests::clips {

using namespace netlog;
using namespace netlog::store;
using netlog::test::Scenario;

inline const auto kGoOn = [] { return true; };
inline constexpr std::int64_t kBegin = 1'763'700'000'000'000'000;

inline std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

inline report::Filter window(std::int64_t from_ns, std::int64_t to_ns) {
  report::Filter filter;
  filter.since_ns = from_ns;
  filter.until_ns = to_ns;
  return filter;
}

inline ClipOptions wish_for(const report::Filter& filter) {
  auto clause = report::connection_clause(filter);
  ClipOptions wish;
  wish.from_ns = filter.since_ns;
  wish.to_ns = filter.until_ns;
  wish.connections.push_back({std::move(clause.sql), std::move(clause.parameters)});
  return wish;
}

inline ClipOptions redacted(ClipOptions wish,
                            std::string_view key,
                            std::set<std::string, std::less<>> keep) {
  wish.redaction = RedactionOptions{key_of(key), std::move(keep)};
  return wish;
}

inline ClipTotals cut(const std::filesystem::path& source,
                      const std::filesystem::path& out,
                      const ClipOptions& wish) {
  REQUIRE(os::create_private_file(out).has_value());
  return clip(source, out, wish, kGoOn);
}

/// Two minutes of a host with a server, clients of every kind of end, sockets that change hands,
/// and some that never end.
inline void play(Scenario& scenario, std::uint32_t seed) {
  std::mt19937 random{seed};
  using enum TcpState;
  const ProcessId server{10, 1};
  const ProcessId child{11, 2};
  const ProcessId client{20, 3};
  const ProcessId late{30, 4};
  scenario.start_process(server, 0, "server");
  scenario.start_process(child, 1, "child");
  scenario.start_process(client, 2, "client");
  scenario.start_process(late, 70, "late");
  scenario.add_socket(
      Scenario::row(1, Scenario::at("0.0.0.0", 80), Scenario::at("0.0.0.0", 0), listen), server);
  struct Life {
    std::uint64_t cookie;
    int from;
    int to;
  };
  std::vector<Life> lives;
  for (std::uint64_t cookie = 2; cookie < 90; ++cookie) {
    const int from = static_cast<int>(random() % 115);
    lives.push_back({cookie, from, from + 2 + static_cast<int>(random() % 40)});
  }
  for (int second = 0; second <= 120; ++second) {
    if (second == 60) {
      scenario.set_holder(1, child);
    }
    for (const auto& life : lives) {
      const auto port = static_cast<std::uint16_t>(4000 + life.cookie);
      const bool inbound = life.cookie % 3 == 0;
      const auto peer = (inbound ? "198.51.100." : "203.0.113.") + std::to_string(life.cookie % 7);
      if (second == life.from) {
        const auto local = Scenario::at("192.0.2.1", inbound ? std::uint16_t{80} : port);
        const auto remote = Scenario::at(peer.c_str(), inbound ? port : std::uint16_t{443});
        const auto first = inbound ? established : syn_sent;
        scenario.add_socket(Scenario::row(life.cookie, local, remote, first),
                            inbound                                ? server
                            : life.cookie % 5 == 0 && second >= 70 ? late
                                                                   : client);
      } else if (second == life.from + 1 && life.cookie % 4 != 1) {
        scenario.set_state(life.cookie, life.cookie % 4 == 2 ? close_wait : established);
      } else if (second == life.to) {
        scenario.remove(life.cookie);
      }
    }
    scenario.poll(second);
  }
}

/// Adds what a scenario does not record, so that no table is empty.
inline void fill_other_tables(const std::filesystem::path& path) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE};
  const auto at = [](int second) { return kBegin + second * kNsPerSecond; };
  database.exec(fmt::format(
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, detail) VALUES "
      "(1, {}, {}, 'tick', 'skipped ticks', 3, NULL), (1, {}, {}, 'trace', 'trace detached', NULL, "
      "'by "
      "somebody'), (1, {}, {}, 'tick', 'suspended', NULL, NULL)",
      at(5),
      at(6),
      at(50),
      at(52),
      at(100),
      at(110)));
  database.exec(fmt::format(
      "INSERT INTO coverage_window (session_id, from_ns, to_ns, kernel_opens, recorded_opens) "
      "VALUES (1, {}, {}, 40, 30), (1, {}, {}, 20, 20), (1, {}, {}, 5, 4)",
      at(0),
      at(30),
      at(30),
      at(60),
      at(60),
      at(90)));
  database.exec(
      fmt::format("INSERT INTO counter_sample (session_id, at_ns, active_opens) VALUES "
                  "(1, {}, 7), (1, {}, 9)",
                  at(10),
                  at(50)));
  database.exec("INSERT INTO service (session_id, pid, tag, name) VALUES (1, 10, 1, 'Dnscache')");
  database.exec(
      "INSERT INTO name (id, text) VALUES (1, 'mail.corp.example'), (2, 'www.corp.example'), (3, "
      "'elsewhere.test'), (4, '.');"
      "INSERT INTO address (id, family, text, bytes) VALUES (900, 4, '192.0.2.53', x'c0000235')");
  database.exec(fmt::format(
      "INSERT INTO lookup (session_id, at_ns, process_id, name_id, type, rcode, answers, "
      "server_id, "
      "server_port) VALUES (1, {0}, (SELECT id FROM process WHERE pid = 20), 1, 1, 0, "
      "'203.0.113.1, 203.0.113.2', 900, 53), (1, {1}, (SELECT id FROM process WHERE pid = 10), 2, "
      "5, 0, 'mail.corp.example', 900, 53), (1, {2}, NULL, 3, 1, 3, NULL, 900, 53), (1, {2}, NULL, "
      "4, 2, NULL, NULL, 900, 53)",
      at(11),
      at(51),
      at(100)));
  database.exec("UPDATE peer SET name_id = 1, name_source = 1 WHERE direction = 1 AND id % 2 = 0");
  database.exec(
      "INSERT INTO clip (cut_ns, filters, source, source_connections, source_events, redacted, "
      "netlog_version) VALUES (1, '--user alice', 'first.db', 1, 1, NULL, '0.1.0')");
}

}  // namespace netlog_tests::clips

// SPDX-License-Identifier: MIT
#pragma once

#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/answer_rows.hpp"
#include "support/scratch.hpp"
#include "support/server_lives.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <utility>
#include <vector>

/// Connections of two programs to peers with and without names, and their lookups.
namespace netlog_tests::name_history {

using namespace netlog;
using namespace netlog::report;
using netlog::test::server_lives::kSecond;

inline const ProcessId kCurl{20, 1};
inline const ProcessId kApp{30, 1};

inline Process process(const ProcessId& id, std::string name) {
  Process made;
  made.id = id;
  made.name = std::move(name);
  made.cmdline = made.name;
  return made;
}

/// An outbound connection in network namespace 5, opened in second `id`.
struct To {
  ConnectionId id = 0;
  ProcessId owner;
  const char* address = "";
  std::uint16_t port = 443;
  const char* name = "";
  std::optional<std::int64_t> closed_s = std::nullopt;
  Outcome outcome = Outcome::closed;
  std::uint32_t netns = 5;
};

inline Connection connection(const To& to) {
  auto made = test::server_lives::open_connection(to.id, to.id);
  made.direction = Direction::outbound;
  made.netns = to.netns;
  made.owner.process = to.owner;
  made.tuple.local = {*parse_address("192.0.2.1"), static_cast<std::uint16_t>(40'000 + to.id)};
  made.tuple.remote = {*parse_address(to.address), to.port};
  made.remote_name = to.name;
  made.name_source = made.remote_name.empty() ? NameSource::none : NameSource::asked;
  return made;
}

inline std::vector<To> history() {
  return {
      {1, kCurl, "203.0.113.9", 443, "web.example", 10},
      {2, kCurl, "203.0.113.10", 443, "web.example", 11},
      {3, kApp, "203.0.113.9", 443, "web.example", {}},
      {4, kApp, "203.0.113.9", 80, "web.example", 6, Outcome::refused},
      {5, kApp, "203.0.113.9", 443, "", 13},
      {6, kApp, "203.0.113.77", 5432, "db.corp.example", 36},
      {7, kApp, "1.1.1.1", 853, "", 15},
      {8, kCurl, "203.0.113.10", 443, "web.example", 16, Outcome::closed, 6},
      {9, kCurl, "203.0.113.11", 443, "web.example", 17, Outcome::refused},
      {10, kApp, "203.0.113.12", 443, "web.example", 18, Outcome::refused},
      {11, kApp, "203.0.113.13", 443, "web.example", 19, Outcome::refused},
  };
}

inline Lookup lookup(const ProcessId& process,
                     std::string name,
                     std::int64_t at_s,
                     std::optional<std::uint16_t> rcode,
                     std::vector<std::string> answers = {},
                     std::int64_t latency_ms = 10) {
  Lookup made;
  made.netns = 5;
  made.process = process;
  made.at_ns = at_s * kSecond;
  made.name = std::move(name);
  made.type = 1;
  made.rcode = rcode;
  made.answers = std::move(answers);
  if (rcode) {
    made.latency_ns = latency_ms * 1'000'000;
  }
  made.server = {*parse_address("192.0.2.53"), 53};
  return made;
}

inline std::vector<Lookup> lookups() {
  constexpr std::uint16_t kServerFailure = 2;
  constexpr std::uint16_t kNoSuchName = 3;
  auto slow = lookup(kApp, "slow.example", 9, 0, {"203.0.113.99"}, 4'000);
  slow.server.port = 5353;
  slow.type = 28;
  return {
      lookup(kCurl, "web.example", 1, 0, {"203.0.113.9", "203.0.113.10"}),
      lookup(kCurl, "web.example", 2, 0, {"203.0.113.10"}, 30),
      lookup(kCurl, "web.example", 3, kServerFailure, {}, 20),
      lookup(kCurl, "web.example", 4, kNoSuchName, {}, 50),
      lookup(kCurl, "web.example", 5, kNoSuchName, {}, 60),
      lookup(kCurl, "web.example", 6, {}),
      // Another name of an address that it connects to.
      lookup(kCurl, "www.example", 7, 0, {"203.0.113.9"}),
      // It connects to neither.
      lookup(kCurl, "db.corp.example", 8, 0, {"203.0.113.77"}),
      slow,
      lookup(kApp, "db.corp.example", 10, 0, {"203.0.113.70"}),
      lookup(kApp, "nosuch.example", 11, kNoSuchName),
  };
}

inline void record(const std::filesystem::path& path, const std::vector<To>& all) {
  store::Writer writer{path, test::server_lives::session(0)};
  std::vector<store::Item> items{process(kCurl, "curl"), process(kApp, "app")};
  for (const auto& to : all) {
    items.emplace_back(test::server_lives::opens(connection(to)));
  }
  for (const auto& to : all) {
    if (to.closed_s) {
      auto end = test::server_lives::closes(connection(to), *to.closed_s * kSecond);
      end.connection.outcome = to.outcome;
      items.emplace_back(std::move(end));
    }
  }
  for (auto& each : lookups()) {
    items.emplace_back(std::move(each));
  }
  writer.push(std::move(items));
  writer.push({test::server_lives::alive(40)});
  writer.finish(40 * kSecond);
}

/// The same by sums and by single connections.
inline std::string rows_of(const std::filesystem::path& path,
                           std::string_view report,
                           const std::vector<std::string>& columns,
                           const Filter& filter = {},
                           Granularity granularity = Granularity::connections) {
  store::Reader reader{path};
  return test::answer_rows(run_report(reader, report, filter, -1, granularity), columns, 0);
}

}  // namespace netlog_tests::name_history

// SPDX-License-Identifier: MIT
#pragma once

#include "render/render.hpp"
#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/scratch.hpp"
#include "track/tracker.hpp"

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

/// A minute of a host: a web server that is restarted, a client whose server does not answer, a
/// process that leaks CLOSE_WAIT, a pool. Recorded through the real tracker.
namespace netlog_tests::minute_history {

using namespace netlog;
using namespace netlog::report;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kOldNginx = 10;
constexpr std::uint32_t kNewNginx = 11;
constexpr std::uint32_t kCurl = 20;
constexpr std::uint32_t kLeaky = 30;
constexpr std::uint32_t kPool = 40;
constexpr std::uint32_t kBeacon = 50;

/// A socket that the tables show from the second of its first state until before second `to`.
struct Seen {
  std::uint64_t cookie = 0;
  const char* local = "";
  std::uint16_t local_port = 0;
  const char* remote = "";
  std::uint16_t remote_port = 0;
  std::uint32_t pid = 0;
  std::vector<std::pair<int, TcpState>> states;  ///< each from its second on
  int to = 0;
};

using enum TcpState;

inline std::vector<Seen> history() {
  std::vector<Seen> all{
      {1, "0.0.0.0", 80, "0.0.0.0", 0, kOldNginx, {{0, listen}}, 20},
      {2, "0.0.0.0", 80, "0.0.0.0", 0, kNewNginx, {{25, listen}}, 100},
      {3,
       "192.0.2.1",
       80,
       "198.51.100.7",
       4000,
       kOldNginx,
       {{11, established}, {13, time_wait}},
       18},
      {4,
       "192.0.2.1",
       80,
       "198.51.100.7",
       4001,
       kNewNginx,
       {{30, established}, {31, close_wait}, {32, last_ack}},
       33},
      {5, "192.0.2.1", 5000, "203.0.113.9", 443, kCurl, {{5, syn_sent}}, 8},
      {6, "192.0.2.1", 5001, "203.0.113.9", 443, kCurl, {{40, syn_sent}}, 100},
      {7, "192.0.2.1", 6000, "203.0.113.50", 5432, kPool, {{35, established}}, 45},
      {8, "192.0.2.1", 6001, "203.0.113.50", 5432, kPool, {{36, syn_sent}, {37, established}}, 46},
      {9, "192.0.2.1", 6002, "203.0.113.50", 5432, kPool, {{44, established}}, 100},
  };
  for (std::uint16_t i = 0; i < 3; ++i) {
    const int from = 10 + i * 10;
    all.push_back({20U + i,
                   "192.0.2.1",
                   static_cast<std::uint16_t>(7000 + i),
                   "203.0.113.60",
                   8080,
                   kLeaky,
                   {{from, established}, {from + 1, close_wait}},
                   100});
  }
  return all;
}

/// The history and a process that connects every seven seconds, once a second late and once not at
/// all.
inline std::vector<Seen> with_beacon() {
  auto all = history();
  for (const int from : {3, 10, 17, 25, 31, 45, 52}) {
    all.push_back({100U + static_cast<std::uint64_t>(from),
                   "192.0.2.1",
                   static_cast<std::uint16_t>(9000 + from),
                   "203.0.113.77",
                   443,
                   kBeacon,
                   {{from, established}},
                   from + 1});
  }
  return all;
}

inline std::optional<TcpState> state_at(const Seen& seen, int second) {
  std::optional<TcpState> state;
  for (const auto& [from, entered] : seen.states) {
    if (from <= second && second < seen.to) {
      state = entered;
    }
  }
  return state;
}

inline SocketRow row_of(const Seen& seen, TcpState state) {
  SocketRow row;
  row.tuple = {Protocol::tcp,
               {*parse_address(seen.local), seen.local_port},
               {*parse_address(seen.remote), seen.remote_port}};
  row.incarnation = seen.cookie;
  row.state = state;
  row.holder_key = state == time_wait ? 0 : 1000 + seen.cookie;
  return row;
}

/// Records 60 s with a snapshot a second, and destroy notices of the connect that timed out and of
/// the reset.
inline void record(const std::filesystem::path& path, const std::vector<Seen>& all) {
  store::Writer writer{
      path, Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, kSecond, "sock_diag+notices", 0}};
  track::Tracker tracker;
  std::vector<store::Item> items;
  for (const auto& [pid, name] : std::map<std::uint32_t, std::string>{{kOldNginx, "nginx"},
                                                                      {kNewNginx, "nginx"},
                                                                      {kCurl, "curl"},
                                                                      {kLeaky, "leaky"},
                                                                      {kPool, "pool"},
                                                                      {kBeacon, "beacon"}}) {
    Process process;
    process.id = {pid, pid};
    process.started_ns = pid * kSecond / 100;
    process.name = name;
    process.parent_pid = 1;
    items.emplace_back(process);
  }
  for (int second = 0; second <= 60; ++second) {
    Snapshot snapshot;
    snapshot.tables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
    snapshot.incarnation_is_unique = true;
    snapshot.taken = Span{second * kSecond, second * kSecond};
    for (const auto& seen : all) {
      if (const auto state = state_at(seen, second)) {
        snapshot.rows.push_back(row_of(seen, *state));
      }
      if (seen.to == second && (seen.cookie == 5 || seen.cookie == 7)) {
        auto ended = row_of(seen, closed);
        ended.metrics = Metrics{};
        ended.metrics->segments_out = 2;
        ended.delivery = seen.cookie == 5 ? netlog::Delivery{0, 0, 1, 0, 2, 0, 0, 0}
                                          : netlog::Delivery{1, 0, 0, 0, 0, 0, 0, 0};
        tracker.apply(Notice{0, Moment{second * kSecond, kSecond / 2}, ended});
      }
    }
    // Every listener is known, and no notice is waited for.
    tracker.expect_notices(0, kAllTables, -1000 * kSecond);
    tracker.apply(snapshot);
    for (const auto& seen : all) {
      tracker.resolve(
          1000 + seen.cookie, ProcessId{seen.pid, seen.pid}, Moment{second * kSecond, kSecond});
    }
    for (auto& event : take_events(tracker)) {
      items.emplace_back(std::move(event));
    }
  }
  for (auto& connection : tracker.take_refreshes()) {
    items.emplace_back(store::Refresh{std::move(connection)});
  }
  items.emplace_back(
      Gap{std::nullopt, 50 * kSecond, 52 * kSecond, "tick", "skipped ticks", 2, std::nullopt});
  items.emplace_back(Coverage{0, 0, 60 * kSecond, 10, 9, 1, 1});
  items.emplace_back(Heartbeat{60 * kSecond, 61, 0, 2});
  writer.push(std::move(items));
  writer.finish(60 * kSecond);
}

inline std::string text_of(store::Reader& reader,
                           std::string_view report,
                           const Filter& filter,
                           Granularity granularity) {
  std::ostringstream out;
  render::write_text(out, run_report(reader, report, filter, -1, granularity), {});
  const auto text = out.str();
  return "\n" + text.substr(0, text.rfind("\nwindow"));
}

/// The text of a report, which is the same by every granularity that can answer.
inline std::string text_of(std::string_view report,
                           const Filter& filter = {},
                           const std::vector<Seen>& all = history()) {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, all);
  store::Reader reader{path};
  auto text = text_of(reader, report, filter, Granularity::connections);
  if (!filter.since_ns && !filter.until_ns && filter.states.empty()) {
    CHECK(text_of(reader, report, filter, Granularity::peers) == text);
    CHECK(text_of(reader, report, filter, Granularity::processes) == text);
  }
  return text;
}

inline Filter port_80_at(int second) {
  Filter filter;
  filter.local_port = 80;
  filter.since_ns = filter.until_ns = second * kSecond;
  return filter;
}

}  // namespace netlog_tests::minute_history

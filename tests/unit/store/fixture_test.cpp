// SPDX-License-Identifier: MIT
// Recordings of every schema version stay readable; see tests/fixtures/README.md.
#include "report/check.hpp"
#include "report/definition.hpp"
#include "report/report.hpp"
#include "store/clip/clip.hpp"
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/load.hpp"
#include "support/scratch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::store_fixture_test {

using namespace netlog;
using namespace netlog::store;

namespace {

constexpr std::uint64_t kNetns = 4026531840;
constexpr std::int64_t kSecond = 1'000'000'000;

/// What the load has none of: UDP, a listener, an unknown owner, a change of owner, offload,
/// TIME_WAIT.
std::vector<Item> other_connections(std::int64_t began_ns, ConnectionId first) {
  std::vector<Item> items;
  const ProcessId parent{90, 900};
  const ProcessId child{91, 910};
  for (const auto& [id, name] : {std::pair{parent, "server"}, std::pair{child, "worker"}}) {
    Process process;
    process.id = id;
    process.started_ns = began_ns - kSecond;
    process.name = name;
    process.exe = fmt::format("/usr/sbin/{}", name);
    process.user = "www-data";
    process.cgroup = "/system.slice/server.service";
    process.container = std::string(64, 'c');
    process.service = "web";
    process.service_caption = "Web Server";
    items.emplace_back(process);
  }
  const auto at = [&](std::int64_t ms, std::int64_t error_ms = 0) {
    return Moment{began_ns + ms * 1'000'000, error_ms * 1'000'000};
  };
  const auto add = [&](EventKind kind,
                       const Moment& moment,
                       Connection& connection,
                       std::optional<TcpState> to,
                       std::optional<ProcessId> former = std::nullopt) {
    const auto code = [](std::optional<TcpState> state) {
      return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
    };
    const bool first_event = kind == EventKind::open || kind == EventKind::present;
    const auto from = first_event ? std::nullopt : connection.state;
    connection.last_seen_ns = moment.at_ns;
    if (first_event) {
      connection.first_seen_ns = moment.at_ns;
    }
    if (to) {
      connection.state = to;
    }
    const bool is_state = kind != EventKind::owner;
    items.emplace_back(ConnectionEvent{kind,
                                       moment,
                                       is_state ? code(from) : std::nullopt,
                                       is_state ? code(to) : std::nullopt,
                                       former,
                                       connection});
  };
  Connection listener;
  listener.id = first;
  listener.netns = kNetns;
  listener.tuple.local = {*parse_address("0.0.0.0"), 80};
  listener.direction = Direction::listen;
  listener.owner = {parent, OwnerSource::exact, {}};
  listener.seen_by = SeenBy::snapshot;
  add(EventKind::present, at(1), listener, TcpState::listen);

  Connection accepted;
  accepted.id = first + 1;
  accepted.netns = kNetns;
  accepted.tuple.local = {*parse_address("192.0.2.1"), 80};
  accepted.tuple.remote = {*parse_address("198.51.100.7"), 4000};
  accepted.direction = Direction::inbound;
  accepted.owner = {parent, OwnerSource::inherited, {}};
  accepted.uid = 33;
  accepted.offload = Offload::in_host;
  accepted.opened = at(2, 1);
  accepted.seen_by = SeenBy::snapshot | SeenBy::notice;
  add(EventKind::open, at(2, 1), accepted, TcpState::established);
  accepted.owner = {child, OwnerSource::exact, {}};
  add(EventKind::owner, at(3, 1), accepted, std::nullopt, parent);
  add(EventKind::state, at(4), accepted, TcpState::fin_wait_1);
  accepted.closed = at(5);
  accepted.outcome = Outcome::closed;
  accepted.metrics = {1'000, 2'000, 3, 450, 9, 8};
  add(EventKind::state, at(5), accepted, TcpState::time_wait);
  accepted.gone = true;
  add(EventKind::close, at(60'005), accepted, TcpState::closed);

  Connection refused;
  refused.id = first + 2;
  refused.netns = kNetns;
  refused.tuple.local = {*parse_address("192.0.2.1"), 5000};
  refused.tuple.remote = {*parse_address("203.0.113.9"), 443};
  refused.direction = Direction::outbound;
  refused.owner = {std::nullopt, OwnerSource::unknown, UnknownOwner::not_permitted};
  refused.opened = at(6);
  refused.seen_by = SeenBy::trace;
  refused.remote_name = "www.example";
  refused.name_source = NameSource::hosts;
  add(EventKind::open, at(6), refused, TcpState::syn_sent);
  refused.closed = at(7);
  refused.gone = true;
  refused.outcome = Outcome::refused;
  refused.syns = 1;
  add(EventKind::close, at(7), refused, TcpState::closed);

  Connection udp;
  udp.id = first + 3;
  udp.netns = kNetns;
  udp.tuple = {
      Protocol::udp, {*parse_address("2001:db8::1"), 5353}, {*parse_address("2001:db8::53"), 53}};
  udp.direction = Direction::outbound;
  udp.owner = {child, OwnerSource::last_seen, {}};
  udp.opened = at(8, 100);
  udp.seen_by = SeenBy::snapshot;
  add(EventKind::open, at(8, 100), udp, std::nullopt);

  Lookup unanswered;
  unanswered.netns = kNetns;
  unanswered.process = child;
  unanswered.at_ns = at(9).at_ns;
  unanswered.name = "nothing.example";
  unanswered.type = 65;
  unanswered.server = udp.tuple.remote;
  items.emplace_back(unanswered);
  return items;
}

void record_sessions(const std::filesystem::path& path) {
  {
    test::Load load{1, 1};
    const auto began_ns = load.session().started_ns;
    Writer writer{path, load.session()};
    writer.push(other_connections(began_ns, 101));
    writer.push({ClockStep{began_ns + 61 * kSecond, kSecond / 2}});
    writer.push(load.batch(8));
    writer.push(
        {ServiceName{91, 7, "web", "Web Server"},
         Gap{kNetns, began_ns, began_ns + kSecond, "tick", "skipped ticks", 3, "busy"},
         Coverage{kNetns, began_ns, began_ns + 60 * kSecond, 14, 13, 1, 1},
         Counters{
             kNetns, began_ns + 60 * kSecond, 14, 0, 1, 0, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15,
             16,     {4, 20, 60'000, -1}},
         ProcessEnded{{90, 900}, Moment{began_ns + 3 * kSecond, kSecond}, {}},
         Heartbeat{began_ns + 70 * kSecond, 700, 2, 3}});
    writer.finish(began_ns + 70 * kSecond);
  }
  test::Load load{1, 2};
  Writer writer{path, load.session()};
  writer.push(load.batch(8));
  writer.finish(load.now_ns());
}

/// The documented views with the columns of version 1.
const std::vector<std::pair<std::string, std::string>>& views_of_version_1() {
  static const std::vector<std::pair<std::string, std::string>> kViews{
      {"sessions",
       "id, host, os, kernel, netlog_version, boot_id, utc_offset_s, interval_ns, sources, "
       "started_at, ended_at, started_ns, ended_ns, last_alive_ns, ticks, late_ticks, "
       "skipped_ticks"},
      {"processes",
       "id, pid, started_at, ended_at, name, exe, cmdline, user, cgroup, service, parent_pid, "
       "started_ns, ended_ns, end_error_ns, session_id, container, service_caption"},
      {"connections",
       "id, session_id, protocol, family, local_address, local_port, remote_address, remote_port, "
       "direction, pid, process, exe, cmdline, user, cgroup, service, netns, owner_source, "
       "opened_at, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_at, closed_ns, "
       "close_error_ns, duration_ns, state, offload, outcome, bytes_sent, bytes_received, "
       "retransmits, rtt_us, seen_by, owner_reason, uid, gone, local, remote, outcome_reason, "
       "syns, container, clock_adjust_ns, unanswered_ms, errno, remote_name, name_source, "
       "service_caption, not_before_ns"},
      {"events",
       "id, at, at_ns, error_ns, kind, connection_id, old, new, pid, process, protocol, "
       "local_address, local_port, remote_address, remote_port, local, remote"},
      {"state_intervals", "connection_id, state, from_ns, to_ns, dwell_ns, clock_adjust_ns"},
      {"gaps",
       "id, session_id, netns, from_ns, to_ns, from_at, to_at, source, reason, lost, detail"},
      {"coverage",
       "session_id, netns, from_ns, to_ns, from_at, kernel_opens, recorded_opens, percent, "
       "kernel_failures, recorded_failures"},
      {"counters", "at_ns, at, protocol, name, value, session_id, netns"},
      {"clock_steps", "id, session_id, at, at_ns, step_ns, after_event"},
      {"clips",
       "id, cut_at, cut_ns, from_ns, to_ns, filters, source, source_connections, source_events, "
       "redacted, netlog_version"},
      {"peers", "id, direction, protocol, remote_address, port, peer, remote_name, name_source"},
      {"lookups",
       "id, session_id, at, at_ns, pid, process, netns, name, type, rcode, answers, ttl_s, "
       "latency_ns, server"},
      {"peer_flows",
       "pid, process, direction, protocol, peer, remote_name, outcome, outcome_reason, "
       "owner_reason, "
       "connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, bytes_sent, "
       "bytes_received, first_ns, last_ns"},
      {"process_dwells", "pid, process, direction, protocol, state, dwells, still, dwell_ns"},
      {"process_lifetimes", "pid, process, direction, protocol, lifetimes, lifetime_ns"},
      {"process_opens", "pid, process, direction, span_s, second, opens, max_opens, max_second"},
      {"programs", "process_id, pid, name, lasting_id"},
      {"long_dwells", "connection_id, state, from_ns, to_ns, clock_adjust_ns"},
  };
  return kViews;
}

std::string text_of(const Cell& cell) {
  if (const auto* const number = std::get_if<std::int64_t>(&cell)) {
    return std::to_string(*number);
  }
  if (const auto* const real = std::get_if<double>(&cell)) {
    return fmt::format("{:.6f}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  return text == nullptr ? "NULL" : *text;
}

/// All rows of all views.
std::string content_of(const std::filesystem::path& path) {
  Reader reader{path};
  std::string text;
  for (const auto& [view, columns] : views_of_version_1()) {
    text += fmt::format("# {}\n", view);
    const auto rows = reader.query(fmt::format("SELECT {0} FROM {1} ORDER BY {0}", columns, view));
    for (const auto& row : rows.cells) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        text += (i == 0 ? "" : "|") + text_of(row[i]);
      }
      text += "\n";
    }
  }
  return text;
}

std::string bytes_of_file(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void make_fixture(const std::filesystem::path& stem) {
  const test::Scratch scratch;
  const auto recording = scratch / "recording.db";
  record_sessions(recording);
  const auto path = std::filesystem::path{stem} += ".db";
  std::filesystem::copy_file(recording, path, std::filesystem::copy_options::overwrite_existing);
  std::ofstream{std::filesystem::path{stem} += ".txt"} << content_of(path);
}

std::filesystem::path fixture(const char* name) {
  const auto* const source = std::getenv("NETLOG_SOURCE");
  REQUIRE(source != nullptr);
  return std::filesystem::path{source} / "tests" / "fixtures" / name;
}

}  // namespace

TEST_CASE("make the fixture that NETLOG_FIXTURE names", "[.fixture]") {
  const auto* const stem = std::getenv("NETLOG_FIXTURE");
  REQUIRE(stem != nullptr);
  make_fixture(stem);
}

TEST_CASE("a recording of version 1 reads as it did", "[store]") {
  const auto path = fixture("recording-v1.db");
  const auto before = bytes_of_file(path);
  REQUIRE(!before.empty());
  CHECK(content_of(path) == bytes_of_file(fixture("recording-v1.txt")));
  CHECK(bytes_of_file(path) == before);
}

TEST_CASE("every report answers about a recording of version 1", "[store]") {
  Reader reader{fixture("recording-v1.db")};
  for (const auto& report : report::list_reports()) {
    CAPTURE(report.name);
    std::size_t rows = 0;
    for (const auto& table : report::run_report(reader, report.name, {}, -1).tables) {
      rows += table.rows.size();
    }
    CHECK((rows > 0) == (report.name != "beacons"));  // nothing in it is periodic
  }
  CHECK(report::check(reader, 10).violations == 0);
}

}  // namespace netlog_tests::store_fixture_test

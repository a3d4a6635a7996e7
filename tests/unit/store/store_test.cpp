// SPDX-License-Identifier: MIT
#include "store/db/open_readonly.hpp"
#include "store/read/reader.hpp"
#include "store/rollup/dwell.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/text.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog_tests::store_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::contains_text;
using netlog::test::rows;

namespace {

Session session(std::int64_t started_ns = 1'000'000'000) {
  return {"host1", "Debian", "6.1", "0.1.0", "boot-a", 3600, 100'000'000, "sock_diag", started_ns};
}

Process nginx() {
  return {{1234, 55},
          900'000'000,
          "nginx",
          "/usr/sbin/nginx",
          "nginx: worker",
          "www-data",
          "/system.slice/nginx.service",
          std::nullopt,
          1,
          std::string(64, 'c'),
          std::nullopt,
          "nginx.service",
          std::nullopt,
          "web",
          std::nullopt,
          std::nullopt,
          std::nullopt};
}

Connection connection(ConnectionId id) {
  Connection made;
  made.id = id;
  made.netns = 4026531840;
  made.tuple = {
      Protocol::tcp, {*parse_address("192.0.2.1"), 80}, {*parse_address("2001:db8::7"), 43210}};
  made.direction = Direction::inbound;
  made.state = TcpState::established;
  made.owner = {ProcessId{1234, 55}, OwnerSource::exact, {}};
  made.uid = 33;
  made.opened = Moment{1'500'000'000, 100'000'000};
  made.first_seen_ns = 1'500'000'000;
  made.last_seen_ns = 1'500'000'000;
  made.seen_by = SeenBy::snapshot;
  return made;
}

ConnectionEvent event(EventKind kind,
                      std::int64_t at,
                      const Connection& of,
                      std::optional<TcpState> from,
                      std::optional<TcpState> to) {
  const auto code = [](auto state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  return {kind, Moment{at, 100'000'000}, code(from), code(to), std::nullopt, of};
}

/// The life of one accepted connection.
std::vector<Item> one_life() {
  std::vector<Item> items{nginx()};
  auto made = connection(1);
  items.emplace_back(event(EventKind::open, 1'500'000'000, made, std::nullopt, made.state));
  made.state = TcpState::close_wait;
  items.emplace_back(
      event(EventKind::state, 2'000'000'000, made, TcpState::established, TcpState::close_wait));
  made.state = TcpState::closed;
  made.gone = true;
  made.closed = Moment{3'000'000'000, 100'000'000};
  made.outcome = Outcome::unknown;
  made.metrics = {7, 9, 0, 1200, 3, 4};
  items.emplace_back(
      event(EventKind::close, 3'000'000'000, made, TcpState::close_wait, TcpState::closed));
  return items;
}

}  // namespace

TEST_CASE("a connection's life reads the same through every view", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  Writer writer{path, session()};
  writer.push(one_life());
  writer.push({Gap{std::nullopt, 10, 20, "tick", "skipped ticks", 3, std::nullopt},
               Counters{4026531840,
                        2'000'000'000,
                        10,
                        20,
                        std::nullopt,
                        0,
                        1,
                        2,
                        3,
                        4,
                        5,
                        6,
                        7,
                        8,
                        9,
                        10,
                        11,
                        12,
                        13,
                        {4, 20, 60'000, -1}},
               Coverage{4026531840, 1'000'000'000, 2'000'000'000, 200, 199, 3, 2},
               Heartbeat{3'500'000'000, 35, 2, 3},
               ProcessEnded{{1234, 55}, Moment{3'200'000'000, 1'000'000'000}, {}}});
  writer.finish(4'000'000'000);

  CHECK(rows(path,
             "SELECT id, session_id, protocol, family, local_address, local_port, remote_address, "
             "remote_port, direction, pid, process, exe, "
             "cmdline, user, cgroup, service, netns, owner_source FROM connections") ==
        "1|1|tcp|ipv4|192.0.2.1|80|2001:db8::7|43210|inbound|1234|nginx|/usr/sbin/nginx|nginx: "
        "worker|www-data|/system.slice/"
        "nginx.service|NULL|4026531840|exact\n");
  CHECK(rows(path,
             "SELECT opened_at, opened_ns, open_error_ns, first_seen_ns, last_seen_ns, closed_at, "
             "closed_ns, close_error_ns, duration_ns, state, "
             "offload, outcome, bytes_sent, bytes_received, retransmits, rtt_us, seen_by, "
             "owner_reason, uid FROM connections") ==
        "1970-01-01T00:00:01.500000Z|1500000000|100000000|1500000000|1500000000|1970-01-01T00:00:"
        "03.000000Z|3000000000|100000000|"
        "1500000000|CLOSED|NULL|unknown|7|9|0|1200|snapshot|NULL|33\n");
  CHECK(
      rows(path,
           "SELECT id, at, at_ns, error_ns, kind, connection_id, old, new, pid, process, protocol, "
           "local_address, local_port, remote_address, remote_port FROM events ORDER BY id") ==
      "1|1970-01-01T00:00:01.500000Z|1500000000|100000000|open|1|NULL|ESTABLISHED|1234|nginx|tcp|"
      "192.0.2.1|80|2001:db8::7|43210\n"
      "2|1970-01-01T00:00:02.000000Z|2000000000|100000000|state|1|ESTABLISHED|CLOSE_WAIT|1234|"
      "nginx|tcp|192.0.2.1|80|2001:db8::7|43210\n"
      "3|1970-01-01T00:00:03.000000Z|3000000000|100000000|close|1|CLOSE_WAIT|CLOSED|1234|nginx|"
      "tcp|192.0.2.1|80|2001:db8::7|43210\n");
  CHECK(rows(path, "SELECT * FROM state_intervals WHERE connection_id = 1 ORDER BY from_ns") ==
        "1|ESTABLISHED|1500000000|2000000000|500000000|0\n1|CLOSE_WAIT|2000000000|3000000000|"
        "1000000000|0\n");
  CHECK(rows(path,
             "SELECT id, pid, started_at, ended_at, name, exe, cmdline, user, cgroup, service, "
             "parent_pid FROM processes") ==
        "1|1234|1970-01-01T00:00:00.900000Z|1970-01-01T00:00:03.200000Z|nginx|/usr/sbin/"
        "nginx|nginx: worker|www-data|/system.slice/"
        "nginx.service|NULL|1\n");
  CHECK(rows(path,
             "SELECT id, host, os, kernel, netlog_version, boot_id, utc_offset_s, interval_ns, "
             "sources, started_at, ended_at, ticks, late_ticks, "
             "skipped_ticks FROM sessions") ==
        "1|host1|Debian|6.1|0.1.0|boot-a|3600|100000000|sock_diag|1970-01-01T00:00:01.000000Z|1970-"
        "01-01T00:00:04.000000Z|35|2|3\n");
  CHECK(rows(path,
             "SELECT session_id, netns, from_ns, to_ns, source, reason, lost, detail FROM gaps") ==
        "1|NULL|10|20|tick|skipped ticks|3|NULL\n");
  CHECK(rows(path,
             "SELECT session_id, netns, from_ns, to_ns, from_at, kernel_opens, recorded_opens, "
             "percent FROM coverage") ==
        "1|4026531840|1000000000|2000000000|1970-01-01T00:00:01.000000Z|200|199|99.5\n");
  CHECK(rows(path,
             "SELECT protocol, name, value FROM counters WHERE name LIKE '%Opens' OR name LIKE "
             "'%Fails' ORDER BY name") ==
        "tcp|ActiveOpens|10\ntcp|PassiveOpens|20\n");  // a counter that is not offered is no row
  CHECK(
      rows(path,
           "SELECT protocol, name, value FROM counters WHERE name LIKE 'Num%' OR name LIKE "
           "'Rto%' OR name IN ('BoundSockets', 'MaxConn') ORDER BY name") ==
      "tcp|BoundSockets|13\ntcp|MaxConn|-1\nudp|NumAddrs|12\ntcp|NumConns|11\ntcp|RtoAlgorithm|4\n"
      "tcp|RtoMax|60000\ntcp|RtoMin|20\n");
  CHECK(rows(path, "PRAGMA integrity_check") == "ok\n");
  CHECK_FALSE(std::filesystem::exists(path.string() + "-wal"));
}

TEST_CASE("unknown is NULL in the views", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  Connection listener = connection(1);
  listener.tuple.remote = {};
  listener.direction = Direction::listen;
  listener.owner = {std::nullopt, OwnerSource::unknown, UnknownOwner::not_permitted};
  listener.opened.reset();
  listener.uid.reset();
  listener.netns = 0;
  Writer writer{path, session()};
  writer.push({event(EventKind::present, 1'500'000'000, listener, std::nullopt, TcpState::listen)});
  writer.finish(4'000'000'000);
  CHECK(rows(path,
             "SELECT remote_address, remote_port, pid, process, netns, owner_source, owner_reason, "
             "opened_at, opened_ns, closed_at, duration_ns, "
             "offload, bytes_sent, rtt_us, uid, outcome, last_seen_ns FROM connections") ==
        "NULL|NULL|NULL|NULL|NULL|unknown|not_permitted|NULL|NULL|NULL|NULL|NULL|NULL|NULL|NULL|"
        "open|4000000000\n");
}

TEST_CASE("owner and offload events name what changed", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  Writer writer{path, session()};
  auto child = nginx();
  child.id = {1235, 60};
  std::vector<Item> items{nginx(), child};
  auto made = connection(1);
  items.emplace_back(event(EventKind::open, 1'500'000'000, made, std::nullopt, made.state));
  made.owner.process = child.id;
  ConnectionEvent handed{EventKind::owner,
                         Moment{2'000'000'000, 5},
                         std::nullopt,
                         std::nullopt,
                         ProcessId{1234, 55},
                         made};
  items.emplace_back(handed);
  made.offload = Offload::offloaded;
  items.emplace_back(
      ConnectionEvent{EventKind::offload, Moment{2'500'000'000, 5}, 0, 2, std::nullopt, made});
  writer.push(std::move(items));
  writer.finish(4'000'000'000);
  CHECK(rows(path, "SELECT kind, old, new, pid FROM events WHERE kind <> 'open' ORDER BY id") ==
        "owner|1234|1235|1235\noffload|IN_HOST|OFFLOADED|1235\n");
}

TEST_CASE("a recorder that was killed leaves a gap, one that stopped another", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Writer killed{path, session(1'000'000'000)};
    auto items = one_life();
    items.emplace_back(Heartbeat{3'500'000'000, 35, 2, 3});
    killed.push(std::move(items));
  }  // no finish()
  Writer{path, session(9'000'000'000)}.finish(10'000'000'000);
  Writer again{path, session(12'000'000'000)};
  again.push(one_life());  // the same incarnation of the process, the same boot
  again.finish(13'000'000'000);
  CHECK(rows(path, "SELECT session_id, from_ns, to_ns, source, reason FROM gaps ORDER BY id") ==
        "2|3500000000|9000000000|recorder|recorder was "
        "killed\n3|10000000000|12000000000|recorder|not recording\n");
  CHECK(rows(path, "SELECT id, ended_at FROM sessions ORDER BY id") ==
        "1|NULL\n2|1970-01-01T00:00:10.000000Z\n3|1970-01-01T00:00:13.000000Z\n");
  CHECK(rows(path, "SELECT count(*) FROM processes") == "1\n");
  CHECK(rows(path, "SELECT id, session_id FROM connections ORDER BY id") == "1|1\n2|3\n");
}

TEST_CASE("a file that somebody has open at the end lacks nothing", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  Writer writer{path, session()};
  writer.push(one_life());
  {
    const SQLite::Database other{utf8(path), SQLite::OPEN_READONLY};
    SQLite::Statement{other, "SELECT count(*) FROM session"}.executeStep();
    writer.finish(10'000'000'000);
    CHECK(writer.totals().needs_wal);
    CHECK_FALSE(lacks_wal(path));
  }
  CHECK_FALSE(lacks_wal(path));
  CHECK(rows(path, "SELECT ended_ns FROM sessions") == "10000000000\n");
  Writer{path, session(12'000'000'000)}.finish(13'000'000'000);
  CHECK_FALSE(std::filesystem::exists(path.string() + "-wal"));
}

TEST_CASE("an owner that is found after the end moves the connection to another flow", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto items = one_life();
  auto late = std::get<ConnectionEvents>(items.back()).connection;
  const auto owner = std::exchange(late.owner, Owner{});
  for (auto& item : items) {
    if (auto* const found = std::get_if<ConnectionEvents>(&item)) {
      found->connection.owner = {};
    }
  }
  {
    // Each batch by itself, as it comes when the search has taken longer.
    Writer writer{path, session(), {.flush_items = 1}};
    writer.push(std::move(items));
    while (writer.totals().events < 3) {
      std::this_thread::yield();
    }
    late.owner = owner;
    writer.push({event(EventKind::owner, 3'500'000'000, late, std::nullopt, std::nullopt)});
    writer.finish(4'000'000'000);
  }
  CHECK(rows(path, "SELECT pid, owner_reason, connections, bytes_sent FROM peer_flows") ==
        "1234|NULL|1|7\n");
  CHECK(rows(path, "SELECT pid, connections FROM process_flows") == "1234|1\n");
  CHECK(rows(path, "SELECT pid, state, dwells, dwell_ns FROM peer_dwells ORDER BY state") ==
        "1234|CLOSE_WAIT|1|1000000000\n1234|ESTABLISHED|1|500000000\n");
  CHECK(rows(path, "SELECT pid, opens FROM process_opens") == "1234|1\n");
}

TEST_CASE("what one recorder left open knows nothing of the clock under the next", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  constexpr std::int64_t kHour = 3'600'000'000'000;
  const auto left = connection(1);
  const auto opens = event(EventKind::open, 1'500'000'000, left, std::nullopt, left.state);
  {
    Writer writer{path, session()};
    writer.push({nginx(), opens, ClockStep{2'000'000'000 - kHour, -kHour}});
    writer.push({Heartbeat{4'000'000'000 - kHour, 1, 0, 0}});
    writer.finish(4'000'000'000 - kHour);
  }
  const auto* const stays = "SELECT state, dwells, still, dwell_ns FROM process_dwells";
  CHECK(rows(path, stays) == "ESTABLISHED|1|1|2500000000\n");
  Writer{path, session(5'000'000'000)}.finish(5'000'000'000);
  CHECK(rows(path, stays) == "ESTABLISHED|1|0|2500000000\n");
  {
    Writer writer{path, session(6'000'000'000)};
    writer.push({ClockStep{7'000'000'000 + kHour, kHour}, opens});
    writer.finish(8'000'000'000 + kHour);
  }
  CHECK(rows(path,
             "SELECT connection_id, state, dwell_ns, clock_adjust_ns FROM state_intervals ORDER BY "
             "connection_id") == "1|ESTABLISHED|NULL|-3600000000000\n2|ESTABLISHED|NULL|0\n");
  CHECK(rows(path, "SELECT id, clock_adjust_ns FROM connections ORDER BY id") ==
        "1|-3600000000000\n2|NULL\n");
  CHECK(rows(path, "SELECT dwell_ns FROM connection_dwells WHERE id = 1") == "2500000000\n");
}

TEST_CASE("durations fall into classes that are less than an eighth wide", "[store]") {
  const auto [ns, expected] = GENERATE(table<std::int64_t, std::int64_t>({
      {-5, 0},
      {0, 0},
      {7, 7},
      {15, 15},
      {16, 16},
      {17, 16},
      {18, 17},
      {31, 23},
      {32, 24},
      {1'000'000'000, 222},
      {9'223'372'036'854'775'807, 487},
  }));
  CAPTURE(ns);
  CHECK(duration_class(ns) == expected);
}

TEST_CASE("in a class of durations the longest is less than 12.5 % above the shortest", "[store]") {
  std::mt19937_64 random{7};
  for (int i = 0; i < 10'000; ++i) {
    const auto ns = static_cast<std::int64_t>(random() >> (2 + random() % 54));
    const auto next = ns + ns / 8 + 1;
    CAPTURE(ns);
    REQUIRE(duration_class(ns) < duration_class(next));
    REQUIRE(duration_class(ns) <= duration_class(ns + 1));
  }
}

TEST_CASE("files that are not recordings are refused in one line", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "x.db";
  const auto refusal = [&] {
    std::string message;
    try {
      Reader reader{path};
    } catch (const StoreError& error) {
      message = error.what();
    }
    CHECK(message.find('\n') == std::string::npos);
    return message;
  };
  CHECK_THAT(refusal(), contains_text("no such file; record one with: netlog record --db"));
  std::ofstream{path} << "this is not a database, whatever its name says";
  CHECK_THAT(refusal(), contains_text("not an SQLite database"));
  CHECK_THROWS_WITH((Writer{path, session()}), contains_text("file is not a database [sqlite:26]"));
  std::filesystem::remove(path);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE}.exec(
      "CREATE TABLE song (title TEXT)");
  CHECK_THAT(
      refusal(),
      contains_text("it is another program's SQLite database (application_id 0, a recording has "
                    "1852600167)"));
  CHECK_THROWS_WITH((Writer{path, session()}), contains_text("another program's"));
  std::filesystem::remove(path);
  Writer{path, session()}.finish(2'000'000'000);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec("PRAGMA user_version = 99");
  CHECK_THAT(refusal(), contains_text("schema version 99 is newer than this build's 1"));
  CHECK_THROWS_WITH((Writer{path, session()}),
                    contains_text("schema version 99 is newer than this build's 1"));
  std::filesystem::remove(path);
  std::filesystem::create_directory(path);
  CHECK_THAT(refusal(), contains_text("not a regular file"));
}

TEST_CASE("only one statement that reads is run", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  Writer{path, session()}.finish(2'000'000'000);
  Reader reader{path};
  CHECK(reader.query("SELECT host FROM sessions; ").cells.size() == 1);
  CHECK(
      std::get<std::int64_t>(
          reader
              .query("SELECT :a + :b", {{"a", std::int64_t{1}}, {"b", std::int64_t{2}}, {"c", {}}})
              .cells[0][0]) == 3);
  CHECK(std::get<std::string>(reader.query("SELECT x'00ff'").cells[0][0]) == "00FF");
  CHECK(std::holds_alternative<std::monostate>(reader.query("SELECT NULL").cells[0][0]));
  CHECK(reader.query("SELECT value FROM json_each('[1,2]')").cells.size() == 2);
  CHECK(reader.query("SELECT fullkey FROM json_tree('[1,[2]]')").cells.size() == 4);
  for (const auto* sql : {"DELETE FROM event",
                          "ATTACH DATABASE 'other.db' AS other",
                          "PRAGMA query_only = OFF",
                          "VACUUM INTO 'copy.db'",
                          "CREATE TEMP TABLE t (x)",
                          "BEGIN"}) {
    CAPTURE(sql);
    CHECK_THROWS_WITH(reader.query(sql), contains_text("only statements that read are allowed"));
  }
  CHECK_THROWS_WITH(reader.query("SELECT 1; SELECT 2"),
                    contains_text("more than one statement, the second begins ' SELECT 2'"));
  CHECK_THROWS_WITH(reader.query("SELEC 1"), contains_text("syntax error"));
  CHECK_THROWS_WITH(reader.query(" -- nothing"), contains_text("no SQL statement"));
}

}  // namespace netlog_tests::store_test

// SPDX-License-Identifier: MIT
// The sums of deleted connections, over rows that the tests write themselves.
#include "store/rollup/old_hours.hpp"

#include "store/db/migrate.hpp"
#include "store/rollup/flow_ids.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

#include <cstdint>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog_tests::store_old_hours_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::rows;

namespace {

constexpr std::int64_t kHour = 500'000;
constexpr std::int64_t kFlowsAtOnce = 7;  // so that most stages take several steps

/// A file with one session, one address of ours (1) and 1,000 remote ones (from 1,001 on), each of
/// which is a peer with port 443 (the same id).
SQLite::Database make_file() {
  SQLite::Database database{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  migrate(database, ":memory:");
  database.exec(
      "INSERT INTO session (id, host, os, kernel, netlog_version, utc_offset_s, interval_ns, "
      "sources, started_ns, alive_ns) VALUES (1, 'h', 'o', 'k', 'v', 0, 1, 's', 1, 2);"
      "INSERT INTO address (id, family, text, bytes) VALUES (1, 4, '192.0.2.1', x'c0000201');"
      "WITH RECURSIVE n (i) AS (SELECT 1001 UNION ALL SELECT i + 1 FROM n WHERE i < 2000) "
      "INSERT INTO address (id, family, text, bytes) SELECT i, 4, 'r' || i, x'00' FROM n;"
      "INSERT INTO peer (id, direction, protocol, remote_address_id, port) SELECT id, 1, 6, id, "
      "443 FROM address WHERE id > 1000");
  return database;
}

void add_process(SQLite::Database& database,
                 std::int64_t id,
                 const std::string& name,
                 std::int64_t lasted_s) {
  database.exec(fmt::format(
      "INSERT INTO process (id, session_id, pid, start, started_ns, ended_ns, name, exe) VALUES "
      "({0}, 1, {0}, 1, 5, 5 + {1} * 1000000000, '{2}', '/bin/{2}')",
      id,
      lasted_s,
      name));
}

/// The sums of connections of a process with a peer that ended in the hour, and the process's own.
/// One state of each has lasted 8 ns.
void add_flow(SQLite::Database& database,
              std::int64_t process,
              std::int64_t peer,
              std::int64_t connections,
              std::int64_t hour = kHour) {
  for (const FlowKey& key : {FlowKey{hour, process, 1, 6, 5, 1, kNoNumber, peer},
                             FlowKey{hour, process, 1, 6, 5, kNoNumber, kNoNumber, kNoNumber}}) {
    database.exec(fmt::format(
        "INSERT INTO flow_sum AS s (flow_id, outcome, outcome_reason, owner_reason, connections, "
        "opened, closed_by_us, closed_by_peer, bytes_sent, longest_ns, first_ns, last_ns) VALUES "
        "({0}, 1, -1, -1, {1}, {1}, 0, {1}, 10, {1}, {2}, {2} + {1}) ON CONFLICT DO UPDATE SET "
        "connections = s.connections + {1}, opened = s.opened + {1};"
        "INSERT INTO flow_dwell AS y (flow_id, state, class, dwells, longest_ns) VALUES ({0}, 2, "
        "3, {1}, 8) ON CONFLICT DO UPDATE SET dwells = y.dwells + {1}",
        FlowIds{database}.id(key),
        connections,
        process));
  }
  database.exec(
      fmt::format("INSERT INTO open_hour (hour, process_id, direction, opened) VALUES ({}, {}, 1, "
                  "{}) ON CONFLICT DO UPDATE SET opened = opened + excluded.opened",
                  hour,
                  process,
                  connections));
}

void merge(SQLite::Database& database) {
  OldHours hours{database, 1};
  hours.begin(kHour - 1, kHour);
  for (int step = 0; hours.is_merging() && step < 10'000; ++step) {
    hours.merge(kFlowsAtOnce);
  }
  REQUIRE_FALSE(hours.is_merging());
}

constexpr const char* kFlows =
    "SELECT hour, pid, process, peer, sum(connections), sum(bytes_sent), max(longest_ns), "
    "min(first_ns), max(last_ns) FROM peer_flow_sums GROUP BY hour, process_id, peer_id ORDER BY "
    "hour, process, pid, peer";

/// What no merge may change.
std::string totals(SQLite::Database& database) {
  return rows(database,
              "SELECT (SELECT sum(connections) FROM peer_flows), (SELECT sum(connections) FROM "
              "process_flows), (SELECT sum(dwells) FROM process_dwells), (SELECT sum(dwells) "
              "FROM peer_dwells), (SELECT sum(opens) FROM process_opens), (SELECT "
              "max(longest_ns) FROM process_flows)");
}

}  // namespace

TEST_CASE("short processes of one program share a process in an old hour", "[store]") {
  auto database = make_file();
  add_process(database, 11, "curl", 1);
  add_process(database, 12, "curl", 2);
  add_process(database, 13, "wget", 3);
  add_process(database, 14, "curl", 60);
  add_flow(database, 11, 1001, 2);
  add_flow(database, 12, 1001, 3);
  add_flow(database, 12, 1002, 1);
  add_flow(database, 13, 1001, 4);
  add_flow(database, 14, 1001, 5);
  add_flow(database, 12, 1001, 7, kHour + 1);  // not old yet
  const auto before = totals(database);
  merge(database);
  CHECK(rows(database, kFlows) ==
        "500000|NULL|curl|r1001:443|5|20|3|11|15\n"
        "500000|NULL|curl|r1002:443|1|10|1|12|13\n"
        "500000|14|curl|r1001:443|5|10|5|14|19\n"
        "500000|NULL|wget|r1001:443|4|10|4|13|17\n"
        "500001|12|curl|r1001:443|7|10|7|12|19\n");
  CHECK(rows(database,
             "SELECT hour, pid, process, opens FROM (SELECT second / 3600 AS hour, * FROM "
             "process_opens) ORDER BY 1, 3, 2") ==
        "500000|NULL|curl|6\n500000|14|curl|5\n500000|NULL|wget|4\n500001|12|curl|7\n");
  CHECK(totals(database) == before);
  merge(database);  // has nothing to do
  CHECK(totals(database) == before);
  CHECK(rows(database, "SELECT count(*) FROM process WHERE pid IS NULL") == "2\n");
  CHECK(rows(database, "SELECT count(*) FROM processes WHERE pid IS NULL") == "0\n");
}

TEST_CASE("an old hour keeps the peers and processes with the most connections", "[store]") {
  auto database = make_file();
  add_process(database, 11, "server", 1'000);
  for (std::int64_t i = 1; i <= 600; ++i) {
    add_flow(database, 11, 1000 + i, i);
  }
  for (std::int64_t i = 1; i <= 200; ++i) {
    add_process(database, 1000 + i, fmt::format("p{}", i), 1'000);
    add_flow(database, 1000 + i, 1700, 1);
  }
  const auto before = totals(database);
  merge(database);
  CHECK(totals(database) == before);
  CHECK(rows(database,
             "SELECT process, count(*), min(connections), max(connections) FROM peer_flow_sums "
             "WHERE remote_address <> 'other addresses' GROUP BY process") ==
        "server|256|345|600\n");
  CHECK(rows(database,
             "SELECT process, pid, netns, peer, connections, closed_by_peer, bytes_sent FROM "
             "peer_flow_sums WHERE remote_address = 'other addresses' ORDER BY 1") ==
        "other programs|NULL|NULL|other addresses:443|200|200|2000\n"
        "server|11|5|other addresses:443|59340|59340|3440\n");
  CHECK(rows(database, "SELECT process, opens FROM process_opens ORDER BY 1") ==
        "other programs|200\nserver|180300\n");
}

TEST_CASE("rare peers lose their names, others keep them", "[store]") {
  auto database = make_file();
  database.exec(
      "INSERT INTO name (id, text) SELECT id, 'h' || id || '.example' FROM peer;"
      "UPDATE peer SET name_id = id, name_source = 1");
  add_process(database, 11, "server", 1'000);
  for (std::int64_t i = 1; i <= 300; ++i) {
    add_flow(database, 11, 1000 + i, i);
  }
  const auto before = totals(database);
  merge(database);
  CHECK(totals(database) == before);
  CHECK(rows(database,
             "SELECT remote_name, connections FROM peer_flow_sums ORDER BY connections DESC LIMIT "
             "2") == "NULL|990\nh1300.example|300\n");
  CHECK(rows(database,
             "SELECT count(*) FROM peer_flow_sums WHERE remote_name = 'h' || (1000 + connections) "
             "|| '.example'") == "256\n");
}

TEST_CASE("a thousand peers with one connection each are one row of an old hour", "[store]") {
  auto database = make_file();
  add_process(database, 11, "server", 1'000);
  for (std::int64_t i = 1; i <= 1'000; ++i) {
    add_flow(database, 11, 1000 + i, 1);
  }
  const auto before = totals(database);
  merge(database);
  CHECK(totals(database) == before);
  CHECK(rows(database, "SELECT peer, connections FROM peer_flow_sums") ==
        "other addresses:443|1000\n");
}

TEST_CASE("flows of connections that are in the file stay as they are", "[store]") {
  auto database = make_file();
  add_process(database, 11, "curl", 1);
  add_process(database, 12, "curl", 1);
  add_flow(database, 11, 1001, 1);
  add_flow(database, 12, 1001, 1);
  database.exec(
      "INSERT INTO connection (session_id, protocol, local_address_id, local_port, direction, "
      "owner_source, first_seen_ns, last_seen_after_ns, gone, outcome, seen_by, flow_id) SELECT "
      "1, 6, 1, 40000, 1, 1, 5, 1, 1, 1, 1, id FROM flow WHERE process_id = 11 AND peer_id = "
      "1001");
  merge(database);
  CHECK(rows(database, kFlows) ==
        "500000|NULL|curl|r1001:443|1|10|1|12|13\n500000|11|curl|r1001:443|1|10|1|11|12\n");
  OldHours hours{database, 1};
  CHECK(hours.has_deleted_before(kHour + 1));
  hours.delete_before(kHour + 1);
  CHECK_FALSE(hours.has_deleted_before(kHour + 1));
  CHECK(rows(database, kFlows) == "500000|11|curl|r1001:443|1|10|1|11|12\n");
  CHECK(rows(database, "SELECT count(*) FROM flow_dwell") == "1\n");
  CHECK(hours.flows_before(kHour + 1) == 1);
}

}  // namespace netlog_tests::store_old_hours_test

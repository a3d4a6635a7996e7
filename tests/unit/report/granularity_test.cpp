// SPDX-License-Identifier: MIT
// What reports read, and their statements.
#include "report/granularity.hpp"

#include "minute_history.hpp"
#include "report/definition.hpp"
#include "support/rows.hpp"

#include <cstdlib>
#include <fstream>
#include <iterator>
#include <set>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

namespace netlog_tests::report_granularity_test {

using namespace minute_history;

TEST_CASE("the query of every report runs as it is printed, values and all", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  Filter filter;
  filter.process = "ng'inx:limit";
  filter.since_ns = 5;
  CHECK(report_sql(reader, "failed", filter, 7, Granularity::connections)
            .find("process = 'ng''inx:limit'") != std::string::npos);
  SQLite::Database database{path.string(), SQLite::OPEN_READONLY};
  for (const auto& [name, about] : list_reports()) {
    CAPTURE(name);
    const auto sql = report_sql(reader, name, filter, 7, Granularity::connections);
    CHECK_NOTHROW(database.exec(sql));
    CHECK_NOTHROW(database.exec(report_sql(reader, name, {}, 7, Granularity::processes)));
  }
  CHECK(test::rows(path, report_sql(reader, "listeners", {}, -1, Granularity::processes)) ==
        "tcp|0.0.0.0:80|11|nginx|NULL|25000000000|NULL|5000000000|1|0|1|NULL|NULL|NULL|NULL|NULL\n"
        "tcp|0.0.0.0:80|10|nginx|NULL|NULL|20000000000|NULL|1|0|1|NULL|NULL|NULL|NULL|NULL\n");
}

namespace {

/// Whether a statement reads the table of events, or an index of it, from one end to the other.
bool scans_events(SQLite::Database& database, const std::string& sql) {
  std::set<int> roots;
  // The index of former owners has few rows.
  SQLite::Statement pages{database,
                          "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'event' AND name <> "
                          "'event_of_owner'"};
  while (pages.executeStep()) {
    roots.insert(pages.getColumn(0).getInt());
  }
  std::set<int> cursors;
  SQLite::Statement program{database, "EXPLAIN " + sql};
  while (program.executeStep()) {
    const std::string opcode = program.getColumn(1).getText();
    const auto cursor = program.getColumn(2).getInt();
    if (opcode == "OpenRead" && roots.contains(program.getColumn(3).getInt())) {
      cursors.insert(cursor);
    } else if ((opcode == "Rewind" || opcode == "Last") && cursors.contains(cursor)) {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("with a window or a process no report reads all events", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  SQLite::Database database{path.string(), SQLite::OPEN_READONLY};
  CHECK(scans_events(database, "SELECT count(*) FROM event WHERE at_ns > 5"));
  Filter window;
  window.since_ns = 20 * kSecond;
  window.until_ns = 40 * kSecond;
  auto two_windows = window;
  two_windows.before_ns = {0, 10 * kSecond};
  Filter process;
  process.pids = {kLeaky};
  for (const auto& [name, about] : list_reports()) {
    for (const auto& filter : {name == "diff" ? two_windows : window, process}) {
      auto sql = report_sql(reader, name, filter, -1, Granularity::connections);
      for (auto end = sql.find(";\n"); end != std::string::npos; end = sql.find(";\n")) {
        CAPTURE(name, sql.substr(0, end));
        CHECK_FALSE(scans_events(database, sql.substr(0, end)));
        sql.erase(0, end + 2);
      }
    }
  }
}

TEST_CASE("every table of a report can be sorted by each of its columns", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  constexpr std::int64_t kAll = 1'000'000;
  for (const auto& [name, about] : list_reports()) {
    Filter filter;
    if (name == "diff") {
      filter.since_ns = 20 * kSecond;
      filter.until_ns = 40 * kSecond;
      filter.before_ns = {0, 20 * kSecond};
    } else if (name == "process") {
      filter.pids = {kLeaky};
    }
    for (const auto& table : run_report(reader, name, filter, kAll).tables) {
      for (std::size_t i = 0; i < table.columns.size(); ++i) {
        const auto& column = table.columns[i].name;
        CAPTURE(name, table.name, column);
        const auto sorted = run_report(reader, name, filter, kAll, table.name, column).tables.at(0);
        // Unknown is less than any value.
        CHECK(std::is_sorted(sorted.rows.begin(),
                             sorted.rows.end(),
                             [&](const auto& a, const auto& b) { return a[i] > b[i]; }));
        auto rows = sorted.rows;
        auto expected = table.rows;
        std::sort(rows.begin(), rows.end());
        std::sort(expected.begin(), expected.end());
        CHECK(rows == expected);
        if (!sorted.rows.empty()) {
          const auto first = run_report(reader, name, filter, 1, table.name, column).tables.at(0);
          CHECK(first.rows.at(0).at(i) == sorted.rows[0][i]);
        }
      }
    }
  }
  CHECK_THROWS_WITH(run_report(reader, "peers", {}, -1, std::string_view{}, "bytes"),
                    Catch::Matchers::StartsWith("--sort 'bytes' is none of connections, "));
}

TEST_CASE("a report says the same by sums as by connections", "[report][sweep]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, with_beacon());
  store::Reader reader{path};
  Filter filter;
  SECTION("of processes") {
    filter.pids = {kLeaky, kCurl};
  }
  SECTION("of processes whose name matches a pattern") {
    filter.process = "[np]*";
  }
  SECTION("of a protocol") {
    filter.protocol = Protocol::tcp;
  }
  SECTION("of a service's port") {
    filter.port = 443;
  }
  SECTION("of a listener's port") {
    filter.local_port = 80;
  }
  SECTION("of peers") {
    filter.remote = {*parse_address_range("203.0.113.0/26"), *parse_address_range("fe80::1%3")};
  }
  for (const auto& [name, about] : list_reports()) {
    if (name != "diff") {  // compares two windows, which sums do not know
      CAPTURE(name);
      CHECK(text_of(reader, name, filter, Granularity::peers) ==
            text_of(reader, name, filter, Granularity::connections));
    }
  }
}

TEST_CASE("the granularity is the coarsest that can answer the filter", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  const auto granularity = [&](const Filter& filter) {
    store::Reader reader{path};
    return choose_granularity(reader, filter);
  };
  Filter port;
  port.port = 443;
  CHECK(granularity({}) == Granularity::connections);  // there are few
  SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
  // A clip of few connections keeps high ids.
  database.exec("UPDATE connection SET id = 70000 WHERE id = (SELECT max(id) FROM connection)");
  CHECK(granularity({}) == Granularity::connections);
  database.exec(
      "INSERT INTO connection (session_id, protocol, local_address_id, local_port, direction, "
      "owner_source, first_seen_ns, last_seen_after_ns, gone, outcome, seen_by) WITH RECURSIVE n "
      "(i) AS "
      "(SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 50000) SELECT 1, 6, 1, 1, 1, 0, 0, 0, 1, "
      "1, 1 FROM n");
  CHECK(granularity({}) == Granularity::processes);
  CHECK(granularity(port) == Granularity::peers);
  port.local_port = 443;  // nothing listens on it
  CHECK(granularity(port) == Granularity::connections);
  port.local_port.reset();
  port.port = 5001;  // ephemeral: no sum knows it
  CHECK(granularity(port) == Granularity::connections);
  Filter remote;
  remote.remote = {*parse_address_range("203.0.113.9")};
  CHECK(granularity(remote) == Granularity::peers);
  remote.since_ns = 5;
  CHECK(granularity(remote) == Granularity::connections);
}

TEST_CASE("the queries of docs/database.md run", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  std::ifstream file{std::filesystem::path{std::getenv("NETLOG_SOURCE")} / "docs/database.md"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto begin = text.find("```sql\n") + 7;
  auto queries = text.substr(begin, text.find("```", begin) - begin);
  store::Reader reader{path};
  std::map<int, std::size_t> rows;
  for (int number = 1; !queries.empty(); ++number) {
    const auto end = queries.find(";\n") + 2;
    const auto query = queries.substr(0, end);
    queries.erase(0, end);
    CAPTURE(query);
    REQUIRE(query.starts_with(fmt::format("-- {} ", number)));
    rows[number] = reader.query(query, {{"t", 15 * kSecond}}).cells.size();
  }
  CHECK(rows.size() == 21);
  CHECK(rows[2] == 3);  // three sockets leak
  CHECK(rows[4] == 3);  // LISTEN, CLOSE_WAIT, TIME_WAIT
  CHECK(rows[5] == 1);
}

}  // namespace netlog_tests::report_granularity_test

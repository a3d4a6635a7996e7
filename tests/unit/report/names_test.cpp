// SPDX-License-Identifier: MIT
// Reports with the names by which programs knew their peers.
#include "name_history.hpp"
#include "report/clip_conditions.hpp"
#include "report/event_feed.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

#include <set>

#include <fmt/format.h>

namespace netlog_tests::report_names_test {

using namespace name_history;

namespace {

Filter with_name(std::string name) {
  Filter filter;
  filter.remote_name = std::move(name);
  return filter;
}

std::string ids_of(const std::vector<std::vector<Cell>>& rows) {
  std::set<std::int64_t> ids;
  for (const auto& row : rows) {
    ids.insert(std::get<std::int64_t>(row.at(0)));
  }
  return fmt::format("{}", fmt::join(ids, " "));
}

std::string selected(store::Reader& reader, const std::string& view, const Clause& clause) {
  return ids_of(
      reader.query(fmt::format("SELECT id FROM {} WHERE {}", view, clause.sql), clause.parameters)
          .cells);
}

std::int64_t sum_of(store::Reader& reader, const Clause& clause) {
  const auto found = reader.query(
      fmt::format("SELECT coalesce(sum(connections), 0) FROM peer_flows WHERE {}", clause.sql),
      clause.parameters);
  return std::get<std::int64_t>(found.cells.at(0).at(0));
}

}  // namespace

TEST_CASE("a filter takes a name or a pattern of names", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  const auto [name, ids, count] = GENERATE(table<std::string, std::string, std::int64_t>({
      {"web.example", "1 2 3 4 8 9 10 11", 8},
      {"db.corp.example", "6", 1},
      {"*.example", "1 2 3 4 6 8 9 10 11", 9},
      {"*corp*", "6", 1},
      {"*", "1 2 3 4 6 8 9 10 11", 9},
      {"example", "", 0},
      {"we?.example", "", 0},
      {"*[b].example", "", 0},
      {"203.0.113.9", "", 0},
  }));
  CAPTURE(name);
  const auto filter = with_name(name);
  CHECK(selected(reader, "connections", connection_clause(filter)) == ids);
  CHECK(selected(reader, "connection_flows", window_connection_clause(filter)) == ids);
  CHECK(selected(reader, "connections", known_connection_clause(filter)) == ids);
  CHECK(sum_of(reader, sums_clause(filter)) == count);
  CHECK(lacks_name(reader, filter) == ids.empty());
  const auto clip = clip_conditions(reader, filter);
  REQUIRE(clip.size() == 1);
  CHECK(selected(reader, "connections", Clause{clip[0].sql, clip[0].parameters}) == ids);
  std::set<std::int64_t> followed;
  EventFeed{reader, filter, {"open"}}.last(100, [&](const std::vector<Cell>& row) {
    followed.insert(std::get<std::int64_t>(row.at(row.size() - 2)));
    return true;
  });
  CHECK(fmt::format("{}", fmt::join(followed, " ")) == ids);
}

TEST_CASE("a filter by name also takes windows, owners and ports", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  auto filter = with_name("web.example");
  SECTION("owner") {
    filter.process = "app";
    CHECK(selected(reader, "connections", connection_clause(filter)) == "3 4 10 11");
  }
  SECTION("port") {
    filter.remote_port = 80;
    CHECK(selected(reader, "connections", connection_clause(filter)) == "4");
    CHECK(sum_of(reader, sums_clause(filter)) == 1);
  }
  SECTION("window") {
    filter.since_ns = 5 * kSecond;
    filter.until_ns = 8 * kSecond;
    CHECK(selected(reader, "connections", connection_clause(filter)) == "1 2 3 4 8");
  }
  SECTION("two windows") {
    filter.before_ns = {{0, 2 * kSecond}};
    filter.since_ns = 12 * kSecond;
    filter.until_ns = 40 * kSecond;
    // The report itself compares the times.
    CHECK(selected(reader, "connections", both_windows_clause(filter)) == "1 2 3 4 8 9 10 11");
  }
}

TEST_CASE("addresses with one name are one peer", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  const auto by = GENERATE(Granularity::connections, Granularity::peers, Granularity::processes);
  CAPTURE(static_cast<int>(by));
  const auto rows = [&](std::string_view report, const std::vector<std::string>& columns) {
    return rows_of(path, report, columns, {}, by);
  };
  CHECK(rows("peers",
             {"connections",
              "peer",
              "remote_name",
              "remote_address",
              "addresses",
              "address",
              "process",
              "netns"}) ==
        "6|web.example:443|web.example|-|5|5 addresses|app|5\n"
        "1|1.1.1.1:853|-|1.1.1.1|1|-|app|5\n"
        "1|203.0.113.9:443|-|203.0.113.9|1|-|app|5\n"
        "1|db.corp.example:5432|db.corp.example|203.0.113.77|1|203.0.113.77|app|5\n"
        "1|web.example:443|web.example|203.0.113.10|1|203.0.113.10|curl|6\n"
        "1|web.example:80|web.example|203.0.113.9|1|203.0.113.9|app|5\n");
  CHECK(rows("closes", {"ended", "peer", "addresses", "refused"}) ==
        "6|web.example:443|5|3\n"
        "1|1.1.1.1:853|1|0\n"
        "1|203.0.113.9:443|1|0\n"
        "1|db.corp.example:5432|1|0\n"
        "1|web.example:80|1|1\n");
  CHECK(rows("failed", {"connections", "process", "peer", "address", "outcome", "first_ns"}) ==
        "2|app|web.example:443|2 addresses|refused|18\n"
        "1|curl|web.example:443|203.0.113.11|refused|17\n"
        "1|app|web.example:80|203.0.113.9|refused|6\n");
  CHECK(rows("lifetimes", {"connections", "peer", "address", "longest_ns"}) ==
        "6|web.example:443|5 addresses|9000000000\n"
        "1|1.1.1.1:853|-|8000000000\n"
        "1|203.0.113.9:443|-|8000000000\n"
        "1|db.corp.example:5432|203.0.113.77|30000000000\n"
        "1|web.example:80|203.0.113.9|2000000000\n");
  CHECK(rows("overview", {"process", "peer", "connections", "address"}) ==
        "app|web.example:443|2|2 addresses\n"
        "curl|web.example:443|1|203.0.113.11\n"
        "app|web.example:80|1|203.0.113.9\n");
}

TEST_CASE("single connections show the name beside the address", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  Filter filter;
  filter.process = "app";
  filter.since_ns = filter.until_ns = 14 * kSecond;
  constexpr const char* kOpenThen =
      "203.0.113.9:443|web.example|asked\n"
      "203.0.113.77:5432|db.corp.example|asked\n"
      "1.1.1.1:853|-|-\n"
      "203.0.113.12:443|web.example|asked\n"
      "203.0.113.13:443|web.example|asked\n";
  const std::vector<std::string> columns{"remote", "remote_name", "name_source"};
  CHECK(rows_of(path, "connections", columns, filter) == kOpenThen);
  CHECK(rows_of(path, "at", columns, filter) == kOpenThen);
  CHECK(rows_of(path, "at", {"connections", "peer", "remote_address", "addresses"}, filter) ==
        "3|web.example:443|-|3\n"
        "1|1.1.1.1:853|1.1.1.1|1\n"
        "1|db.corp.example:5432|203.0.113.77|1\n");
  filter = {};
  filter.pids = {30};
  filter.remote_port = 5432;
  CHECK(rows_of(path, "process", columns, filter) == "203.0.113.77:5432|db.corp.example|asked\n");
  CHECK(rows_of(path, "process", {"peer", "address", "connections"}, filter) ==
        "db.corp.example:5432|203.0.113.77|1\n");
  filter = {};
  filter.local_port = 40'006;
  CHECK(rows_of(path, "who", columns, filter) == "203.0.113.77:5432|db.corp.example|asked\n");
}

TEST_CASE("who asks for which name, and what became of it", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  CHECK(rows_of(path,
                "lookups",
                {"lookups",
                 "pid",
                 "process",
                 "name",
                 "type",
                 "answered",
                 "failed",
                 "failures",
                 "unanswered",
                 "half_ns",
                 "longest_ns",
                 "last_ns"}) ==
        "6|20|curl|web.example|A|2|3|2 NXDOMAIN, 1 SERVFAIL|1|30000000|60000000|6\n"
        "1|30|app|db.corp.example|A|1|0|-|0|10000000|10000000|10\n"
        "1|30|app|nosuch.example|A|0|1|1 NXDOMAIN|0|10000000|10000000|11\n"
        "1|30|app|slow.example|AAAA|1|0|-|0|4000000000|4000000000|9\n"
        "1|20|curl|db.corp.example|A|1|0|-|0|10000000|10000000|8\n"
        "1|20|curl|www.example|A|1|0|-|0|10000000|10000000|7\n");
  CHECK(
      rows_of(path,
              "lookups",
              {"server", "lookups", "unanswered", "servfail", "half_ns", "p99_ns", "longest_ns"}) ==
      "192.0.2.53:53|10|1|1|10000000|60000000|60000000\n"
      "192.0.2.53:5353|1|0|0|4000000000|4000000000|4000000000\n");
  CHECK(rows_of(path, "lookups", {"lookups", "process", "name", "answers", "last_ns", "pid"}) ==
        "1|app|slow.example|203.0.113.99|9|30\n"
        "1|curl|db.corp.example|203.0.113.77|8|20\n");
  Filter filter;
  filter.pids = {30};
  CHECK(rows_of(path, "process", {"lookups", "name", "type", "failures", "longest_ns"}, filter) ==
        "1|db.corp.example|A|-|10000000\n"
        "1|nosuch.example|A|1 NXDOMAIN|10000000\n"
        "1|slow.example|AAAA|-|4000000000\n");
}

TEST_CASE("lookups have an owner, a time and a name", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  const auto names = [&](const Filter& filter) {
    return rows_of(path, "lookups", {"lookups", "name", "type"}, filter);
  };
  Filter filter;
  SECTION("owner") {
    filter.process = "app";
    CHECK(names(filter) == "1|db.corp.example|A\n1|nosuch.example|A\n1|slow.example|AAAA\n");
  }
  SECTION("name") {
    filter.remote_name = "*.corp.example";
    CHECK(names(filter) == "1|db.corp.example|A\n1|db.corp.example|A\n");
  }
  SECTION("window: with the answer") {
    filter.since_ns = 14 * kSecond;
    CHECK(names(filter).empty());
    filter.since_ns = filter.until_ns = 12 * kSecond - kSecond / 2;
    CHECK(names(filter) == "1|slow.example|AAAA\n");
  }
  SECTION("namespace") {
    filter.netns = 6;
    CHECK(names(filter).empty());
  }
  SECTION("not of connections only") {
    CHECK_FALSE(is_of_connections_only(filter));
    filter.remote_port = 53;
    CHECK(is_of_connections_only(filter));
  }
}

TEST_CASE("an answer to a lookup can be any text", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    store::Writer writer{path, test::server_lives::session(0)};
    writer.push({process(kApp, "app"),
                 lookup(kApp, R"(a"b.example)", 1, 0, {R"(")", R"(\)", R"(x","203.0.113.9)"}),
                 lookup(kApp, R"(\000.example)", 2, 0, {"203.0.113.9"}),
                 test::server_lives::opens(connection({1, kApp, "203.0.113.9"}))});
    writer.finish(40 * kSecond);
  }
  CHECK(rows_of(path, "lookups", {"name", "answers"}) ==
        "a\"b.example|\", \\, x\",\"203.0.113.9\n");
}

TEST_CASE("an address of several names has them, the newest first", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    store::Writer writer{path, test::server_lives::session(0)};
    writer.push({process(kApp, "app"),
                 lookup(kApp, "old.example", 1, 0, {"203.0.113.9", "203.0.113.10"}),
                 lookup(kApp, "older.example", 2, 0, {"203.0.113.9"}),
                 lookup(kApp, "alone.example", 3, 0, {"203.0.113.11"}),
                 lookup(kApp, "new.example", 4, 0, {"203.0.113.8", "203.0.113.9"}),
                 lookup(kApp, "older.example", 5, 0, {"203.0.113.9"}),
                 lookup(kApp, "newest.example", 6, 0, {"203.0.113.9", "203.0.113.10"}),
                 lookup(kApp, "failed.example", 7, 2, {})});
    writer.finish(40 * kSecond);
  }
  CHECK(rows_of(path, "lookups", {"address", "names", "newest"}) ==
        "203.0.113.9|4|newest.example, older.example, new.example, …\n"
        "203.0.113.10|2|newest.example, old.example\n");
}

TEST_CASE("names that were asked for in another way are counted", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  const auto note = [&](std::string_view report, const Filter& filter, Granularity by) {
    store::Reader reader{path};
    const auto answer = run_report(reader, report, filter, -1, by);
    return answer.completeness->note;
  };
  const auto by = GENERATE(Granularity::connections, Granularity::peers, Granularity::processes);
  CAPTURE(static_cast<int>(by));
  // app has asked 1.1.1.1:853, and has one other connection without a name.
  const std::string expected = "names of 1 connection unknown: DNS over TLS or HTTPS";
  CHECK(note("peers", {}, by) == expected);
  CHECK(note("lookups", {}, by) == expected);
  CHECK(note("churn", {}, by).empty());
  Filter filter;
  filter.process = "curl";
  CHECK(note("peers", filter, by).empty());
}

}  // namespace netlog_tests::report_names_test

// SPDX-License-Identifier: MIT
#include "store/db/sql_macros.hpp"

#include "support/catch.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <regex>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

namespace netlog_tests::store_sql_macros_test {

using namespace netlog;
using netlog::test::contains_text;

namespace {

std::string value_of(const std::string& expression) {
  SQLite::Database database{":memory:", SQLite::OPEN_READWRITE};
  const auto cell = database.execAndGet("SELECT " + store::expand_sql(expression));
  return cell.isNull() ? "NULL" : cell.getString();
}

/// Comparisons of a column of codes with a number.
std::vector<std::string> bare_codes(const std::filesystem::path& path) {
  static const std::regex kBare{
      R"(\b(kind|state|new|old|direction|protocol|family|outcome|outcome_reason|owner_source|owner_reason|offload|seen_by)\b (=|<>|<|<=|>|>=|IS|IS NOT|IN|NOT IN) \(?[0-9])"};
  const bool is_sql = path.extension() == ".sql";
  std::vector<std::string> found;
  std::ifstream file{path};
  for (std::string line; std::getline(file, line);) {
    const auto quoted = is_sql ? line : line.substr(std::min(line.find('"'), line.size()));
    if (std::regex_search(quoted, kBare)) {
      found.push_back(fmt::format("{}: {}", path.filename().string(), line));
    }
  }
  return found;
}

}  // namespace

TEST_CASE("abbreviations in SQL are replaced by plain SQL", "[store]") {
  const auto [sql, expected] = GENERATE(table<std::string, std::string>({
      {"SELECT 1", "SELECT 1"},
      {"kind = $event.owner AND new <> $state.time_wait", "kind = 4 AND new <> 11"},
      {"IN ($state.syn_sent, $outcome.timed_out)", "IN (3, 3)"},
      {"$seen_by.snapshot_notice", "3"},
      {"$owner_reason.no_source", "4"},
      {"$name(protocol, c.protocol)",
       "CAST(CASE c.protocol WHEN 6 THEN 'tcp' WHEN 17 THEN 'udp' END AS TEXT)"},
      {"$name(family, iif(a, (b), $family.ipv6))",
       "CAST(CASE iif(a, (b), 6) WHEN 4 THEN 'ipv4' WHEN 6 THEN 'ipv6' END AS TEXT)"},
      {"$connect_failed(outcome, u.outcome_reason)",
       "(outcome IN ('refused', 'unreachable', 'timed_out') OR coalesce(u.outcome_reason, '') IN "
       "('unanswered', 'caller_gave_up'))"},
      {"NOT $failed(o, r, d)",
       "NOT ((o IN ('refused', 'unreachable', 'timed_out') OR coalesce(r, '') IN ('unanswered', "
       "'caller_gave_up')) OR (o = 'reset' AND "
       "d <> 'inbound'))"},
      {"NOT $of_udp_client(c)",
       "NOT coalesce(c.protocol = 'udp' AND c.local_port >= 32768 AND c.closed_ns - "
       "coalesce(c.opened_ns, c.first_seen_ns) < 60e9, 0)"},
      {"'$state.closed' -- $state.closed\n/* $state.closed */ $state.closed",
       "'$state.closed' -- $state.closed\n/* $state.closed */ 1"},
  }));
  CHECK(store::expand_sql(sql) == expected);
}

TEST_CASE("an abbreviation that is not known is an error of the build", "[store]") {
  const auto sql = GENERATE(as<std::string>{},
                            "$state.opened",
                            "$stat.closed",
                            "$state",
                            "$name(stat, x)",
                            "$name(state)",
                            "$utc(1",
                            "$");
  CHECK_THROWS_AS(store::expand_sql(sql), std::invalid_argument);
}

TEST_CASE("names, times and endpoints are the text that the views show", "[store]") {
  CHECK(value_of("$name(state, 12)") == "DELETE_TCB");
  CHECK(value_of("$name(state, 13)") == "NULL");
  CHECK(value_of("$name(seen_by, 7)") == "snapshot+notice+trace");
  CHECK(value_of("$utc(1795269787250000999)") == "2026-11-21T14:03:07.250000Z");
  CHECK(value_of("$utc(1000000000 + 1000)") == "1970-01-01T00:00:01.000001Z");
  CHECK(value_of("$utc(NULL)") == "NULL");
  CHECK(value_of("$endpoint('192.0.2.1', 80)") == "192.0.2.1:80");
  CHECK(value_of("$endpoint('2001:db8::1', 80)") == "[2001:db8::1]:80");
  CHECK(value_of("$endpoint('192.0.2.1', NULL)") == "192.0.2.1");
  CHECK(value_of("$endpoint(NULL, 80)") == "NULL");
}

TEST_CASE("SQL of this program names its codes", "[store]") {
  const std::filesystem::path source{std::getenv("NETLOG_SOURCE")};
  std::vector<std::string> found;
  std::size_t files = 0;
  for (const auto* const folder : {"schema", "src"}) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator{source / folder}) {
      const auto extension = entry.path().extension();
      if (extension == ".sql" || extension == ".cpp" || extension == ".hpp") {
        ++files;
        for (auto& line : bare_codes(entry.path())) {
          found.push_back(std::move(line));
        }
      }
    }
  }
  CHECK(files > 100);
  CHECK(found == std::vector<std::string>{});
}

}  // namespace netlog_tests::store_sql_macros_test

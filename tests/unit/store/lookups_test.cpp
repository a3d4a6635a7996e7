// SPDX-License-Identifier: MIT
// The names of remote addresses, and the lookups that they come from.
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/server_lives.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::store_lookups_test {

using namespace netlog;
using namespace netlog::store;
using namespace netlog::test::server_lives;
using netlog::test::rows;

namespace {

Connection to(ConnectionId id, const char* address, std::string name, NameSource source) {
  auto made = open_connection(id, 10 + id);
  made.direction = Direction::outbound;
  made.tuple.local.port = static_cast<std::uint16_t>(40'000 + id);
  made.tuple.remote = {*parse_address(address), 443};
  made.remote_name = std::move(name);
  made.name_source = source;
  return made;
}

Lookup lookup(std::string name, std::int64_t at_s) {
  Lookup made;
  made.netns = 4'026'531'840;
  made.process = ProcessId{70, 7};
  made.at_ns = at_s * kSecond;
  made.name = std::move(name);
  made.type = 1;
  made.server = {*parse_address("127.0.0.53"), 53};
  return made;
}

constexpr const char* kNames =
    "SELECT id, remote_address, remote_name, name_source FROM connections ORDER BY id";
constexpr const char* kSums =
    "SELECT remote_name, sum(connections) FROM peer_flows GROUP BY 1 ORDER BY 1";

}  // namespace

TEST_CASE("a peer is an address, the port of the service and a name", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Writer writer{path, session(1)};
    auto inbound = open_connection(6, 16);
    inbound.remote_name = "nobody.example";
    inbound.name_source = NameSource::seen;
    writer.push({server(),
                 opens(to(1, "203.0.113.9", "a.example", NameSource::asked)),
                 opens(to(2, "203.0.113.9", "b.example", NameSource::seen)),
                 opens(to(3, "203.0.113.9", "", NameSource::none)),
                 opens(to(4, "203.0.113.9", "a.example", NameSource::asked)),
                 opens(to(5, "203.0.113.10", "printer", NameSource::hosts)),
                 opens(inbound)});
    writer.push({closes(to(1, "203.0.113.9", "a.example", NameSource::asked), 30 * kSecond),
                 closes(to(2, "203.0.113.9", "b.example", NameSource::seen), 31 * kSecond),
                 closes(to(3, "203.0.113.9", "", NameSource::none), 32 * kSecond)});
    writer.finish(40 * kSecond);
  }
  CHECK(rows(path, kNames) ==
        "1|203.0.113.9|a.example|asked\n"
        "2|203.0.113.9|b.example|seen\n"
        "3|203.0.113.9|NULL|NULL\n"
        "4|203.0.113.9|a.example|asked\n"
        "5|203.0.113.10|printer|hosts\n"
        "6|fe80::7%2|NULL|NULL\n");
  CHECK(rows(path, kSums) == "NULL|2\na.example|2\nb.example|1\nprinter|1\n");
  CHECK(rows(path,
             "SELECT peer, remote_name, name_source FROM peers WHERE direction = 'outbound' ORDER "
             "BY peer, remote_name") ==
        "203.0.113.10:443|printer|hosts\n"
        "203.0.113.9:443|NULL|NULL\n"
        "203.0.113.9:443|a.example|asked\n"
        "203.0.113.9:443|b.example|seen\n");
  CHECK(rows(path, "SELECT text FROM name ORDER BY text") == "a.example\nb.example\nprinter\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("a name that is known later is the name of the connection and of its sums", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const bool is_known_before_the_end = GENERATE(true, false);
  const auto batch = GENERATE(std::size_t{1}, std::size_t{1'000});
  CAPTURE(is_known_before_the_end, batch);
  WriterOptions options;
  options.flush_items = batch;
  {
    Writer writer{path, session(1), options};
    auto one = to(1, "203.0.113.9", "", NameSource::none);
    writer.push({server(), opens(one), opens(to(2, "203.0.113.9", "", NameSource::none))});
    const auto learns = [&] {
      one.remote_name = "a.example";
      one.name_source = NameSource::asked;
    };
    if (is_known_before_the_end) {
      learns();
      writer.push({Refresh{one}});
    }
    const auto ended = closes(one, 20 * kSecond);
    one = ended.connection;
    writer.push({ended});
    if (!is_known_before_the_end) {
      learns();
      writer.push({Refresh{one}});
    }
    writer.push({closes(to(2, "203.0.113.9", "", NameSource::none), 21 * kSecond)});
    writer.finish(40 * kSecond);
  }
  CHECK(rows(path, kNames) == "1|203.0.113.9|a.example|asked\n2|203.0.113.9|NULL|NULL\n");
  CHECK(rows(path, kSums) == "NULL|1\na.example|1\n");
  CHECK(rows(path,
             "SELECT c.id FROM connection AS c JOIN flow AS f ON f.id = c.flow_id WHERE f.peer_id "
             "IS NOT c.peer_id") == "");
  CHECK(violations(path) == 0);
}

TEST_CASE("what was open keeps its name in the next session of the same boot", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto named = to(1, "203.0.113.9", "a.example", NameSource::seen);
  const auto unnamed = to(2, "203.0.113.9", "", NameSource::none);
  {
    Writer writer{path, session(10)};
    writer.push({server(), opens(named), opens(unnamed), alive(20)});
    writer.finish(20 * kSecond);
  }
  Writer writer{path, session(30)};
  const auto& left = writer.left_open().connections;
  REQUIRE(left.size() == 2);
  CHECK(left[0].remote_name == "a.example");
  CHECK(left[0].name_source == NameSource::seen);
  CHECK(left[1].remote_name.empty());
  CHECK(left[1].name_source == NameSource::none);
  writer.finish(31 * kSecond);
}

TEST_CASE("lookups are rows", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Writer writer{path, session(1)};
    auto answered = lookup("www.example", 10);
    answered.rcode = 0;
    answered.answers = {"203.0.113.9", "203.0.113.10"};
    answered.ttl_s = 300;
    answered.latency_ns = 12'000'000;
    auto failed = lookup("nothing.example", 11);
    failed.type = 28;
    failed.rcode = 3;
    failed.latency_ns = 5;
    auto odd = lookup("www.example", 12);
    odd.netns = 0;
    odd.process = ProcessId{71, 7};  // nobody knows it
    odd.type = 65'534;
    odd.rcode = 12;
    odd.server = {*parse_address("2001:db8::53"), 5'353};
    writer.push({server(), answered, failed, odd, lookup("unanswered.example", 13), alive(20)});
    writer.finish(21 * kSecond);
  }
  CHECK(rows(path, "SELECT * FROM lookups ORDER BY id") ==
        "1|1|1970-01-01T00:00:10.000000Z|10000000000|70|server|4026531840|www.example|A|NOERROR|"
        "203.0.113.9, 203.0.113.10|300|12000000|127.0.0.53:53|1\n"
        "2|1|1970-01-01T00:00:11.000000Z|11000000000|70|server|4026531840|nothing.example|AAAA|"
        "NXDOMAIN|NULL|NULL|5|127.0.0.53:53|1\n"
        "3|1|1970-01-01T00:00:12.000000Z|12000000000|NULL|NULL|NULL|www.example|TYPE65534|RCODE12|"
        "NULL|NULL|NULL|[2001:db8::53]:5353|NULL\n"
        "4|1|1970-01-01T00:00:13.000000Z|13000000000|70|server|4026531840|unanswered.example|A|"
        "NULL|NULL|NULL|NULL|127.0.0.53:53|1\n");
  CHECK(rows(path, "SELECT count(*) FROM name") == "3\n");
  CHECK(rows(path, "PRAGMA foreign_key_check") == "");
  CHECK(violations(path) == 0);
}

TEST_CASE("lookups that are too old go, and the names that only they have", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::seconds{100};
  {
    Writer writer{path, session(10), options};
    writer.push({server()});
    writer.push({opens(to(1, "203.0.113.9", "kept.example", NameSource::asked))});
    std::vector<Item> items;
    for (std::int64_t i = 0; i < 12'000; ++i) {
      items.emplace_back(lookup(fmt::format("old{}.example", i), 20));
    }
    writer.push(std::move(items));
    writer.push({lookup("kept.example", 20), lookup("young.example", 90), alive(140)});
    REQUIRE(test::eventually([&] {
      writer.push({alive(140)});
      return rows(path, "SELECT count(*) FROM lookup") == "1\n";
    }));
    writer.finish(142 * kSecond);
  }
  CHECK(rows(path, "SELECT name FROM lookups") == "young.example\n");
  // Names are deleted after each 10,000 lookups.
  CHECK(rows(path,
             "SELECT count(*) BETWEEN 2 AND 2 + 2000, sum(text IN ('kept.example', "
             "'young.example')) FROM name") == "1|2\n");
  CHECK(
      rows(path, "SELECT reason, to_ns / 1000000000, lost FROM gaps WHERE source = 'retention'") ==
      "lookups older than --max-age|20|12001\n");
  CHECK(rows(path, "PRAGMA foreign_key_check") == "");
  CHECK(violations(path) == 0);
}

TEST_CASE("a recording full of lookups stays below its size", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  constexpr std::int64_t kMax = 10 << 20;
  constexpr std::int64_t kLookups = 90'000;
  const std::int64_t lookups_per_connection = GENERATE(1'000'000, 20);
  CAPTURE(lookups_per_connection);
  WriterOptions options;
  options.limits.max_bytes = kMax;
  std::int64_t largest = 0;
  ConnectionId connections = 1;
  {
    Writer writer{path, session(1), options};
    writer.push({server(), opens(open_connection(1, 1))});
    std::vector<Item> items;
    for (std::int64_t i = 1; i <= kLookups; ++i) {
      // Names that do not come again cost the most.
      items.emplace_back(lookup(fmt::format("{:06}.long-name-of-a-host.example", i), i));
      if (i % lookups_per_connection == 0) {
        const auto one = open_connection(++connections, i);
        items.emplace_back(opens(one));
        items.emplace_back(closes(one, i * kSecond + 5));
      }
      if (i % 500 == 0) {
        items.emplace_back(alive(i));
        writer.push(std::exchange(items, {}));
        largest = std::max(largest, writer.totals().file_bytes);
      }
    }
    writer.finish((kLookups + 1) * kSecond);
    largest = std::max(largest, writer.totals().file_bytes);
  }
  CHECK(largest < kMax);
  CHECK(largest > kMax / 2);
  // The oldest went first: nothing is missing in between, and all that went is on record.
  CHECK(rows(path, "SELECT max(id) = 90000, max(id) - min(id) + 1 = count(*) FROM lookups") ==
        "1|1\n");
  CHECK(rows(path,
             "SELECT (SELECT count(*) FROM lookups) + lost, reason FROM gaps WHERE source = "
             "'retention' AND reason GLOB 'lookups *'") == "90000|lookups over --max-size\n");
  // Connections and lookups of one time go together, but for a step of either.
  CHECK(rows(path,
             fmt::format("SELECT coalesce(abs((SELECT min(at_ns) FROM lookups) - min(opened_ns)) "
                         "< (500 * {} + 2000) * 1000000000, 1) FROM connections WHERE outcome <> "
                         "'open'",
                         lookups_per_connection)) == "1\n");
  CHECK(rows(path,
             "SELECT count(*) <= 20000 FROM name WHERE id NOT IN (SELECT name_id FROM lookup)") ==
        "1\n");
  CHECK(rows(path, "PRAGMA foreign_key_check") == "");
  CHECK(violations(path) == 0);
}

}  // namespace netlog_tests::store_lookups_test

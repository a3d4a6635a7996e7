// SPDX-License-Identifier: MIT
// What becomes of a recording in the long run: it is continued and trimmed.
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/server_lives.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::store_retention_test {

using namespace netlog;
using namespace netlog::store;
using namespace netlog::test::server_lives;
using netlog::test::rows;

TEST_CASE("what was open is known again by the next session of the same boot", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto first = open_connection(1, 11);
  const auto second = open_connection(2, 12);
  {
    Writer writer{path, session(10)};
    CHECK(writer.left_open().connections.empty());
    writer.push({server(), opens(first), opens(second), alive(20)});
    // Killed: there is no end of the session.
  }
  {
    Writer writer{path, session(30)};
    const auto& left = writer.left_open();
    CHECK(left.alive_ns == 20 * kSecond);
    CHECK(left.interval_ns == 100'000'000);
    auto expected = std::vector{first, second};
    for (auto& connection : expected) {
      connection.last_seen_ns = 20 * kSecond;
    }
    REQUIRE(left.connections == expected);
    // New ones are numbered after them.
    writer.push({Resumed{1},
                 Resumed{2},
                 closes(second, 31 * kSecond),
                 server(),
                 opens(open_connection(3, 32)),
                 alive(40)});
    writer.finish(41 * kSecond);
  }
  CHECK(rows(path, kLives) ==
        "1|2|ESTABLISHED|open|11|NULL|NULL\n"
        "2|2|CLOSED|closed|12|31|0\n"
        "3|2|ESTABLISHED|open|32|NULL|NULL\n");
  CHECK(rows(path, "SELECT count(*) FROM processes") == "1\n");
  CHECK(rows(path, "SELECT reason, from_ns / 1000000000, to_ns / 1000000000 FROM gaps") ==
        "recorder was killed|20|30\n");
  CHECK(violations(path) == 0);

  SECTION("and ended with the kernel when another boot has begun") {
    Writer writer{path, session(60, "boot-b")};
    CHECK(writer.left_open().connections.empty());
    writer.finish(61 * kSecond);
    CHECK(rows(path, kLives) ==
          "1|2|CLOSED|unknown|11|60|19\n"
          "2|2|CLOSED|closed|12|31|0\n"
          "3|2|CLOSED|unknown|32|60|19\n");
    CHECK(violations(path) == 0);
  }
  SECTION("and stays open if no source knows its incarnation") {
    Writer{path, session(60)}.finish(61 * kSecond);
    CHECK(rows(path, kLives) ==
          "1|2|ESTABLISHED|open|11|NULL|NULL\n"
          "2|2|CLOSED|closed|12|31|0\n"
          "3|2|ESTABLISHED|open|32|NULL|NULL\n");
    CHECK(rows(path, "SELECT outcome, sum(connections) FROM peer_flows GROUP BY 1 ORDER BY 1") ==
          "closed|1\nunknown|2\n");
    CHECK(violations(path) == 0);
  }
}

TEST_CASE("what ended too long ago goes, what is open stays", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::seconds{100};
  options.flush_items = 1;
  {
    Writer writer{path, session(10), options};
    const auto stays = open_connection(1, 10);
    const auto goes = open_connection(2, 11);
    const auto late = open_connection(3, 12);
    auto waits = open_connection(4, 12);
    writer.push({server(),
                 opens(stays),
                 opens(goes),
                 opens(late),
                 opens(waits),
                 Counters{5,  20 * kSecond, {}, {}, {}, {}, {}, {}, {}, {},
                          {}, {},           {}, {}, {}, {}, {}, {}, {}, {}},
                 closes(goes, 30 * kSecond)});
    waits.state = TcpState::time_wait;
    waits.outcome = Outcome::closed;
    waits.closed = Moment{31 * kSecond, 0};
    writer.push({event(EventKind::state, 31 * kSecond, waits, TcpState::established),
                 closes(late, 90 * kSecond),
                 alive(140)});
    // The end of a connection that has been dropped is not news.
    REQUIRE(test::eventually([&] {
      writer.push({alive(140)});
      return rows(path, "SELECT count(*) FROM connections WHERE id = 4") == "0\n";
    }));
    writer.push({closes(waits, 141 * kSecond), alive(141)});
    writer.finish(142 * kSecond);
  }
  CHECK(rows(path, "SELECT id, outcome FROM connections ORDER BY id") == "1|open\n3|closed\n");
  CHECK(rows(path, "SELECT DISTINCT connection_id FROM events ORDER BY 1") == "1\n3\n");
  CHECK(rows(path, "SELECT count(*) FROM counters") == "0\n");
  CHECK(rows(path,
             "SELECT source, reason, from_ns / 1000000000, to_ns / 1000000000, lost FROM gaps") ==
        "retention|older than --max-age|10|31|2\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("what is young by the boot clock stays, whatever the wall clock says", "[store]") {
  constexpr std::int64_t kDay = 86'400;
  struct Given {
    const char* what;
    std::vector<std::int64_t> steps_s;  ///< of the clock, after a connection has ended
    bool stays;
  };
  const auto given = GENERATE(values<Given>({
      {"60 days ahead", {60 * kDay}, true},
      {"60 days ahead for a moment", {60 * kDay, -60 * kDay}, true},
      {"it began in 2000", {9'830 * kDay}, true},
      {"set back", {-60 * kDay, 60 * kDay}, true},
      {"nothing", {}, false},
  }));
  CAPTURE(given.what);
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::hours{24 * 30};
  std::int64_t now_s = 1'000 * kDay;
  {
    Writer writer{path, session(now_s), options};
    const auto ends = open_connection(1, now_s);
    const auto next = open_connection(2, now_s + 5);
    writer.push(
        {server(),
         opens(ends),
         closes(ends, (now_s + 1) * kSecond),
         Counters{
             5, now_s * kSecond, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {},
             {}},
         opens(next)});
    for (const auto step_s : given.steps_s) {
      now_s += step_s;
      writer.push({ClockStep{now_s * kSecond, step_s * kSecond}, alive(now_s + 10)});
    }
    if (given.steps_s.empty()) {
      now_s += 60 * kDay;
    }
    writer.push({alive(now_s + 20)});
    writer.push({alive(now_s + 21)});
    writer.finish((now_s + 22) * kSecond);
  }
  CHECK(rows(path, "SELECT count(*) FROM connections WHERE outcome = 'closed'") ==
        (given.stays ? "1\n" : "0\n"));
  CHECK(rows(path, "SELECT count(*) FROM counter_sample") == (given.stays ? "1\n" : "0\n"));
  CHECK(violations(path) == 0);
}

TEST_CASE("a session that begins with a doubtful clock deletes nothing by age at first",
          "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::hours{24};
  constexpr std::int64_t kLater = 100 * 86'400;
  {
    Writer writer{path, session(10), options};
    const auto ends = open_connection(1, 11);
    writer.push({server(), opens(ends), closes(ends, 12 * kSecond)});
    writer.push({opens(open_connection(2, 13))});
    writer.finish(20 * kSecond);
  }
  const auto ended = [&] {
    return rows(path, "SELECT count(*) FROM connections WHERE outcome = 'closed'");
  };
  {
    Writer writer{path, session(kLater, "boot-b"), options};
    writer.push({alive(kLater + 30)});
    writer.finish((kLater + 31) * kSecond);
  }
  CHECK(ended() == "1\n");
  {
    Writer writer{path, session(kLater + 60, "boot-b"), options};
    writer.push({alive(kLater + 599)});
    writer.finish((kLater + 599) * kSecond);
  }
  CHECK(ended() == "1\n");
  {
    Writer writer{path, session(kLater + 620, "boot-b"), options};
    writer.push({alive(kLater + 621)});
    writer.finish((kLater + 622) * kSecond);
  }
  CHECK(ended() == "0\n");
}

TEST_CASE("what an earlier boot recorded stays when the clock is set far ahead", "[store]") {
  constexpr std::int64_t kDay = 86'400;
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::hours{24 * 30};
  {
    Writer writer{path, session(10), options};
    const auto ends = open_connection(1, 11);
    writer.push({server(), opens(ends), closes(ends, 12 * kSecond), opens(open_connection(2, 13))});
    writer.finish(20 * kSecond);
  }
  const auto ended = [&] {
    return rows(path, "SELECT count(*) FROM connections WHERE outcome = 'closed'");
  };
  {
    Writer writer{path, session(60, "boot-b"), options};
    writer.push({ClockStep{(60 + 60 * kDay) * kSecond, 60 * kDay * kSecond}});
    writer.push({alive(60 + 60 * kDay + 3)});
    writer.push({ClockStep{64 * kSecond, -60 * kDay * kSecond}, alive(64)});
    writer.push({alive(700)});
    writer.finish(701 * kSecond);
  }
  CHECK(ended() == "1\n");
  {
    // The clock stays where it is.
    Writer writer{path, session(710, "boot-b"), options};
    writer.push({ClockStep{(711 + 60 * kDay) * kSecond, 60 * kDay * kSecond}});
    writer.push({alive(711 + 60 * kDay + 10)});
    writer.finish((711 + 60 * kDay + 11) * kSecond);
  }
  {
    Writer writer{path, session(711 + 60 * kDay + 12, "boot-b"), options};
    writer.push({alive(711 + 60 * kDay + 599)});
    writer.finish((711 + 60 * kDay + 600) * kSecond);
  }
  CHECK(ended() == "1\n");
  {
    Writer writer{path, session(711 + 60 * kDay + 601, "boot-b"), options};
    writer.push({alive(711 + 60 * kDay + 602)});
    writer.finish((711 + 60 * kDay + 603) * kSecond);
  }
  CHECK(ended() == "0\n");
}

TEST_CASE("the id of an event is never used again", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::seconds{1};
  std::int64_t highest = 0;
  for (std::int64_t life = 0; life < 3; ++life) {
    const auto at_s = 10 + 100 * life;
    Writer writer{path, session(at_s), options};
    const auto one = open_connection(1, at_s);
    writer.push({server(), opens(one), closes(one, (at_s + 1) * kSecond)});
    writer.push({alive(at_s + 50)});
    writer.push({alive(at_s + 51)});
    writer.finish((at_s + 52) * kSecond);
    // The newest event stays, so what comes next is newer.
    CHECK(rows(path, fmt::format("SELECT min(id) > {} FROM events", highest)) == "1\n");
    highest = std::stoll(rows(path, "SELECT max(id) FROM events"));
  }
  CHECK(highest == 6);
  CHECK(violations(path) == 0);
}

TEST_CASE("a recording stays below its size, whatever comes", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  constexpr std::int64_t kMax = 10 << 20;
  constexpr ConnectionId kLast = 50'000;
  const auto at_once = GENERATE(1, 20'000);
  const bool is_set_later = at_once > 1;
  WriterOptions options;
  options.limits.max_bytes = is_set_later ? 0 : kMax;
  std::int64_t largest = 0;
  {
    Writer writer{path, session(1), options};
    if (is_set_later) {
      writer.set_limits({kMax, {}});
    }
    writer.push({server(), opens(open_connection(1, 1))});
    std::vector<Item> items;
    for (ConnectionId id = 2; id <= kLast; ++id) {
      const auto one = open_connection(id, id);
      for (auto& item : std::vector<Item>{opens(one), closes(one, id * kSecond + 5), alive(id)}) {
        items.push_back(std::move(item));
      }
      if (id % at_once == 0 || id == kLast) {
        writer.push(std::exchange(items, {}));
      }
      largest = std::max(largest, writer.totals().file_bytes);
    }
    writer.finish((kLast + 1) * kSecond);
    largest = std::max(largest, writer.totals().file_bytes);
  }
  CHECK(largest < kMax);
  CHECK(largest > kMax / 2);
  CHECK(rows(path, "SELECT min(id), max(id) FROM connections") == fmt::format("1|{}\n", kLast));
  CHECK(rows(path,
             "SELECT (SELECT count(*) FROM connections) + lost, lost > 1000, reason FROM gaps "
             "WHERE source = 'retention'") == fmt::format("{}|1|over --max-size\n", kLast));
  // Sums count what was deleted, too.
  CHECK(rows(path,
             "SELECT (SELECT sum(connections) FROM process_flows), (SELECT sum(connections) FROM "
             "peer_flows), (SELECT sum(opens) FROM process_opens WHERE direction <> 'listen')") ==
        fmt::format("{0}|{0}|{0}\n", kLast));
  // The oldest went first: what is left, but for what is open, has no hole.
  CHECK(rows(path,
             "SELECT max(id) - min(id) + 1 = count(*) FROM connections WHERE outcome <> 'open'") ==
        "1\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("a file that claims pages that it does not have loses nothing", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Writer writer{path, session(1)};
    const auto one = open_connection(1, 1);
    writer.push({server(), opens(one), closes(one, 2 * kSecond), opens(open_connection(2, 3))});
    writer.finish(4 * kSecond);
  }
  constexpr std::uintmax_t kPages = 0x80000;
  std::filesystem::resize_file(path, kPages * 4096);  // 2 GiB of nothing
  {
    std::fstream file{path, std::ios::binary | std::ios::in | std::ios::out};
    constexpr std::streamoff kPageCount = 28;  // sqlite.org/fileformat.html, 1.3.8
    file.seekp(kPageCount);
    file.write("\0\x08\0\0", 4);
  }
  WriterOptions options;
  options.limits.max_bytes = 64 << 20;
  Writer writer{path, session(5), options};
  for (std::int64_t at_s = 6; at_s < 20; ++at_s) {
    writer.push({alive(at_s)});
  }
  writer.finish(20 * kSecond);
  CHECK(rows(path, "SELECT count(*) FROM connections") == "2\n");
  CHECK(rows(path, "SELECT count(*) FROM gaps WHERE source = 'retention'") == "0\n");
}

TEST_CASE("a new limit of age is in effect while it is recorded", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.limits.max_age = std::chrono::seconds{1'000};
  Writer writer{path, session(1), options};
  const auto one = open_connection(1, 1);
  writer.push({server(),
               opens(one),
               closes(one, 2 * kSecond),
               opens(open_connection(2, 3)),  // the newest event stays
               alive(500)});
  REQUIRE(test::eventually([&] { return writer.totals().events == 3; }));
  CHECK(rows(path, "SELECT count(*) FROM connections") == "2\n");
  writer.set_limits({0, std::chrono::seconds{100}});
  CHECK(test::eventually([&] {
    writer.push({alive(500)});
    return rows(path, "SELECT count(*) FROM connections") == "1\n";
  }));
  writer.finish(501 * kSecond);
}

}  // namespace netlog_tests::store_retention_test

// SPDX-License-Identifier: MIT
// What becomes of a recording in the long run: it is continued, trimmed, deleted while it is
// written.
#include "os/files.hpp"
#include "report/check.hpp"
#include "store/read/reader.hpp"
#include "store/write/recreatable_recording.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
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
using netlog::test::rows;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Session session(std::int64_t started_s, std::string boot = "boot-a") {
  return {"h", "Linux", "6", "0", std::move(boot), 0, 100'000'000, "trace", started_s * kSecond};
}

Process server() {
  return {{70, 7}, 0, "server", {}, {}, {}, {}, {}, 1, {}, {}, {}, {}, {}, {}, {}};
}

Connection open_connection(ConnectionId id, std::int64_t opened_s) {
  Connection made;
  made.id = id;
  made.netns = 5;
  made.tuple = {Protocol::tcp,
                {*parse_address("192.0.2.1"), 443},
                {*parse_address("fe80::7%2"), static_cast<std::uint16_t>(id % 60'000 + 1)}};
  made.direction = Direction::inbound;
  made.state = TcpState::established;
  made.owner = {ProcessId{70, 7}, OwnerSource::exact, {}};
  made.opened = Moment{opened_s * kSecond, 5};
  made.first_seen_ns = made.last_seen_ns = opened_s * kSecond;
  made.seen_by = SeenBy::trace;
  made.incarnation = 0xffff'ffff'0000'0000U + static_cast<std::uint64_t>(id);
  made.metrics.bytes_sent = 7;
  return made;
}

Event event(EventKind kind,
            std::int64_t at_ns,
            const Connection& of,
            std::optional<TcpState> from) {
  const auto code = [](auto state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  return {kind, Moment{at_ns, 0}, code(from), code(of.state), std::nullopt, of};
}

Event opens(const Connection& connection) {
  return event(EventKind::open, connection.opened->at_ns, connection, std::nullopt);
}

Event closes(Connection connection, std::int64_t at_ns) {
  const auto from = std::exchange(connection.state, TcpState::closed);
  connection.gone = true;
  connection.closed = Moment{at_ns, 0};
  connection.last_seen_ns = at_ns;
  connection.outcome = Outcome::closed;
  return event(EventKind::close, at_ns, connection, from);
}

Heartbeat alive(std::int64_t at_s) {
  return {at_s * kSecond, 1, 0, 0};
}

std::int64_t violations(const std::filesystem::path& path) {
  Reader reader{path};
  return report::check(reader, 20).violations;
}

constexpr const char* kLives =
    "SELECT id, session_id, state, outcome, opened_ns / 1000000000, closed_ns / 1000000000, "
    "close_error_ns / 1000000000 FROM connections ORDER BY id";

}  // namespace

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
                 Counters{5, 20 * kSecond, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}},
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
         Counters{5, now_s * kSecond, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}, {}},
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
  constexpr std::int64_t kMax = 12 << 20;
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

TEST_CASE("a file that is deleted while it is recorded into is created again", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto held = *os::hold_recording_file(path);
  WriterOptions options;
  options.flush_after = std::chrono::milliseconds{1};
  options.queue_items = 8;  // so full that we wait for room when it is found out
  options.in_place = [&] { return held->in_place(); };
  options.reopen = [&]() -> Result<void> {
    held = *os::hold_recording_file(path);
    return {};
  };
  std::vector<std::string> messages;
  options.on_message = [&](const std::string& text) { messages.push_back(text); };
  const auto stays = open_connection(1, 11);
  const auto goes = open_connection(2, 12);
  {
    Writer writer{path, session(10), options};
    writer.push({server(), opens(stays), opens(goes)});
    REQUIRE(test::eventually([&] { return writer.totals().events >= 2; }));
    std::error_code refused;
    for (const auto* const suffix : {"", "-wal", "-shm"}) {
      std::filesystem::remove(path.string() + suffix, refused);
      REQUIRE_FALSE(refused);
    }
    std::int64_t dropped = 0;
    REQUIRE(test::eventually([&] {
      auto pushed = writer.push({closes(goes, 20 * kSecond), alive(21)});
      dropped += std::count_if(pushed.dropped.begin(), pushed.dropped.end(), [](const Item& item) {
        return std::holds_alternative<Event>(item);
      });
      if (dropped > 0) {
        CHECK(pushed.why.reason == "file was deleted or replaced");
      }
      return pushed.wants_resync;
    }));
    CHECK(dropped > 0);
    writer.push({server(), Resync{12 * kSecond, 22 * kSecond, {stays}}});
    writer.finish(23 * kSecond);
  }
  CHECK(rows(path, "SELECT id, outcome, pid FROM connections") == "1|open|70\n");
  CHECK(rows(path, "SELECT kind, at_ns / 1000000000, new FROM events") == "open|11|ESTABLISHED\n");
  CHECK(violations(path) == 0);
  REQUIRE(messages.size() == 1);
  CHECK_THAT(messages[0], netlog::test::contains_text("file was deleted or replaced"));
}

TEST_CASE("what another session left open in the new file goes on in its row, or has ended",
          "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.reopen = []() -> Result<void> { return {}; };
  RecreatableRecording recording{path, session(10), options};
  std::filesystem::rename(path, scratch / "b.db");
  {
    Writer other{path, session(11)};
    other.push({server(), opens(open_connection(1, 12)), opens(open_connection(2, 13))});
    other.finish(14 * kSecond);
  }
  recording.recreate(15 * kSecond);
  auto both = open_connection(2, 13);
  both.id = 7;
  auto ours = open_connection(3, 15);
  ours.id = 1;  // the id that the first one has in the file
  const Item resync[] = {server(), Resync{15 * kSecond, 16 * kSecond, {ours, both}}};
  recording->write(resync);
  const Item ends[] = {closes(both, 17 * kSecond), closes(ours, 18 * kSecond)};
  recording->write(ends);
  recording->end(20 * kSecond);
  recording.close();
  CHECK(rows(path, "SELECT id, session_id, remote_port, gone FROM connection ORDER BY id") ==
        "1|1|2|1\n2|2|3|1\n3|2|4|1\n");
  // The first one ended after the last sign of life of its session, and before the Resync.
  CHECK(rows(path,
             "SELECT outcome, outcome_reason, closed_ns / 1000000000, close_error_ns / 1000000000 "
             "FROM connections WHERE remote_port = 2") == "unknown|not_noticed|16|2\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("where sockets are not identified, what another session left open stays open",
          "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.reopen = []() -> Result<void> { return {}; };
  RecreatableRecording recording{path, session(10), options};
  std::filesystem::rename(path, scratch / "b.db");
  {
    Writer other{path, session(11)};
    other.push({server(), opens(open_connection(1, 12))});
    other.finish(14 * kSecond);
  }
  recording.recreate(15 * kSecond);
  auto ours = open_connection(3, 15);
  ours.incarnation = 0;
  const Item resync[] = {server(), Resync{15 * kSecond, 16 * kSecond, {ours}}};
  recording->write(resync);
  recording->end(20 * kSecond);
  recording.close();
  CHECK(rows(path, "SELECT remote_port, gone FROM connection ORDER BY id") == "2|0\n4|0\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("a Resync writes what the file lacks", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Writer writer{path, session(10)};
    const auto same = open_connection(1, 11);
    auto changed = open_connection(2, 12);
    const auto over = open_connection(3, 13);
    auto unknown = open_connection(4, 14);
    writer.push({server(), opens(same), opens(changed), opens(over)});
    changed.state = TcpState::close_wait;
    changed.owner = {};
    unknown.opened.reset();
    writer.push({Resync{20 * kSecond, 30 * kSecond, {same, changed, unknown}}, alive(31)});
    writer.finish(32 * kSecond);
  }
  CHECK(rows(path,
             "SELECT connection_id, kind, at_ns / 1000000000, error_ns / 1000000000, old, new FROM "
             "events WHERE at_ns > 13500000000 ORDER BY id") ==
        "2|state|30|10|ESTABLISHED|CLOSE_WAIT\n"
        "2|owner|30|10|70|NULL\n"
        "4|present|14|0|NULL|ESTABLISHED\n"
        "3|close|30|10|ESTABLISHED|CLOSED\n");
  CHECK(rows(path, "SELECT id, outcome, outcome_reason FROM connections") ==
        "1|open|NULL\n2|open|NULL\n3|unknown|not_noticed\n4|open|NULL\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("a session in between that saw nothing loses no connection", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto open = open_connection(1, 11);
  Writer{path, session(10)}.push({server(), opens(open), alive(20)});
  Writer{path, session(30)}.push({alive(31)});
  {
    Writer writer{path, session(40)};
    REQUIRE(writer.left_open().connections.size() == 1);
    // The last that looked.
    CHECK(writer.left_open().alive_ns == 20 * kSecond);
    writer.push({Resumed{1}, closes(open, 42 * kSecond), alive(43)});
    writer.finish(44 * kSecond);
  }
  CHECK(rows(path, kLives) == "1|3|CLOSED|closed|11|42|0\n");
  CHECK(violations(path) == 0);
}

TEST_CASE("what is learnt after the end changes the sums, too", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.flush_items = 1;
  Writer writer{path, session(10), options};
  const auto end = closes(open_connection(1, 11), 12 * kSecond);
  writer.push({server(), opens(open_connection(1, 11)), end, alive(13)});
  REQUIRE(test::eventually([&] { return writer.totals().events >= 2; }));
  auto known = end.connection;
  known.outcome = Outcome::reset;
  known.metrics.bytes_sent = 70;
  writer.push({Refresh{known}});
  writer.finish(20 * kSecond);
  CHECK(rows(path, "SELECT outcome, connections, bytes_sent FROM peer_flows") == "reset|1|70\n");
  CHECK(violations(path) == 0);
}

}  // namespace netlog_tests::store_retention_test

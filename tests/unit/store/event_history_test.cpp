// SPDX-License-Identifier: MIT
#include "store/db/event_history.hpp"

#include "model/event.hpp"
#include "report/check.hpp"
#include "store/read/reader.hpp"
#include "store/salvage/salvage.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/text.hpp"

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

namespace netlog_tests::store_event_history_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::rows;

namespace {

constexpr auto kOpen = static_cast<std::int64_t>(EventKind::open);
constexpr auto kState = static_cast<std::int64_t>(EventKind::state);
constexpr std::int64_t kSecond = 1'000'000'000;

Session session() {
  return {"host1", "Debian", "6.1", "0.1.0", "boot-a", 3600, 100'000'000, "sock_diag", kSecond};
}

Connection connection(ConnectionId id) {
  Connection made;
  made.id = id;
  made.tuple = {
      Protocol::tcp, {*parse_address("192.0.2.1"), 43210}, {*parse_address("192.0.2.2"), 80}};
  made.direction = Direction::outbound;
  made.state = TcpState::fin_wait_2;
  made.opened = Moment{2 * kSecond, 0};
  made.first_seen_ns = 2 * kSecond;
  made.last_seen_ns = 2 * kSecond;
  made.incarnation = static_cast<std::uint64_t>(id);
  return made;
}

ConnectionEvent event(
    EventKind kind, std::int64_t at_ns, const Connection& of, TcpState from, TcpState to) {
  const auto code = [](TcpState state) { return static_cast<std::uint8_t>(state); };
  return {kind,
          Moment{at_ns, 0},
          kind == EventKind::open ? std::nullopt : std::optional{code(from)},
          code(to),
          std::nullopt,
          of};
}

ConnectionEvent opens(const Connection& connection) {
  return event(EventKind::open, 2 * kSecond, connection, TcpState::closed, TcpState::fin_wait_2);
}

ConnectionEvent enters_time_wait(Connection& connection) {
  connection.state = TcpState::time_wait;
  connection.closed = Moment{3 * kSecond, 0};
  connection.outcome = Outcome::closed;
  return event(
      EventKind::state, 3 * kSecond, connection, TcpState::fin_wait_2, TcpState::time_wait);
}

ConnectionEvent closes(Connection& connection) {
  connection.gone = true;
  connection.state = TcpState::closed;
  return event(EventKind::close, 63 * kSecond, connection, TcpState::time_wait, TcpState::closed);
}

/// A recording of connection 1, which is in TIME_WAIT.
std::filesystem::path in_time_wait(const test::Scratch& scratch) {
  auto path = scratch / "a.db";
  auto one = connection(1);
  Writer writer{path, session()};
  const auto first = opens(one);
  writer.push({first, enters_time_wait(one)});
  writer.finish(4 * kSecond);
  return path;
}

void alter(const std::filesystem::path& path, const std::string& sql) {
  SQLite::Database{utf8(path), SQLite::OPEN_READWRITE}.exec(sql);
}

/// A session of another boot closes what was open.
void boot_again(const std::filesystem::path& path) {
  auto next = session();
  next.boot_id = "boot-b";
  next.started_ns = 100 * kSecond;
  Writer{path, next}.finish(101 * kSecond);
}

const auto* const kEvents =
    "SELECT id, at_ns, error_ns, kind, old, new FROM events WHERE connection_id = 1 ORDER BY id";

}  // namespace

TEST_CASE("a history has a number for an exact change, and a list for any other", "[store]") {
  CHECK(history_of(std::vector<StoredEvent>{{7, kOpen, 100, 0, std::nullopt, 5}}, 100).elements ==
        "501");  // 1 * 256 + 15 * 16 + 5
  CHECK(history_of(std::vector<StoredEvent>{{7, kState, 101, 0, 3, 5}}, 100).elements ==
        "2613");  // 1 * 2048 + 2 * 256 + 3 * 16 + 5
  CHECK(history_of(std::vector<StoredEvent>{{7, kState, 101, 40, 3, std::nullopt}}, 100).elements ==
        "[1,2,3,null,40]");
  CHECK(history_of(std::vector<StoredEvent>{{7, kState, 99, 0, 3, 5}}, 100).elements ==
        "[-1,2,3,5]");
  CHECK(history_of(std::vector<StoredEvent>{{7, kState, 101, 0, 3, 15}}, 100).elements ==
        "[1,2,3,15]");
  const auto far = history_of(
      std::vector<StoredEvent>{{7, kState, std::numeric_limits<std::int64_t>::max(), 0, 3, 5}}, 0);
  CHECK(far.elements == "[9223372036854775807,2,3,5]");
}

TEST_CASE("an id that does not follow the one before is in the history", "[store]") {
  const std::vector<StoredEvent> events{{7, kOpen, 100, 0, std::nullopt, 5},
                                        {9, kState, 101, 0, 5, 6}};
  const auto part = history_of(events, 100);
  CHECK(part.elements == "501,[1,2,5,6,0,1]");
  CHECK(part.first_event == 7);
  CHECK(part.last_event == 9);
  CHECK(history_after(std::vector<StoredEvent>{{10, kState, 101, 0, 5, 6}}, 100, 7, 2).elements ==
        "[1,2,5,6,0,1]");
}

TEST_CASE("a history is read as it was written", "[store]") {
  const std::vector<StoredEvent> events{
      {7, kOpen, 100, 0, std::nullopt, 5},
      {9, kState, 101, 40, 5, std::nullopt},
      {10, kState, 90, 0, 3, 15},
      {13, kState, std::numeric_limits<std::int64_t>::max(), 0, 14, 0}};
  const auto read = read_history("[" + history_of(events, 100).elements + "]", 100, 7);
  REQUIRE(read.size() == events.size());
  for (std::size_t i = 0; i < events.size(); ++i) {
    CAPTURE(i);
    CHECK(read[i].id == events[i].id);
    CHECK(read[i].kind == events[i].kind);
    CHECK(read[i].at_ns == events[i].at_ns);
    CHECK(read[i].error_ns == events[i].error_ns);
    CHECK(read[i].from == events[i].from);
    CHECK(read[i].to == events[i].to);
  }
}

TEST_CASE("a text that is no history has no events", "[store]") {
  const std::string text = GENERATE(as<std::string>{},
                                    "",
                                    "[",
                                    "[]",
                                    "[1",
                                    "[1,",
                                    "1",
                                    "[1]x",
                                    "[[1,2]",
                                    "[[]]",
                                    "[x]",
                                    "[1,null]",
                                    "[1e3]",
                                    "[99999999999999999999]",
                                    "{\"a\":1}");
  CAPTURE(text);
  CHECK(read_history(text, 0, 1).empty());
}

TEST_CASE("a connection that is over is one row, and its close joins it later", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto one = connection(1);
  auto other = connection(2);
  Writer writer{path, session()};
  SECTION("opened before") {
    writer.push({opens(one)});
    writer.push({opens(other)});
    writer.push({enters_time_wait(one)});
  }
  SECTION("opened in the same batch") {
    const auto first = opens(one);
    writer.push({first, enters_time_wait(one)});
    writer.push({opens(other)});
  }
  writer.push({closes(one)});
  writer.finish(70 * kSecond);
  CHECK(rows(path, "SELECT count(*) FROM event WHERE connection_id = 1") == "0\n");
  CHECK(rows(path, "SELECT count(*) FROM event WHERE connection_id = 2") == "1\n");
  CHECK(
      rows(path, "SELECT at_ns, kind, old, new FROM events WHERE connection_id = 1 ORDER BY id") ==
      "2000000000|open|NULL|FIN_WAIT_2\n"
      "3000000000|state|FIN_WAIT_2|TIME_WAIT\n"
      "63000000000|close|TIME_WAIT|CLOSED\n");
  CHECK(rows(path, "SELECT count(DISTINCT id), max(id) FROM events") == "4|4\n");
  CHECK(rows(path,
             "SELECT state, from_ns, to_ns FROM state_intervals WHERE connection_id = 1 ORDER BY "
             "from_ns") == "FIN_WAIT_2|2000000000|3000000000\nTIME_WAIT|3000000000|63000000000\n");
  Reader reader{path};
  CHECK(report::check(reader, 10).violations == 0);
}

TEST_CASE("a connection with many events keeps them as rows", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto changes = GENERATE(62, 63);
  Writer writer{path, session()};
  auto one = connection(1);
  std::vector<Item> items{opens(one)};
  for (int i = 0; i < changes; ++i) {
    items.emplace_back(
        event(EventKind::state, 2 * kSecond + i, one, TcpState::fin_wait_2, TcpState::fin_wait_2));
  }
  items.emplace_back(enters_time_wait(one));
  writer.push(std::move(items));
  writer.finish(70 * kSecond);
  CHECK(rows(path, "SELECT count(*) FROM event") == (changes == 62 ? "0\n" : "65\n"));
  CHECK(rows(path, "SELECT count(*) FROM events") == fmt::format("{}\n", changes + 2));
}

TEST_CASE("a history with a blank behind it goes on", "[store]") {
  const test::Scratch scratch;
  const auto path = in_time_wait(scratch);
  alter(path, "UPDATE connection SET history = history || ' '");
  boot_again(path);
  CHECK(rows(path, "SELECT group_concat(kind) FROM (SELECT kind FROM events ORDER BY id)") ==
        "open,state,close\n");
}

TEST_CASE("a history that is no list any more is a loss on record", "[store]") {
  const test::Scratch scratch;
  const auto path = in_time_wait(scratch);
  salvage(path, scratch / "whole.db");
  CHECK(rows(scratch / "whole.db", "SELECT count(*) FROM gaps WHERE source = 'salvage'") == "0\n");
  alter(path, "UPDATE connection SET history = 'x' || history");
  salvage(path, scratch / "out.db");
  CHECK(rows(scratch / "out.db", "SELECT lost FROM gaps WHERE source = 'salvage'") == "1\n");
}

TEST_CASE("a history that somebody has altered does not stop a report or a recorder", "[store]") {
  const auto* const history = GENERATE("x",
                                       "[",
                                       "{}",
                                       "\"[\"",
                                       "[\"x\"]",
                                       "[1.5]",
                                       "[null]",
                                       "[[]]",
                                       "[[\"a\",{},[],true]]",
                                       "[9223372036854775807]",
                                       "[-9223372036854775808]",
                                       "[[9223372036854775807,1,1,1,1,9223372036854775807]]");
  CAPTURE(history);
  const test::Scratch scratch;
  const auto path = in_time_wait(scratch);
  alter(path, fmt::format("UPDATE connection SET history = '{}'", history));
  CHECK_NOTHROW(rows(path, "SELECT * FROM events"));
  CHECK_NOTHROW(rows(path, "SELECT * FROM state_intervals"));
  {
    Reader reader{path};
    CHECK_NOTHROW(report::check(reader, 10));
  }
  CHECK_NOTHROW(boot_again(path));
  CHECK(rows(path, "SELECT count(*) FROM events WHERE kind = 'close'") == "1\n");
  CHECK(rows(path, kEvents).find("|close|TIME_WAIT|CLOSED\n") != std::string::npos);
}

TEST_CASE("a history that no recorder has written is not read, and check names its row",
          "[store]") {
  const auto [element, times] = GENERATE(table<std::string, int>({
      {"1", 200'000},
      {"[1,2,3,4,5,6]", 129},
      {"[" + std::string(20'000, ' ') + "1]", 1},
  }));
  const test::Scratch scratch;
  const auto path = in_time_wait(scratch);
  auto history = "[" + element;
  for (int i = 1; i < times; ++i) {
    history += "," + element;
  }
  alter(path, fmt::format("UPDATE connection SET history = '{}]'", history));
  CHECK(rows(path, "SELECT count(*) FROM event_codes") == "0\n");
  CHECK(rows(path, "SELECT count(*) FROM state_intervals") == "0\n");
  Reader reader{path};
  const auto checked = report::check(reader, 10);
  std::string details;
  for (const auto& row : checked.answer.tables.at(1).rows) {
    details += std::get<std::string>(row.at(2)) + "\n";
  }
  CHECK_THAT(details, test::contains_text("its history is not a JSON list of at most 128 events"));
}

}  // namespace netlog_tests::store_event_history_test

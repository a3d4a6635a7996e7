// SPDX-License-Identifier: MIT
// A file that is lost while it is written, and what a Resync makes of the next one.
#include "os/files.hpp"
#include "store/read/reader.hpp"
#include "store/write/recreatable_recording.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/server_lives.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <filesystem>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::store_resync_test {

using namespace netlog;
using namespace netlog::store;
using namespace netlog::test::server_lives;
using netlog::test::rows;

namespace {

/// Puts another recording in the place of the file.
void replace(const std::filesystem::path& path, std::vector<Item> items) {
  std::filesystem::rename(path, path.string() + ".moved");
  Writer other{path, session(11)};
  other.push(std::move(items));
  other.finish(14 * kSecond);
}

}  // namespace

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
        return std::holds_alternative<ConnectionEvents>(item);
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
  replace(path, {server(), opens(open_connection(1, 12)), opens(open_connection(2, 13))});
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
  replace(path, {server(), opens(open_connection(1, 12))});
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

}  // namespace netlog_tests::store_resync_test

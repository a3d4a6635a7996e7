// SPDX-License-Identifier: MIT
#include "store/write/recreatable_recording.hpp"

#include "os/cut_files.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/text.hpp"

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

#include <sqlite3.h>

namespace netlog_tests::store_recreatable_recording_test {

using namespace netlog;
using namespace netlog::store;
using test::rows;

namespace {

Session session() {
  return {"h", "Linux", "6", "0", "boot", 0, 100'000'000, "trace", 10};
}

const SQLite::Exception kDamage{"database disk image is malformed", SQLITE_CORRUPT};

}  // namespace

TEST_CASE("RecreatableRecording starts the session again in a new file", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  bool in_place = true;
  WriterOptions options;
  options.in_place = [&] { return in_place; };
  options.reopen = []() -> Result<void> { return {}; };
  RecreatableRecording recording{path, session(), options};
  CHECK_FALSE(recording.is_lost());
  recording.close();
  CHECK(recording.is_lost());
  std::filesystem::remove(path);
  const auto why = recording.recreate(50);
  CHECK(why.reason == "file was deleted or replaced");
  CHECK(recording.is_open());
  recording->end(60);
  recording.close();
  CHECK(rows(path, "SELECT id, started_ns, ended_ns FROM session") == "1|50|60\n");
}

TEST_CASE("RecreatableRecording ends the session in a file that it cannot find", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  bool in_place = true;
  WriterOptions options;
  options.in_place = [&] { return in_place; };
  options.reopen = [&]() -> Result<void> {
    std::filesystem::remove(with_suffix(path, "-wal"));
    std::filesystem::remove(with_suffix(path, "-shm"));
    return {};
  };
  RecreatableRecording recording{path, session(), options};
  std::filesystem::rename(path, scratch / "elsewhere.db");
  in_place = false;
  recording.recreate(50);
  recording.close();
  CHECK(rows(scratch / "elsewhere.db", "SELECT ended_ns IS NOT NULL FROM session") == "1\n");
  CHECK(rows(path, "SELECT started_ns FROM session") == "50\n");
}

TEST_CASE("RecreatableRecording asks in_place whether its file is lost", "[store]") {
  const test::Scratch scratch;
  WriterOptions options;
  options.in_place = [] { return false; };
  RecreatableRecording recording{scratch / "a.db", session(), options};
  CHECK(recording.is_lost());
  CHECK_FALSE(recording.is_lost());  // not again at once
}

TEST_CASE("RecreatableRecording makes the -shm whole again that somebody has cut",
          "[store][posix]") {
  os::go_on_when_a_mapped_file_is_cut();
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto index = with_suffix(path, "-shm");
  std::vector<std::string> messages;
  WriterOptions options;
  options.on_message = [&](const std::string& text) { messages.push_back(text); };
  RecreatableRecording recording{path, session(), options};
  const auto write_gap_at = [&](std::int64_t at_ns) {
    const Item gap = Gap{{}, at_ns, at_ns + 1, "tick", "skipped ticks", {}, {}};
    recording->write({&gap, 1});
  };
  write_gap_at(11);
  const auto whole = std::filesystem::file_size(index);
  std::filesystem::resize_file(index, GENERATE(0U, 1U, 4'096U, 16'384U));
  if (GENERATE(false, true)) {
    std::filesystem::resize_file(index, whole);  // with zeros
  }
  CHECK_THROWS_AS(write_gap_at(12), SQLite::Exception);
  SECTION("before the next batch") {
    CHECK_FALSE(recording.is_lost());
    CHECK(messages.size() == 1);
    write_gap_at(12);
    CHECK(rows(path, "SELECT from_ns FROM gaps") == "11\n12\n");
    recording.end(20);
    recording.close();
    CHECK(rows(path, "SELECT from_ns FROM gaps") == "11\n12\n");
  }
  SECTION("before the end") {
    recording.end(20);
    recording.close();
    CHECK(rows(path, "SELECT from_ns FROM gaps") == "11\n");
  }
  CHECK(rows(path, "SELECT ended_ns, (SELECT count(*) FROM session) FROM session") == "20|1\n");
  CHECK(rows(path, "PRAGMA integrity_check") == "ok\n");
  CHECK_FALSE(std::filesystem::exists(index));
}

TEST_CASE("RecreatableRecording makes side files again that somebody has deleted",
          "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  std::vector<std::string> messages;
  WriterOptions options;
  options.on_message = [&](const std::string& text) { messages.push_back(text); };
  options.in_place = [] { return true; };
  options.side_files_in_place = [&] {
    return std::filesystem::exists(path.string() + "-wal") &&
           std::filesystem::exists(path.string() + "-shm");
  };
  RecreatableRecording recording{path, session(), options};
  const Item gap = Gap{{}, 11, 12, "tick", "skipped ticks", {}, {}};
  recording->write({&gap, 1});
  const bool is_read = GENERATE(false, true);
  std::optional<SQLite::Database> reader;
  if (is_read) {
    reader.emplace(path.string());
    CHECK(reader->execAndGet("SELECT count(*) FROM gap").getInt() == 1);
  }
  const std::string suffix = GENERATE("-wal", "-shm");
  std::filesystem::remove(path.string() + suffix);
  CHECK_FALSE(recording.is_lost());
  CHECK(std::filesystem::exists(path.string() + suffix) == !is_read);
  reader.reset();
  REQUIRE(test::eventually([&] {
    CHECK_FALSE(recording.is_lost());
    return std::filesystem::exists(path.string() + suffix);
  }));
  CHECK(rows(path, "SELECT from_ns FROM gaps") == "11\n");
  recording->write({&gap, 1});
  CHECK(rows(path, "SELECT from_ns FROM gaps") == "11\n11\n");
  CHECK(messages.size() == 1);
  recording->end(20);
  recording.close();
  CHECK(rows(path, "SELECT count(*), (SELECT ended_ns FROM session) FROM gaps") == "2|20\n");
}

TEST_CASE("RecreatableRecording makes side files only where nobody has put any", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  bool is_secure = false;
  WriterOptions options;
  options.in_place = [] { return true; };
  options.side_files_in_place = [&] { return std::filesystem::exists(path.string() + "-wal"); };
  options.secure_side_files = [&]() -> Result<void> {
    return is_secure ? Result<void>{} : fail(errc::untrusted, "planted");
  };
  RecreatableRecording recording{path, session(), options};
  const Item gap = Gap{{}, 11, 12, "tick", "skipped ticks", {}, {}};
  std::filesystem::remove(path.string() + "-wal");
  CHECK_THROWS_AS(recording.is_lost(), SQLite::Exception);
  CHECK_THROWS_AS(recording->write({&gap, 1}), SQLite::Exception);
  is_secure = true;
  recording->write({&gap, 1});
  CHECK(std::filesystem::exists(path.string() + "-wal"));
  CHECK(recording->end(20));
  recording.close();
  CHECK_FALSE(std::filesystem::exists(path.string() + "-wal"));
  CHECK(rows(path, "SELECT count(*), (SELECT ended_ns FROM session) FROM gaps") == "1|20\n");
}

TEST_CASE("RecreatableRecording leaves the -wal of a file that took its place", "[store][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto other = scratch / "other.db";
  {
    RecreatableRecording recording{scratch / "first.db", session(), {}};
    const Item gap = Gap{{}, 11, 12, "tick", "skipped ticks", {}, {}};
    recording->write({&gap, 1});
    std::filesystem::copy_file(scratch / "first.db", other);
    std::filesystem::copy_file(scratch / "first.db-wal", other.string() + "-wal");
  }
  bool in_place = true;
  WriterOptions options;
  options.in_place = [&] { return in_place; };
  options.reopen = []() -> Result<void> { return {}; };
  RecreatableRecording recording{path, session(), options};
  std::filesystem::rename(other, path);
  std::filesystem::rename(other.string() + "-wal", path.string() + "-wal");
  in_place = false;
  CHECK(recording.is_lost());
  recording.recreate(50);
  recording->end(60);
  recording.close();
  CHECK(rows(path, "SELECT from_ns FROM gaps WHERE source = 'tick'") == "11\n");
}

TEST_CASE("RecreatableRecording renames a damaged file to the next free name", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  WriterOptions options;
  options.reopen = []() -> Result<void> { return {}; };
  RecreatableRecording recording{path, session(), options};
  for (const auto* const name : {"a.db.damaged-1", "a.db.damaged-2"}) {
    CAPTURE(name);
    CHECK(recording.rename_damaged(kDamage));
    CHECK_FALSE(recording.is_open());
    CHECK(recording.is_lost());
    CHECK(std::filesystem::exists(scratch / name));
    CHECK_FALSE(std::filesystem::exists(path));
    CHECK_THAT(recording.damage(), netlog::test::contains_text(name));
    const auto why = recording.recreate(std::nullopt);
    CHECK(why.reason == "file was damaged");
    CHECK_THAT(why.detail, netlog::test::contains_text("malformed"));
    CHECK(recording.damage().empty());
  }
  CHECK(rows(path, "SELECT id, started_ns FROM session") == "1|10\n");
}

TEST_CASE("RecreatableRecording keeps a damaged file that it cannot create again", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  RecreatableRecording recording{path, session(), WriterOptions{}};
  CHECK_FALSE(recording.rename_damaged(kDamage));
  CHECK(recording.is_open());
  CHECK(std::filesystem::exists(path));
}

TEST_CASE("RecreatableRecording::recreate() says that the file cannot be created now", "[store]") {
  const test::Scratch scratch;
  WriterOptions options;
  options.reopen = []() -> Result<void> { return fail(errc::refused, "no"); };
  RecreatableRecording recording{scratch / "a.db", session(), options};
  try {
    recording.recreate(std::nullopt);
    FAIL("it was created");
  } catch (const SQLite::Exception& error) {
    CHECK(error.getErrorCode() == SQLITE_CANTOPEN);
  }
  CHECK_FALSE(recording.is_open());
}

}  // namespace netlog_tests::store_recreatable_recording_test

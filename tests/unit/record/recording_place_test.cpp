// SPDX-License-Identifier: MIT
// What becomes of a recording whose file is renamed, deleted, replaced or cut short meanwhile.
#include "record/recording_place.hpp"

#include "os/files.hpp"
#include "report/check.hpp"
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog_tests::record_recording_place_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::rows;
namespace fs = std::filesystem;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Process process() {
  Process made;
  made.id = {70, 7};
  made.name = "server";
  made.parent_pid = 1;
  return made;
}

Connection connection(ConnectionId id) {
  Connection made;
  made.id = id;
  made.tuple = {Protocol::tcp,
                {*parse_address("192.0.2.1"), 443},
                {*parse_address("198.51.100.7"), static_cast<std::uint16_t>(id)}};
  made.direction = Direction::inbound;
  made.state = TcpState::established;
  made.owner = {ProcessId{70, 7}, OwnerSource::exact, {}};
  made.opened = Moment{10 * kSecond, 5};
  made.first_seen_ns = made.last_seen_ns = 10 * kSecond;
  made.seen_by = SeenBy::trace;
  made.incarnation = static_cast<std::uint64_t>(id);
  return made;
}

ConnectionEvent opens(const Connection& of) {
  return {EventKind::open,
          *of.opened,
          std::nullopt,
          static_cast<std::uint8_t>(*of.state),
          std::nullopt,
          of};
}

/// A recorder: connection 1 stays open, others come one by one.
class Host {
 public:
  /// @param opened what happens when SQLite has opened the side files
  explicit Host(const fs::path& path, const std::function<void()>& opened = {})
      : place_{path, *os::hold_recording_file(path), std::nullopt},
        writer_{path,
                Session{"h", "Linux", "6", "0", "boot", 0, 1, "trace", kSecond},
                options(opened)} {
    push({process(), opens(connection(1))});
    REQUIRE(test::eventually([&] { return writer_.totals().events >= 1; }));
  }

  /// One more connection, and all of them again where the writer wants that.
  void push_one() {
    ++connections_;
    push({opens(connection(static_cast<ConnectionId>(connections_))),
          Heartbeat{(10 + connections_) * kSecond, connections_, 0, 2 * connections_}});
  }
  /// Until the writer has said so.
  void wait_for(const std::string& message) {
    REQUIRE(test::eventually([&] {
      push_one();
      return said(message);
    }));
  }
  bool said(const std::string& message) {
    const std::lock_guard lock{mutex_};
    return std::any_of(messages_.begin(), messages_.end(), [&](const std::string& text) {
      return text.find(message) != std::string::npos;
    });
  }
  void finish() { writer_.finish(100'000 * kSecond); }

  [[nodiscard]] std::int64_t connections() const { return connections_; }
  [[nodiscard]] std::int64_t dropped() const { return dropped_; }

 private:
  WriterOptions options(const std::function<void()>& opened) {
    WriterOptions options;
    options.flush_after = std::chrono::milliseconds{1};
    options.retry_after = std::chrono::milliseconds{1};
    options.on_message = [this](const std::string& text) {
      const std::lock_guard lock{mutex_};
      messages_.push_back(text);
    };
    place_.watch(options);
    if (opened) {
      options.opened = [opened, then = options.opened] {
        opened();
        then();
      };
    }
    return options;
  }
  void push(std::vector<Item> items) {
    const auto pushed = writer_.push(std::move(items));
    dropped_ += std::count_if(pushed.dropped.begin(), pushed.dropped.end(), [](const Item& item) {
      return std::holds_alternative<ConnectionEvents>(item);
    });
    if (pushed.wants_resync) {
      Resync resync{10 * kSecond, (10 + connections_) * kSecond, {}};
      for (std::int64_t id = 1; id <= connections_; ++id) {
        resync.connections.push_back(connection(static_cast<ConnectionId>(id)));
      }
      writer_.push({process(), std::move(resync)});
    }
  }

  std::mutex mutex_;
  std::vector<std::string> messages_;
  std::int64_t connections_ = 1;
  std::int64_t dropped_ = 0;
  record::RecordingPlace place_;
  Writer writer_;
};

std::int64_t count(const fs::path& path, const std::string& sql) {
  return std::stoll(rows(path, sql));
}

/// Rows of `connections`, if the recording is whole.
std::int64_t whole(const fs::path& path) {
  {
    Reader reader{path};
    REQUIRE(report::check(reader, 5).violations == 0);
  }
  return count(path, "SELECT count(*) FROM connections");
}

/// Somebody who reads, and keeps what he sees.
class Snapshot {
 public:
  explicit Snapshot(const fs::path& path)
      : database_{utf8(path), SQLite::OPEN_READONLY}, select_{database_, "SELECT id FROM events"} {
    REQUIRE(select_.executeStep());
  }

 private:
  SQLite::Database database_;
  SQLite::Statement select_;
};

}  // namespace

TEST_CASE("a file that is moved is whole, and a new one has the rest", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  struct Given {
    const char* what;
    const char* to;
    bool is_read;     ///< by somebody, while it is moved
    bool with_sides;  ///< -wal and -shm as well
    bool sides_first = false;
  };
  const auto given = GENERATE(values<Given>({{"renamed", "a.db.1", false, false},
                                             {"renamed while it is read", "a.db.1", true, false},
                                             {"moved to another folder", "old/a.db", false, false},
                                             {"moved and read", "old/a.db", true, false},
                                             {"moved with its side files", "b.db", false, true},
                                             {"moved after them", "b.db", false, true, true}}));
  CAPTURE(given.what);
  const auto to = scratch / given.to;
  fs::create_directories(scratch / "old");
  std::int64_t total = 0;
  {
    Host host{path};
    host.push_one();
    const auto reader = given.is_read ? std::make_unique<Snapshot>(path) : nullptr;
    const std::vector<std::string> suffixes = !given.with_sides ? std::vector<std::string>{""}
                                              : given.sides_first
                                                  ? std::vector<std::string>{"-wal", "-shm", ""}
                                                  : std::vector<std::string>{"", "-wal", "-shm"};
    for (const auto& suffix : suffixes) {
      host.push_one();
      fs::rename(with_suffix(path, suffix.c_str()), with_suffix(to, suffix.c_str()));
    }
    host.wait_for("into a new");
    CHECK(host.said("moved to"));
    host.push_one();
    CHECK(host.dropped() == 0);
    // The reader does not hinder others to read both.
    const auto before = whole(to);
    CHECK(before >= 2);
    host.finish();
    total = host.connections();
    CHECK(whole(to) == before);
  }
  // Each connection is in the first file, in the second one, or in both.
  const auto moved = count(to, "SELECT max(remote_port) FROM connections");
  CHECK(whole(to) == moved);
  CHECK(whole(path) == total);
  CHECK(count(path, "SELECT count(*) FROM gaps") == 0);
  CHECK(count(to, "SELECT count(*) FROM gaps") == 0);
  CHECK(count(to, "SELECT ended_ns IS NOT NULL FROM session") == 1);
  CHECK(count(path, "SELECT count(*) FROM session") == 1);
  // Each tick is counted in one of them.
  CHECK(count(path, "SELECT ticks FROM session") + count(to, "SELECT ticks FROM session") == total);
  CHECK(count(path, "SELECT skipped_ticks = 2 * ticks FROM session") == 1);
  CHECK(count(path, "SELECT started_ns FROM session") == count(to, "SELECT ended_ns FROM session"));
  CHECK_FALSE(fs::exists(with_suffix(path, "-wal")));
  std::error_code none;
  const auto wal = with_suffix(to, "-wal");
  CHECK((given.is_read || !fs::exists(wal) || fs::file_size(wal, none) == 0));
}

TEST_CASE("what stands beside the new place of a moved file is no part of it", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  fs::create_directories(scratch / "old");
  struct Given {
    std::string kind;
    std::string suffix;
    const char* to;
    bool is_read;
  };
  const auto given = GENERATE(values<Given>({{"a copy", "-wal", "a.db.1", false},
                                             {"a copy", "-wal", "old/a.db", true},
                                             {"a text", "-shm", "a.db.1", true},
                                             {"a text", "-journal", "old/a.db", false},
                                             {"a pipe", "-wal", "a.db.1", true},
                                             {"a pipe", "-shm", "old/a.db", false},
                                             {"a pipe", "-journal", "a.db.1", false},
                                             {"a link", "-wal", "a.db.1", false},
                                             {"a link", "-journal", "a.db.1", true}}));
  const auto& [kind, suffix, name, is_read] = given;
  const auto to = scratch / name;
  CAPTURE(to, is_read, suffix, kind);
  const auto beside = with_suffix(to, suffix.c_str());
  std::int64_t total = 0;
  {
    Host host{path};
    host.push_one();
    if (kind == "a copy") {
      fs::copy_file(with_suffix(path, "-wal"), beside);
    } else if (kind == "a text") {
      std::ofstream{beside} << std::string(5'000, 'x');
    } else if (kind == "a pipe") {
      REQUIRE(std::system(("mkfifo " + beside.string()).c_str()) == 0);
    } else {
      fs::create_symlink(
          suffix == "-journal" ? scratch / "none" : with_suffix(path, suffix.c_str()), beside);
    }
    for (int i = 0; i < 20; ++i) {
      host.push_one();
    }
    const auto reader = is_read ? std::make_unique<Snapshot>(path) : nullptr;
    host.push_one();
    fs::rename(path, to);
    host.wait_for("into a new");
    CHECK(host.said(beside.filename().string() + " is not of the file that was moved there"));
    host.push_one();
    CHECK(whole(to) == count(to, "SELECT max(remote_port) FROM connections"));
    host.finish();
    CHECK(host.dropped() == 0);
    total = host.connections();
  }
  CHECK(whole(to) == count(to, "SELECT max(remote_port) FROM connections"));
  CHECK(whole(to) > 20);
  CHECK(whole(path) == total);
  CHECK(fs::exists(fs::symlink_status(with_suffix(beside, ".foreign-1"))));
  CHECK((is_read || !fs::exists(fs::symlink_status(beside))));
}

TEST_CASE("what somebody puts in the place of a moved file stays when the recording ends",
          "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto moved = scratch / "old.db";
  const auto other = scratch / "other.db";
  {
    Host host{other};
    host.push_one();
    host.finish();
  }
  const auto kept = whole(other);
  {
    Host host{path};
    fs::rename(path, moved);
    fs::rename(other, path);
    // Until the writer has noticed it. Nothing comes that would begin the new file.
    REQUIRE(test::eventually([&] { return fs::exists(with_suffix(moved, "-wal")); }));
    host.finish();
  }
  CHECK(whole(path) == kept);
  CHECK(whole(moved) == 1);
}

TEST_CASE("a file that is moved back while a new one waits goes on", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto moved = scratch / "old.db";
  {
    Host host{path};
    fs::rename(path, moved);
    REQUIRE(test::eventually([&] { return fs::exists(path); }));  // the new one
    fs::rename(moved, path);
    host.wait_for("into a new");
    host.push_one();
    CHECK(host.dropped() == 0);
    host.finish();
    CHECK(whole(path) == host.connections());
  }
  CHECK(count(path, "SELECT count(*) FROM session WHERE ended_ns IS NOT NULL") == 2);
}

namespace {

/// A file that was moved to where nobody may look.
class HiddenFile final : public os::RecordingFile {
 public:
  [[nodiscard]] bool created() const override { return false; }
  [[nodiscard]] std::vector<fs::path> set_aside() const override { return {}; }
  [[nodiscard]] Result<std::vector<fs::path>> secure_side_files() override {
    return std::vector<fs::path>{};
  }
  [[nodiscard]] bool in_place() const override { return false; }
  [[nodiscard]] bool is_deleted() const override { return false; }
  [[nodiscard]] std::optional<fs::path> moved_to() const override { return {}; }
  [[nodiscard]] Result<void> grant_group_read(const os::Readers& /*readers*/) override {
    return {};
  }
};

}  // namespace

TEST_CASE("the WAL of a file that cannot be found is kept", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  std::vector<std::ofstream> opened;  // as SQLite has them
  for (const auto* const suffix : {"-wal", "-shm"}) {
    opened.emplace_back(with_suffix(path, suffix)) << "rows";
  }
  record::RecordingPlace place{path, std::make_unique<HiddenFile>(), std::nullopt};
  std::vector<std::string> messages;
  WriterOptions options;
  options.on_message = [&](const std::string& text) { messages.push_back(text); };
  place.watch(options);
  options.opened();
  CHECK_FALSE(options.follow().has_value());
  for (const auto* const suffix : {"-wal", "-shm"}) {
    CHECK_FALSE(fs::exists(with_suffix(path, suffix)));
    CHECK(fs::exists(with_suffix(with_suffix(path, suffix), ".moved-1")));
  }
  REQUIRE(messages.size() == 2);
  CHECK_THAT(messages[0], netlog::test::contains_text("a.db-wal.moved-1 belongs to it"));
}

TEST_CASE("a chain of renamed files keeps each file's WAL apart", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto first = scratch / "a.db.1";
  const auto second = scratch / "a.db.2";
  {
    Host host{path};
    for (int i = 0; i < 20; ++i) {
      host.push_one();
    }
    const Snapshot reader{path};
    host.push_one();
    fs::rename(path, first);
    host.wait_for("into a new");
    REQUIRE(fs::file_size(with_suffix(first, "-wal")) > 0);
    fs::rename(first, second);
    fs::rename(path, first);
    host.wait_for("a.db.1-wal is not of the file");
    REQUIRE(test::eventually([&] {
      host.push_one();
      return fs::exists(path) && fs::file_size(path) > 0;
    }));
    host.finish();
    CHECK(host.dropped() == 0);
  }
  CHECK(whole(first) == count(first, "SELECT max(remote_port) FROM connections"));
  fs::rename(with_suffix(first, "-wal.foreign-1"), with_suffix(second, "-wal"));
  CHECK(whole(second) == count(second, "SELECT max(remote_port) FROM connections"));
}

TEST_CASE("side files that somebody deletes are made again", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto* const side = GENERATE("-wal", "-shm");
  const auto when = GENERATE(as<std::string>{}, "later", "while opened", "and made again");
  const auto remove = [&] {
    fs::remove(with_suffix(path, side));
    if (when == "and made again") {
      std::ofstream{with_suffix(path, side)};
    }
  };
  bool is_due = when != "later";
  {
    Host host{path, [&] {
                if (std::exchange(is_due, false)) {
                  remove();
                }
              }};
    host.push_one();
    if (when == "later") {
      remove();
    }
    host.wait_for("there again");
    host.push_one();
    CHECK(host.dropped() == 0);
    host.finish();
    CHECK(whole(path) == host.connections());
  }
  CHECK(count(path, "SELECT count(*) FROM session") == 1);
}

TEST_CASE("a file that is gone costs what it held and what waited", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  struct Given {
    const char* what;
    std::function<void(const fs::path&)> lose;
    bool is_read;
    std::int64_t sessions;  ///< afterwards
    std::string message;
  };
  const auto given = GENERATE(values<Given>({
      {"deleted", [](const fs::path& at) { fs::remove(at); }, false, 1, "deleted or replaced"},
      {"deleted while it is read",
       [](const fs::path& at) { fs::remove(at); },
       true,
       1,
       "deleted or replaced"},
      {"replaced by another recording",
       [](const fs::path& at) { fs::rename(with_suffix(at, ".other"), at); },
       false,
       2,
       "deleted or replaced"},
      {"cut to nothing", [](const fs::path& at) { fs::resize_file(at, 0); }, false, 1, "damaged"},
      {"cut short",
       [](const fs::path& at) { fs::resize_file(at, fs::file_size(at) / 2); },
       false,
       1,
       "damaged"},
  }));
  CAPTURE(given.what);
  {
    Host other{scratch / "a.db.other"};
    other.finish();
  }
  {
    Host host{path};
    host.push_one();
    // Otherwise all of it is in the WAL.
    SQLite::Database{utf8(path), SQLite::OPEN_READWRITE}.tryExec("PRAGMA wal_checkpoint(FULL)");
    host.push_one();
    const auto reader = given.is_read ? std::make_unique<Snapshot>(path) : nullptr;
    given.lose(path);
    host.wait_for(given.message);
    host.push_one();
    host.finish();
  }
  CHECK(whole(path) > 2);
  CHECK(count(path, "SELECT count(*) FROM session") == given.sessions);
  CHECK(count(path, "SELECT ended_ns IS NOT NULL FROM session ORDER BY id DESC LIMIT 1") == 1);
}

TEST_CASE("a -wal that is cut short is damage", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto wal = with_suffix(path, "-wal");
  const std::uintmax_t left = GENERATE(0U, 20'000U);
  CAPTURE(left);
  {
    Host host{path};
    REQUIRE(test::eventually([&] {
      host.push_one();
      return fs::file_size(wal) > 60'000;
    }));
    fs::resize_file(wal, left);
    host.wait_for("somebody has cut its -wal short");
    host.push_one();
    host.finish();
    CHECK(whole(path) == host.connections());
  }
  CHECK(fs::exists(scratch / "a.db.damaged-1"));
}

TEST_CASE("a -wal that is cut short before the end is not merged", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Host host{path};
    fs::resize_file(with_suffix(path, "-wal"), 20'000);
    CHECK_THROWS_WITH(host.finish(),
                      netlog::test::contains_text("a.db.damaged-1 now: somebody has cut its -wal"));
  }
  CHECK_FALSE(fs::exists(path));
  CHECK(fs::file_size(scratch / "a.db.damaged-1-wal") == 20'000);
}

TEST_CASE("a -wal that somebody's checkpoint empties is no damage", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    Host host{path};
    SQLite::Database other{utf8(path), SQLite::OPEN_READWRITE};
    int emptied = 0;
    REQUIRE(test::eventually([&] {
      host.push_one();
      other.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
      emptied += fs::file_size(with_suffix(path, "-wal")) == 0 ? 1 : 0;
      return emptied >= 10;
    }));
    host.push_one();
    host.finish();
    CHECK(host.dropped() == 0);
    CHECK(whole(path) == host.connections());
  }
  CHECK(count(path, "SELECT count(*) FROM gaps") == 0);
}

TEST_CASE("a new file is recorded into after a time without its folder", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "here/a.db";
  fs::create_directories(scratch / "here");
  Host host{path};
  fs::remove_all(scratch / "here");
  host.wait_for("sampling goes on");
  fs::create_directories(scratch / "here");
  host.wait_for("into a new");
  host.push_one();
  host.finish();
  CHECK_FALSE(host.said("a.db again"));
  CHECK(whole(path) == host.connections());
}

TEST_CASE("a link to a file that was moved is no file to record into", "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto to = scratch / "kept.db";
  {
    Host host{path};
    host.push_one();
    fs::rename(path, to);
    fs::create_symlink(to, path);
    host.wait_for("cannot be made");
    host.push_one();
    CHECK(host.dropped() == 0);
    host.finish();
  }
  CHECK(whole(to) >= 2);
  CHECK(fs::is_symlink(path));
  CHECK_FALSE(fs::exists(with_suffix(path, "-wal")));
}

TEST_CASE("without a folder for a new file the moved one goes on", "[record][posix]") {
  const test::Scratch scratch;
  fs::create_directories(scratch / "here");
  {
    Host host{scratch / "here/a.db"};
    fs::rename(scratch / "here", scratch / "there");
    host.wait_for("cannot be made");
    host.push_one();
    fs::create_directories(scratch / "here");
    host.wait_for("into a new");
    CHECK(host.dropped() == 0);
    host.finish();
  }
  CHECK(whole(scratch / "there/a.db") > 2);
  CHECK(whole(scratch / "here/a.db") > 2);
}

}  // namespace netlog_tests::record_recording_place_test

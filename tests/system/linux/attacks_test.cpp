// SPDX-License-Identifier: MIT
// What a local user, or the sender of a file, may try on root and on users of the binary.
#include "os/files.hpp"
#include "os/privileges.hpp"
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/text.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog_tests::system_attacks_test {

using namespace netlog;
using namespace netlog::test;
using netlog::test::contains_text;
namespace fs = std::filesystem;

namespace {

constexpr uid_t kNobody = 65'534;
constexpr auto kOthers = fs::perms::group_all | fs::perms::others_all;

void record(const fs::path& path) {
  REQUIRE(
      run({"record", "--db", path.string(), "--source", "poll", "--duration", "300ms"}).exit_code ==
      0);
}

std::string bytes_of(const fs::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void write(const fs::path& path, const std::string& bytes) {
  std::ofstream{path, std::ios::binary} << bytes;
}

void give_away(const fs::path& path) {
  REQUIRE(::lchown(path.c_str(), kNobody, kNobody) == 0);
}

// Of a journal (sqlite.org/fileformat.html, 2.3).
constexpr std::string_view kMagic{"\xd9\xd5\x05\xf9\x20\xa1\x63\xd7"};

std::string big_endian(std::uint32_t value) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) {
    bytes += static_cast<char>(value >> static_cast<unsigned>(shift));
  }
  return bytes;
}

/// A journal of no pages that SQLite rolls back; then it deletes the file that this names.
std::string journal_that_names(const fs::path& victim) {
  constexpr std::uint32_t kPage = 4096;
  constexpr std::uint32_t kLockPage = 0x4000'0000 / kPage + 1;
  const auto name = victim.string();
  std::uint32_t sum = 0;
  for (const auto letter : name) {
    sum += static_cast<unsigned char>(letter);
  }
  std::string bytes{kMagic};
  for (const auto value : {0U, 0U, 48U, kPage, kPage}) {
    bytes += big_endian(value);
  }
  bytes.resize(kPage);
  return bytes + big_endian(kLockPage) + name +
         big_endian(static_cast<std::uint32_t>(name.size())) + big_endian(sum) +
         std::string{kMagic};
}

/// Neither recorded into nor reported from, in one line, and not changed.
void check_refused(const fs::path& path, const std::string& why) {
  const auto before = bytes_of(path);
  const auto recorded =
      run({"record", "--db", path.string(), "--source", "poll", "--duration", "300ms"});
  CHECK(recorded.exit_code == 1);
  CHECK_THAT(recorded.err, contains_text(why));
  CHECK(bytes_of(path) == before);
  for (const auto* const command : {"report", "check", "tail"}) {
    const auto asked = run({command, "--db", path.string()});
    CHECK(asked.exit_code == 1);
    CHECK_THAT(asked.err, contains_text(why));
    CHECK(asked.err.find('\n') == asked.err.size() - 1);
    CHECK(asked.out.empty());
  }
}

/// Runs a command line by a shell. Its output, both streams.
std::string by_shell(const std::string& line) {
  FILE* const pipe = ::popen(fmt::format("({}) 2>&1; echo \"[$?]\"", line).c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    text.append(buffer.data(), got);
  }
  ::pclose(pipe);
  return text;
}

/// As nobody; `more` are options of setpriv.
std::string as_nobody(const std::string& line, const std::string& more = "") {
  return by_shell(
      fmt::format("setpriv --reuid=65534 --regid=65534 --clear-groups {} {}", more, line));
}

fs::path copy_of_program(const Scratch& scratch) {
  auto program = scratch / "netlog";
  fs::copy_file(std::getenv("NETLOG_BIN"), program);
  return program;
}

/// Goes on in another folder until the end of the scope.
class WorkingFolder {
 public:
  explicit WorkingFolder(const fs::path& path) { fs::current_path(path); }
  WorkingFolder(const WorkingFolder&) = delete;
  WorkingFolder& operator=(const WorkingFolder&) = delete;
  ~WorkingFolder() { fs::current_path(before_); }

 private:
  fs::path before_ = fs::current_path();
};

}  // namespace

TEST_CASE("a name is a file, whatever SQLite takes it for", "[cli]") {
  const auto* const name = GENERATE("file:x.db",
                                    ":memory:",
                                    "file::memory:?cache=shared",
                                    "file:x.db?mode=ro&immutable=1",
                                    "a?b#c%41.db");
  CAPTURE(name);
  const Scratch scratch;
  const WorkingFolder here{scratch / "."};
  record(name);
  CHECK(fs::file_size(scratch / name) > 0);
  CHECK((fs::status(scratch / name).permissions() & kOthers) == fs::perms::none);
  CHECK(std::distance(fs::directory_iterator{scratch / "."}, {}) == 1);
  CHECK(run({"info", "--db", name}).exit_code == 0);
  CHECK(run({"clip", "-1h..now", "--db", name, "-o", "file:clip.db"}).exit_code == 0);
  CHECK(fs::file_size(scratch / "file:clip.db") > 0);
}

TEST_CASE("root uses only what root alone may write", "[cli][root]") {
  const Scratch scratch;
  fs::create_directory(scratch / "a");
  fs::create_directory(scratch / "a/b");
  const auto path = scratch / "a/b/r.db";
  record(path);
  SECTION("a file of somebody else") {
    give_away(path);
    check_refused(path, "it belongs to user 65534");
  }
  SECTION("a file that others may write") {
    fs::permissions(path, fs::perms::all);
    check_refused(path, "others than root may write it");
  }
  SECTION("in a folder of somebody else") {
    give_away(path.parent_path());
    check_refused(path, "belongs to user 65534, who could replace it");
  }
  SECTION("in a folder that others may write") {
    fs::permissions(path.parent_path(), fs::perms::all);
    check_refused(path, "others than root may write in its folder");
  }
  SECTION("below a folder of somebody else") {
    give_away(scratch / "a");
    check_refused(path, "belongs to user 65534, who could replace it");
  }
  SECTION("by a link of somebody else to a folder") {
    fs::create_directory_symlink(scratch / "a/b", scratch / "link");
    give_away(scratch / "link");
    check_refused(scratch / "link/r.db", "belongs to user 65534, who could turn it");
  }
  SECTION("by a link of root's into a folder of somebody else") {
    fs::create_directory_symlink("a/b", scratch / "link");
    give_away(scratch / "a");
    check_refused(scratch / "link/r.db", "who could replace it");
  }
  SECTION("a clip, and rows that are saved, are not made there") {
    const auto out = scratch / "c/out.db";
    fs::create_directory(scratch / "c");
    give_away(scratch / "c");
    CHECK(run({"clip", "-1h..now", "--db", path.string(), "-o", out.string()}).exit_code == 1);
    CHECK(run({"check", path.string(), "--salvage", out.string()}).exit_code == 1);
    CHECK_FALSE(fs::exists(out));
  }
}

TEST_CASE("what somebody puts beside root's recording is not believed", "[cli][root]") {
  const Scratch scratch;
  fs::create_directory(scratch / "st");
  fs::permissions(scratch / "st", fs::perms::all | fs::perms::sticky_bit);
  const auto path = scratch / "st/r.db";
  record(path);
  const std::string suffix = GENERATE("-wal", "-shm", "-journal");
  const auto beside = with_suffix(path, suffix.c_str());
  const std::string kind = GENERATE("a file", "a pipe", "a link");
  CAPTURE(suffix, kind);
  write(scratch / "precious", "precious");
  if (kind == "a file") {
    write(beside, "planted");
  } else if (kind == "a pipe") {
    REQUIRE(::mkfifo(beside.c_str(), 0666) == 0);
  } else {
    fs::create_symlink(scratch / "precious", beside);
  }
  give_away(beside);
  const auto asked = run({"report", "--db", path.string()});
  CHECK(asked.exit_code == 1);
  CHECK_THAT(asked.err, contains_text("what stands beside it as " + suffix));
  const auto recorded =
      run({"record", "--db", path.string(), "--source", "poll", "--duration", "300ms"});
  CHECK(recorded.exit_code == 0);
  CHECK_THAT(recorded.err, contains_text(suffix + ".foreign-1"));
  CHECK(fs::exists(fs::symlink_status(with_suffix(beside, ".foreign-1"))));
  CHECK(bytes_of(scratch / "precious") == "precious");
  CHECK(rows(path, "PRAGMA integrity_check") == "ok\n");
  CHECK(rows(path, "SELECT count(*) FROM session") == "2\n");
}

TEST_CASE("what somebody plants beside root's running recording is not opened", "[cli][root]") {
  const Scratch scratch;
  fs::create_directory(scratch / "st");
  fs::permissions(scratch / "st", fs::perms::all | fs::perms::sticky_bit);
  const auto path = scratch / "st/r.db";
  const auto moved = scratch / "st/r.db.1";
  const std::string kind = GENERATE("a journal", "a pipe");
  const bool rotates = GENERATE(false, true);
  CAPTURE(kind, rotates);
  const auto precious = scratch / "precious";
  write(precious, "precious");
  Command recorder{{"record", "--db", path.string(), "--source", "poll"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  REQUIRE(eventually([&] { return rows(path, "SELECT sum(ticks) > 2 FROM session") == "1\n"; }));
  const auto plant = [&](const fs::path& beside) {
    if (kind == "a journal") {
      write(beside, journal_that_names(precious));
    } else {
      REQUIRE(::mkfifo(beside.c_str(), 0666) == 0);
    }
    give_away(beside);
  };
  if (rotates) {
    for (const auto* const suffix : {"-wal", "-shm", "-journal"}) {
      plant(with_suffix(moved, suffix));
    }
    fs::rename(path, moved);
    REQUIRE(recorder.wait_for_error_text("into a new"));
    CHECK(rows(moved, "SELECT ended_ns IS NOT NULL FROM session") == "1\n");
    for (const auto* const suffix : {"-wal", "-shm", "-journal"}) {
      CHECK(fs::exists(with_suffix(with_suffix(moved, suffix), ".foreign-1")));
      CHECK_FALSE(fs::exists(with_suffix(moved, suffix)));
    }
  }
  plant(with_suffix(path, "-journal"));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
  CHECK(bytes_of(precious) == "precious");
  fs::remove(with_suffix(path, "-journal"));
  CHECK(rows(path, "SELECT ended_ns IS NOT NULL FROM session") == "1\n");
  CHECK(rows(path, "PRAGMA journal_mode") == "delete\n");
}

TEST_CASE("a clip and a salvaged file have nothing beside them", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  record(path);
  const auto out = scratch / "out.db";
  const std::string suffix = GENERATE("-wal", "-shm", "-journal");
  write(with_suffix(out, suffix.c_str()), "stale");
  for (const auto& words :
       {std::vector<std::string>{"clip", "-1h..now", "--db", path.string(), "-o", out.string()},
        {"check", path.string(), "--salvage", out.string()}}) {
    const auto made = run(words);
    CHECK(made.exit_code == 1);
    CHECK_THAT(made.err, contains_text("out.db" + suffix + " exists"));
    CHECK_FALSE(fs::exists(out));
  }
}

TEST_CASE("no file takes the name of a recording's -wal", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  record(path);
  const auto before = bytes_of(path);
  const std::string suffix = GENERATE("-wal", "-shm", "-journal");
  const auto taken = path.string() + suffix;
  for (const auto& words :
       {std::vector<std::string>{"clip", "-1h..now", "-o", taken},
        {"clip", "-1h..now", "-o", (scratch / "c.db").string(), "--redact", "--redact-key", taken},
        {"check", "--salvage", taken},
        {"html", "-o", taken},
        {"export", "--as", "ecs", "-o", taken},
        {"record", "--duration", "300ms", "--capture", taken}}) {
    auto command = words;
    command.insert(command.end(), {"--db", path.string()});
    const auto refused = run(command);
    CAPTURE(words, refused.err);
    CHECK(refused.exit_code == 1);
    CHECK_THAT(refused.err, contains_text("SQLite"));
    CHECK_FALSE(fs::exists(taken));
  }
  CHECK(bytes_of(path) == before);
}

TEST_CASE("the key of pseudonyms belongs to root or to who uses it", "[cli][root]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  record(path);
  const auto key = scratch / "key";
  write(key, std::string(32, 'k'));
  fs::permissions(key, fs::perms::owner_read);
  const auto clip = [&](const char* out) {
    return run({"clip",
                "-1h..now",
                "--db",
                path.string(),
                "-o",
                (scratch / out).string(),
                "--redact",
                "--redact-key",
                key.string()});
  };
  CHECK(clip("a.db").exit_code == 0);
  give_away(key);
  const auto refused = clip("b.db");
  CHECK(refused.exit_code == 1);
  CHECK_THAT(refused.err, contains_text("it belongs to user 65534"));
  CHECK_FALSE(fs::exists(scratch / "b.db"));
}

TEST_CASE("a journal that names another file is refused, as is a second name", "[cli][root]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  record(path);
  const auto precious = scratch / "precious";
  write(precious, "precious");
  SECTION("a super-journal") {
    write(with_suffix(path, "-journal"),
          std::string(4096, 'x') + precious.string() + std::string(8, 'x') + std::string{kMagic});
    check_refused(path, "names another file, which SQLite would delete");
  }
  SECTION("a hard link as -wal") {
    fs::create_hard_link(precious, with_suffix(path, "-wal"));
    check_refused(path, "it has more than one name");
  }
  SECTION("a hard link as -shm") {
    fs::create_hard_link(precious, with_suffix(path, "-shm"));
    check_refused(path, "it has more than one name");
  }
  CHECK(bytes_of(precious) == "precious");
}

TEST_CASE("a group gets what was opened, not what has its name now", "[cli][root]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  const auto precious = scratch / "precious";
  write(precious, "precious");
  fs::permissions(precious, fs::perms::owner_read);
  auto held = os::hold_recording_file(path);
  REQUIRE(held.has_value());
  const std::string suffix = GENERATE("", "-wal", "-shm");
  CAPTURE(suffix);
  const auto name = with_suffix(path, suffix.c_str());
  if (fs::exists(name)) {
    fs::rename(name, scratch / "moved");
  }
  SECTION("a link") {
    fs::create_symlink(precious, name);
  }
  SECTION("a hard link") {
    fs::create_hard_link(precious, name);
  }
  const auto granted = (*held)->grant_group_read({54'321});
  CHECK(granted.has_value() == suffix.empty());
  struct stat info {};
  REQUIRE(::stat(precious.c_str(), &info) == 0);
  CHECK((info.st_mode & 07777U) == 0400);
  CHECK(info.st_gid == 0);
}

TEST_CASE("lent capabilities open no file that the caller may not", "[cli][root]") {
  const Scratch scratch;
  const auto program = copy_of_program(scratch);
  fs::create_directory(scratch / "private");
  const auto path = scratch / "private/r.db";
  record(path);
  write(scratch / "private/secret", "root:SECRET:1:2\n");
  fs::permissions(scratch / "private", fs::perms::owner_all);
  const auto* const kLent =
      "--inh-caps=+dac_read_search,+dac_override,+sys_admin "
      "--ambient-caps=+dac_read_search,+dac_override,+sys_admin";
  const auto secret = (scratch / "private/secret").string();
  const auto db = path.string();
  const auto mine = (scratch / "mine.db").string();
  // Lent capabilities work for others than netlog.
  REQUIRE_THAT(as_nobody("cat " + secret, kLent), contains_text("SECRET"));
  for (const auto& arguments :
       {"record --db " + mine + " --config " + secret,
        "record --db " + db + " --duration 1s",
        "record --db " + mine + " --source capture:" + secret,
        "record --db " + mine + " --duration 1s --capture " + (scratch / "private/new").string(),
        "info --db " + db,
        "check " + db,
        "check " + db + " --salvage " + mine,
        "sql --db " + db + " --file " + secret,
        "tail --db " + db}) {
    CAPTURE(arguments);
    const auto text = as_nobody(program.string() + " " + arguments, kLent);
    CHECK_THAT(text, contains_text("[1]"));
    CHECK(text.find("SECRET") == std::string::npos);
    CHECK(text.find("sessions") == std::string::npos);
  }
  CHECK_FALSE(fs::exists(scratch / "private/new"));
}

TEST_CASE("evidence in a folder that may not be written is read, with its -wal", "[cli][root]") {
  const Scratch scratch;
  const auto program = copy_of_program(scratch);
  const auto path = scratch / "r.db";
  {
    Command recorder{{"record", "--db", path.string(), "--source", "poll"}};
    REQUIRE(recorder.wait_for_error_text("recording into"));
    REQUIRE(eventually([&] { return rows(path, "SELECT sum(ticks) > 2 FROM session") == "1\n"; }));
    recorder.send(SIGKILL);
    recorder.wait();
  }
  fs::create_directory(scratch / "copy");
  for (const auto* const suffix : {"", "-wal"}) {
    const auto copy = with_suffix(scratch / "copy/r.db", suffix);
    fs::copy_file(with_suffix(path, suffix), copy);
    fs::permissions(copy, fs::perms::owner_read | fs::perms::others_read);
  }
  const auto copy = (scratch / "copy/r.db").string();
  CHECK_THAT(
      as_nobody(fmt::format(
          "{} sql --db {} 'SELECT ticks > 2 AS more FROM sessions'", program.string(), copy)),
      contains_text("1") && contains_text("[0]"));
  fs::remove(copy + "-wal");
  const auto alone = run({"info", "--db", copy});
  CHECK_THAT(alone.err, contains_text("no -wal beside it"));
}

TEST_CASE("descriptors that run out are a gap with its reason", "[cli][root]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  Command recorder{{"record", "--db", path.string()}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  const auto has = [&](const char* sql) {
    return eventually([&] { return rows(path, sql) == "1\n"; });
  };
  REQUIRE(has("SELECT sum(ticks) > 2 FROM session"));
  rlimit before{};
  REQUIRE(::prlimit(recorder.pid(), RLIMIT_NOFILE, nullptr, &before) == 0);
  const rlimit none{3, before.rlim_max};
  REQUIRE(::prlimit(recorder.pid(), RLIMIT_NOFILE, &none, nullptr) == 0);
  CHECK(
      has("SELECT count(*) > 0 FROM gap WHERE reason = 'unreadable' AND detail LIKE "
          "'%ulimit -n%Too many open files%'"));
  const auto blind_until = std::chrono::system_clock::now().time_since_epoch();
  REQUIRE(::prlimit(recorder.pid(), RLIMIT_NOFILE, &before, nullptr) == 0);
  const auto reaches =
      fmt::format("SELECT max(to_ns) >= {} FROM gap WHERE detail LIKE '%ulimit -n%'",
                  std::chrono::duration_cast<std::chrono::nanoseconds>(blind_until).count());
  CHECK(has(reaches.c_str()));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
}

TEST_CASE("too few descriptors at the start are named", "[cli]") {
  const Scratch scratch;
  const auto path = (scratch / "r.db").string();
  record(path);
  for (const auto* const command : {"record --source poll --duration 100ms", "report"}) {
    int refused = 0;
    for (int most = 4; most <= 24; ++most) {
      const auto text = by_shell(fmt::format(
          "ulimit -n {}; {} {} --db {}", most, std::getenv("NETLOG_BIN"), command, path));
      CAPTURE(command, most, text);
      // With 127 the loader lacked one before netlog began.
      const auto says = [&](const char* what) { return text.find(what) != std::string::npos; };
      refused += says("ulimit -n") ? 1 : 0;
      CHECK((says("ulimit -n") || says("[0]") || says("[127]")));
    }
    CHECK(refused > 0);
  }
}

TEST_CASE("times at the end of what can be counted are an answer or an error", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  record(path);
  const auto* const change = GENERATE("ended_ns = 9223372036854775807",
                                      "started_ns = -9223372036854775808",
                                      "started_ns = 9223372036854775807, alive_ns = 0",
                                      "alive_ns = 9223372036854775807, ended_ns = NULL");
  CAPTURE(change);
  {
    SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
    database.exec(fmt::format("UPDATE session SET {}", change));
  }
  for (const auto& arguments : std::vector<std::vector<std::string>>{{"at", "14:03"},
                                                                     {"report"},
                                                                     {"report", "gaps"},
                                                                     {"info"},
                                                                     {"report", "--since", "-1h"},
                                                                     {"tail"}}) {
    auto words = arguments;
    words.insert(words.end(), {"--db", path.string()});
    const auto asked = run(words);
    CHECK((asked.exit_code == 0 || asked.exit_code == 1 || asked.exit_code == 2));
  }
}

TEST_CASE("a recorder may do nothing else than record", "[cli]") {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return;  // without a filter, see os/linux/system_calls.cpp
#endif
  const auto pid = ::fork();
  REQUIRE(pid >= 0);
  if (pid == 0) {
    const auto fails = [](auto call) { return call() == -1 && errno == EPERM; };
    const bool restricted =
        os::drop_rights({}).has_value() && os::restrict_system_calls({}).has_value();
    bool ran = false;
    std::thread{[&] { ran = true; }}.join();
    const bool right =
        restricted && ran && fails([] { return ::socket(AF_INET, SOCK_STREAM, 0); }) &&
        fails([] { return ::socket(AF_INET6, SOCK_DGRAM, 0); }) &&
        fails([] { return ::accept(-1, nullptr, nullptr); }) &&
        fails([] { return ::socket(AF_SMC, SOCK_STREAM, 0); }) && fails([] {
          return static_cast<int>(::syscall(SYS_tgkill, ::getppid(), ::getppid(), 0));
        }) &&
        ::syscall(SYS_tgkill, ::getpid(), ::getpid(), 0) == 0 &&
        fails([] { return static_cast<int>(::syscall(SYS_setfsuid, 0)); }) &&
        fails([] { return ::execl("/bin/true", "true", nullptr); }) &&
        fails([] { return ::fork(); }) && fails([] { return ::kill(::getppid(), 0); }) &&
        fails([] { return static_cast<int>(::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr)); }) &&
        fails([] { return ::chroot("/"); }) && ::socket(AF_UNIX, SOCK_DGRAM, 0) >= 0;
    ::_exit(right ? 0 : 1);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

}  // namespace netlog_tests::system_attacks_test

// SPDX-License-Identifier: MIT
// The real recorder: what it may still do once it records, and who may read what it writes.
#include "os/files.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <iterator>
#include <sstream>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <linux/capability.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <fcntl.h>
#include <grp.h>
#include <sched.h>
#include <unistd.h>

namespace netlog_tests::system_rights_test {

using namespace netlog;
using namespace netlog::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr std::uint64_t kFilter = 0;  // os/linux/system_calls.cpp
#else
constexpr std::uint64_t kFilter = 2;  // proc(5)
#endif

constexpr uid_t kSomebody = 65'534;
constexpr gid_t kGroup = 54'321;

constexpr std::uint64_t bits(std::initializer_list<int> numbers) {
  std::uint64_t all = 0;
  for (const auto number : numbers) {
    all |= std::uint64_t{1} << static_cast<unsigned>(number);
  }
  return all;
}

constexpr auto kForSources =
    bits({CAP_SYS_PTRACE, CAP_DAC_READ_SEARCH, CAP_SYS_ADMIN, CAP_NET_ADMIN});

/// The text of a status file of /proc; empty when its process or thread is gone.
std::string status_of(const std::filesystem::path& directory) {
  std::ifstream in{directory / "status"};
  return {std::istreambuf_iterator<char>{in}, {}};
}

/// A line of such a text, as a number.
std::uint64_t field(const std::string& status, const std::string& name) {
  std::istringstream in{status};
  for (std::string line; std::getline(in, line);) {
    if (line.starts_with(name + ":")) {
      return parse_number<std::uint64_t>(trim(line.substr(name.size() + 1)), 16).value_or(~0ULL);
    }
  }
  return ~0ULL;
}

/// How many threads the process has; each must have these capabilities and no way to others.
std::size_t check_rights(pid_t pid, std::uint64_t expected) {
  expected &= field(status_of("/proc/self"), "CapPrm");
  std::size_t threads = 0;
  for (const auto& thread :
       std::filesystem::directory_iterator{fmt::format("/proc/{}/task", pid)}) {
    const auto status = status_of(thread.path());
    if (status.empty()) {
      continue;  // it ended after the folder was read
    }
    CAPTURE(thread.path());
    CHECK(field(status, "CapPrm") == expected);
    CHECK(field(status, "CapEff") == expected);
    CHECK(field(status, "CapInh") == 0);
    CHECK(field(status, "CapBnd") == 0);
    CHECK(field(status, "CapAmb") == 0);
    CHECK(field(status, "NoNewPrivs") == 1);
    CHECK(field(status, "Seccomp") == kFilter);
    ++threads;
  }
  return threads;
}

/// Waits until the query finds a row.
bool comes(const std::filesystem::path& path, const std::string& sql) {
  return eventually([&] { return !rows(path, sql).empty(); });
}

int listen_somewhere() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
                 ::listen(fd, 8) == 0
             ? fd
             : -1;
}

void become(uid_t user, std::vector<gid_t> groups) {
  if (::setgroups(groups.size(), groups.data()) != 0 || ::setresgid(user, user, user) != 0 ||
      ::setresuid(user, user, user) != 0) {
    ::_exit(99);
  }
}

/// What `netlog report` ends with when somebody in these groups asks. The program is copied to
/// where they can run it.
int report_by(const std::filesystem::path& directory,
              const std::filesystem::path& recording,
              const std::vector<gid_t>& groups) {
  const auto program = directory / "netlog";
  if (!std::filesystem::exists(program)) {
    std::filesystem::copy_file(std::getenv("NETLOG_BIN"), program);
  }
  const auto pid = ::fork();
  if (pid == 0) {
    const int nowhere = ::open("/dev/null", O_RDWR);
    ::dup2(nowhere, 1);
    ::dup2(nowhere, 2);
    become(kSomebody, groups);
    ::execl(program.c_str(),
            "netlog",
            "report",
            "connections",
            "--db",
            recording.c_str(),
            static_cast<char*>(nullptr));
    ::_exit(98);
  }
  int status = 0;
  ::waitpid(pid, &status, 0);
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/// `640 54321` of the file and what SQLite keeps beside it.
std::vector<std::string> rights_of(const std::filesystem::path& path) {
  std::vector<std::string> rights;
  for (const auto* const suffix : {"", "-wal", "-shm"}) {
    struct stat info {};
    if (::stat(with_suffix(path, suffix).c_str(), &info) == 0) {
      rights.push_back(fmt::format("{:o} {}", info.st_mode & 07777U, info.st_gid));
    }
  }
  return rights;
}

}  // namespace

TEST_CASE("a recorder keeps the rights that it goes on needing, and they suffice", "[cli][root]") {
  const auto* const source = GENERATE("auto", "poll", "procfs");
  CAPTURE(source);
  const Scratch scratch;
  const auto path = scratch / "a.db";
  Command recorder{{"record", "--db", path.string(), "--source", source}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  CHECK(check_rights(recorder.pid(), kForSources) >= 2);
  const Child somebody{[] {
    listen_somewhere();
    become(kSomebody, {});
  }};
  CHECK(comes(path,
              fmt::format("SELECT 1 FROM connections WHERE direction = 'listen' AND pid = {} AND "
                          "exe IS NOT NULL AND owner_source IN ('exact', 'held')",
                          somebody.pid())));
  const Child away{[] {
    if (::unshare(CLONE_NEWNET) == 0) {
      listen_somewhere();
    }
  }};
  struct stat netns {};
  REQUIRE(::stat(fmt::format("/proc/{}/ns/net", away.pid()).c_str(), &netns) == 0);
  CHECK(comes(
      path,
      fmt::format(
          "SELECT 1 FROM connections WHERE netns = {} AND pid = {}", netns.st_ino, away.pid())));
  CHECK(check_rights(recorder.pid(), kForSources) >= 2);
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
}

TEST_CASE("a group may read what is being recorded, if it is named", "[cli][root]") {
  const Scratch scratch;
  const auto path = scratch / "a.db";
  REQUIRE(::chmod((scratch / ".").c_str(), 0711) == 0);
  const auto shared = fmt::format("640 {}", kGroup);
  {
    Command recorder{
        {"record", "--db", path.string(), "--source", "poll", "--group", std::to_string(kGroup)}};
    REQUIRE(recorder.wait_for_error_text("recording into"));
    CHECK(check_rights(recorder.pid(), kForSources | bits({CAP_CHOWN})) >= 2);
    CHECK(rights_of(path) == std::vector{shared, shared, shared});
    REQUIRE(comes(path, "SELECT 1 FROM sessions WHERE ticks > 0"));
    CHECK(report_by(scratch / ".", path, {kGroup}) == 0);
    CHECK(report_by(scratch / ".", path, {}) == 1);
    recorder.send(SIGKILL);
    recorder.wait();
  }
  CHECK(rights_of(path) == std::vector{shared, shared, shared});
  // --group must be given each time.
  Command recorder{{"record", "--db", path.string(), "--source", "poll"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  for (const auto& rights : rights_of(path)) {
    CHECK(rights.starts_with("600 "));
  }
  CHECK(report_by(scratch / ".", path, {kGroup}) == 1);
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
  CHECK(rights_of(path) == std::vector{fmt::format("600 {}", kGroup)});
}

TEST_CASE("a file whose old place is barred is found where it was moved", "[cli][root]") {
  const Scratch scratch;
  namespace fs = std::filesystem;
  fs::permissions(scratch / ".", fs::perms{0755});
  fs::create_directory(scratch / "mine");
  REQUIRE(::chown((scratch / "mine").c_str(), kSomebody, kSomebody) == 0);
  const auto here = scratch / "mine/here";
  const auto there = scratch / "mine/there";
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {  // what fails is the number of the step
    if (::setresgid(kSomebody, kSomebody, kSomebody) != 0 ||
        ::setresuid(kSomebody, kSomebody, kSomebody) != 0) {
      ::_exit(1);
    }
    fs::create_directory(here);
    const auto held = os::hold_recording_file(here / "a.db");
    if (!held) {
      ::_exit(2);
    }
    fs::permissions(here, fs::perms::none);
    if (!(*held)->in_place()) {  // nobody has moved it
      ::_exit(3);
    }
    fs::permissions(here, fs::perms{0700});
    fs::rename(here, there);
    fs::create_directory(here);
    fs::permissions(here, fs::perms::none);
    if ((*held)->in_place()) {
      ::_exit(4);
    }
    ::_exit((*held)->moved_to() == fs::canonical(there / "a.db") ? 0 : 5);
  }
  int status = -1;
  REQUIRE(::waitpid(child, &status, 0) == child);
  CHECK(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 0);
}

TEST_CASE("a group that is not there is named", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "a.db";
  const auto finished =
      run({"record", "--db", path.string(), "--group", "no-such-group", "--duration", "1s"});
  CHECK(finished.exit_code == 2);
  CHECK(finished.err.find("--group 'no-such-group': no such group") != std::string::npos);
  CHECK_FALSE(std::filesystem::exists(path));
}

}  // namespace netlog_tests::system_rights_test

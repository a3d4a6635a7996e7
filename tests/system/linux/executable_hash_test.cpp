// SPDX-License-Identifier: MIT
// The real recorder hashes the executable of a real process.
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <array>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <unistd.h>

namespace netlog_tests::system_executable_hash_test {

using namespace netlog;
using namespace netlog::test;

namespace {

constexpr uid_t kSomebody = 65'534;

/// A process that executes a program and has a listener. `user`: as whom, if not as we are.
class Listening {
 public:
  explicit Listening(const std::filesystem::path& program,
                     const std::optional<uid_t>& user = std::nullopt) {
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      if (::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
          ::listen(fd, 1) == 0 && (!user || ::setresuid(*user, *user, *user) == 0)) {
        ::execl(program.c_str(), "sleep", "1000", static_cast<char*>(nullptr));
      }
      ::_exit(1);
    }
    REQUIRE(eventually([&] {
      return std::filesystem::read_symlink(fmt::format("/proc/{}/exe", pid_)) == program;
    }));
  }
  Listening(const Listening&) = delete;
  Listening& operator=(const Listening&) = delete;
  ~Listening() {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  pid_t pid_ = -1;
};

/// A program whose content no other file has.
std::filesystem::path make_program(const Scratch& scratch) {
  const auto program = std::filesystem::canonical(scratch / ".") / "program";
  std::filesystem::copy_file("/bin/sleep", program);
  std::ofstream{program, std::ios::app} << "no other file has this content";
  return program;
}

/// What sha256sum says of a file.
std::string sha256sum(const std::filesystem::path& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> output{
      ::popen(fmt::format("sha256sum '{}'", path.string()).c_str(), "r"), &::pclose};
  REQUIRE(output);
  constexpr std::size_t kDigits = 64;
  std::array<char, kDigits> digits{};
  REQUIRE(std::fread(digits.data(), 1, kDigits, output.get()) == kDigits);
  return {digits.data(), kDigits};
}

}  // namespace

TEST_CASE("the executables of processes are hashed if that is asked for", "[cli]") {
  const auto* const source = GENERATE("auto", "poll");
  CAPTURE(source);
  const Scratch scratch;
  const auto program = make_program(scratch);
  const Listening child{program};
  const auto sql = fmt::format("SELECT exe, exe_sha256 FROM processes WHERE pid = {}", child.pid());
  const auto path = scratch / "a.db";
  std::vector<std::string> arguments{"record", "--db", path.string(), "--source", source};
  const auto wait_for = [&](const std::string& condition) {
    Command recorder{arguments};
    REQUIRE(recorder.wait_for_error_text("recording into"));
    CHECK(eventually([&] { return !rows(path, sql + " AND " + condition).empty(); }));
    recorder.send(SIGTERM);
    CHECK(recorder.wait().exit_code == 0);
  };

  SECTION("by an option, and in a replay") {
    const auto capture = (scratch / "a.nlcap").string();
    arguments.insert(arguments.end(), {"--hash-executables", "--capture", capture});
    wait_for("exe_sha256 IS NOT NULL");
    const auto expected = fmt::format("{}|{}\n", program.string(), sha256sum(program));
    CHECK(rows(path, sql) == expected);
    const auto replayed = scratch / "b.db";
    REQUIRE(
        run({"record", "--db", replayed.string(), "--source", "capture:" + capture}).exit_code ==
        0);
    CHECK(rows(replayed, sql) == expected);
    const std::string all = "SELECT pid, exe, exe_sha256 FROM process_images ORDER BY id";
    CHECK(rows(replayed, all) == rows(path, all));
  }
  SECTION("by the configuration; of a file that was deleted, too") {
    const auto expected = fmt::format("{} (deleted)|{}\n", program.string(), sha256sum(program));
    std::filesystem::remove(program);
    const auto config = scratch / "netlog.toml";
    std::ofstream{config} << "hash-executables = true\n";
    arguments.insert(arguments.end(), {"--config", config.string()});
    wait_for("exe_sha256 IS NOT NULL");
    CHECK(rows(path, sql) == expected);
  }
  SECTION("not without it") {
    wait_for("exe IS NOT NULL");
    CHECK(rows(path, sql) == program.string() + "|NULL\n");
  }
}

TEST_CASE("an option without a value is true or false in a configuration", "[cli]") {
  const Scratch scratch;
  const auto config = (scratch / "netlog.toml").string();
  const auto [value, exit_code, error] = GENERATE(table<const char*, int, std::string>({
      {"true", 0, ""},
      {"false", 0, ""},
      {"3.5", 2, "neither true nor false"},
      {"1", 2, "neither true nor false"},
      {"\"maybe\"", 2, "neither true nor false"},
      {"[]", 2, "neither true nor false"},
      {"[true, false]", 2, "neither true nor false"},
  }));
  CAPTURE(value);
  std::ofstream{config} << "duration = \"100ms\"\nsource = \"poll\"\nlog-level = \"warn\"\n"
                        << "hash-executables = " << value << "\n";
  const auto finished = run({"record", "--db", (scratch / "a.db").string(), "--config", config});
  CHECK(finished.exit_code == exit_code);
  CHECK(finished.err.find(error) != std::string::npos);
  CHECK((exit_code == 0 || finished.err.find("netlog.toml:4: ") != std::string::npos));
}

TEST_CASE("an executable that only its owner may read is hashed with the rights of a recorder",
          "[cli][root]") {
  const Scratch scratch;
  const auto program = make_program(scratch);
  const auto expected = sha256sum(program);
  REQUIRE(::chown(program.c_str(), kSomebody, kSomebody) == 0);
  REQUIRE(::chmod(program.c_str(), 0100) == 0);
  const Listening child{program, kSomebody};
  const auto path = scratch / "a.db";
  Command recorder{{"record", "--db", path.string(), "--source", "poll", "--hash-executables"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  CHECK(eventually([&] {
    return rows(path,
                fmt::format("SELECT exe_sha256 FROM processes WHERE pid = {} AND user IS NOT NULL",
                            child.pid())) == expected + "\n";
  }));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
}

}  // namespace netlog_tests::system_executable_hash_test

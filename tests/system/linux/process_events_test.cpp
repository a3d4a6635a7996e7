// SPDX-License-Identifier: MIT
// What the kernel reports of processes without a trace, by real ones and the real recorder.
#include "os/linux/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/loopback.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <array>
#include <csignal>
#include <filesystem>
#include <string>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <unistd.h>

namespace netlog_tests::system_process_events_test {

using namespace netlog;

namespace {

/// A child that connects, executes a shell at the first byte that it is sent, and ends with 3 at
/// the first line after that.
class Child {
 public:
  explicit Child(const sockaddr_in& address) {
    std::array<int, 2> orders{};
    REQUIRE(::pipe(orders.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    if (pid_ == 0) {
      ::close(orders[1]);
      ::dup2(orders[0], STDIN_FILENO);
      const int fd = ::socket(AF_INET, SOCK_STREAM, 0);  // stays open
      char byte = 0;
      if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0 &&
          ::read(STDIN_FILENO, &byte, 1) == 1) {
        ::execl("/bin/sh", "sh", "-c", "read line; exit 3", nullptr);
      }
      ::_exit(1);
    }
    ::close(orders[0]);
    orders_ = os::UniqueFd{orders[1]};
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() {
    orders_.reset();
    if (!waited_) {
      ::waitpid(pid_, nullptr, 0);
    }
  }

  [[nodiscard]] std::string pid() const { return std::to_string(pid_); }
  void order(const char* byte) const { REQUIRE(::write(orders_.get(), byte, 1) == 1); }
  int wait() {
    int status = 0;
    REQUIRE(::waitpid(pid_, &status, 0) == pid_);
    waited_ = true;
    return status;
  }

 private:
  pid_t pid_ = -1;
  os::UniqueFd orders_;
  bool waited_ = false;
};

/// What a query finds in a file that is being written.
std::string found(const std::filesystem::path& db, const std::string& sql) {
  return std::filesystem::exists(db) ? test::rows(db, sql) : std::string{};
}

void check_lives(const char* source) {
  CAPTURE(source);
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  sockaddr_in address{};
  const auto listener = test::listen_on_loopback(address);
  test::Command recorder{{"record", "--db", db.string(), "--interval", "20ms", "--source", source}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  Child child{address};
  const auto of_child = " WHERE pid = " + child.pid();
  const auto images = "SELECT image FROM process_images" + of_child + " ORDER BY image";
  REQUIRE(test::eventually(
      [&] { return found(db, "SELECT count(*) FROM connections" + of_child) == "1\n"; }));
  child.order("x");
  REQUIRE(test::eventually([&] { return found(db, images) == "0\n1\n"; }));
  child.order("\n");
  CHECK(WEXITSTATUS(child.wait()) == 3);
  REQUIRE(test::eventually(
      [&] { return found(db, "SELECT ended_ns IS NOT NULL FROM processes" + of_child) == "1\n"; }));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);

  const auto own_name = std::filesystem::read_symlink("/proc/self/exe").filename().string();
  CHECK(test::rows(db,
                   "SELECT image, cmdline = 'sh -c read line; exit 3', from_ns < to_ns "
                   "FROM process_images" +
                       of_child + " ORDER BY image") == "0|0|1\n1|1|1\n");
  CHECK(test::rows(db,
                   "SELECT cmdline, end_error_ns, exit_status, exit_signal FROM processes" +
                       of_child) == "sh -c read line; exit 3|0|3|NULL\n");
  // It was opened by the program before.
  CHECK(test::rows(db, "SELECT exe FROM connections" + of_child).find(own_name) !=
        std::string::npos);
}

}  // namespace

TEST_CASE("a process that is not traced: its programs, its exact end and its status",
          "[live][process_events]") {
  check_lives("notice");
  check_lives("poll");
}

}  // namespace netlog_tests::system_process_events_test

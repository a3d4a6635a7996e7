// SPDX-License-Identifier: MIT
// What the trace reports of processes, by real ones.
#include "os/linux/unique_fd.hpp"
#include "source/linux/trace.hpp"
#include "support/catch.hpp"
#include "support/loopback.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include <unistd.h>

namespace netlog_tests::system_process_trace_test {

using namespace netlog;
using namespace netlog::source;
using Kind = ProcessReport::Kind;

namespace {

constexpr std::size_t kBuffer = std::size_t{8} << 20U;
constexpr const char* kProgram = "/bin/true";

/// Runs `work` in a child until it is done, and returns what the trace reports of the child.
std::vector<ProcessReport> reports_of(Trace& trace, const std::function<void()>& work) {
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    work();
    ::_exit(3);
  }
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  std::vector<std::byte> events;
  trace.drain(events);
  auto reports = trace.take_processes();
  std::erase_if(reports, [&](const ProcessReport& report) {
    return report.process.pid != static_cast<std::uint32_t>(child);
  });
  return reports;
}

std::string own_program() {
  return std::filesystem::read_symlink("/proc/self/exe").string();
}

}  // namespace

TEST_CASE("a process that uses a socket is reported, with its programs and its end",
          "[live][tracing]") {
  auto trace = Trace::open(kBuffer);
  REQUIRE(trace.has_value());
  sockaddr_in address{};
  const auto listening = test::listen_on_loopback(address);
  const auto call = [&] {
    const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
    return ::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address);
  };

  SECTION("it connects, and ends") {
    const auto reports = reports_of(*trace, [&] {
      call();
      call();
    });
    REQUIRE(reports.size() == 2);
    CHECK(reports[0].kind == Kind::first_use);
    CHECK(reports[0].exe == own_program());
    CHECK(reports[0].parent_pid == static_cast<std::uint32_t>(::getpid()));
    CHECK(reports[0].uid == ::geteuid());
    CHECK_FALSE(reports[0].arguments.empty());
    CHECK(reports[0].cgroups.starts_with("0::/"));
    CHECK(reports[1].kind == Kind::ended);
    CHECK(WEXITSTATUS(reports[1].wait_status) == 3);
    CHECK(reports[1].process == reports[0].process);
    CHECK(reports[1].at_ns > reports[0].at_ns);
  }
  SECTION("it executes a program") {
    const auto reports = reports_of(*trace, [&] {
      call();
      ::execl(kProgram, kProgram, "an argument", nullptr);
    });
    REQUIRE(reports.size() == 3);
    CHECK(reports[1].kind == Kind::executed);
    CHECK(reports[1].exe == std::filesystem::canonical(kProgram).string());
    CHECK(reports[1].arguments == std::string{"/bin/true\0an argument\0", 22});
    CHECK(reports[1].name == "true");
    CHECK(reports[2].kind == Kind::ended);
    CHECK(WEXITSTATUS(reports[2].wait_status) == 0);
  }
  SECTION("it is killed") {
    const auto reports = reports_of(*trace, [&] {
      call();
      ::raise(SIGKILL);
    });
    REQUIRE(reports.size() == 2);
    CHECK(WTERMSIG(reports[1].wait_status) == SIGKILL);
  }
  SECTION("it uses no socket") {
    CHECK(reports_of(*trace, [] { ::execl(kProgram, kProgram, nullptr); }).empty());
  }
}

TEST_CASE("a process that is followed is reported without a socket", "[live][tracing]") {
  auto trace = Trace::open(kBuffer);
  REQUIRE(trace.has_value());
  std::array<int, 2> hold{};
  REQUIRE(::pipe(hold.data()) == 0);
  const auto child = ::fork();
  REQUIRE(child >= 0);
  if (child == 0) {
    ::close(hold[1]);
    char byte = 0;
    if (::read(hold[0], &byte, 1) == 0) {
      ::execl(kProgram, kProgram, nullptr);
    }
    ::_exit(1);
  }
  trace->follow(static_cast<std::uint32_t>(child));
  ::close(hold[0]);
  ::close(hold[1]);
  REQUIRE(::waitpid(child, nullptr, 0) == child);
  std::vector<std::byte> events;
  trace->drain(events);
  std::vector<Kind> kinds;
  for (const auto& report : trace->take_processes()) {
    if (report.process.pid == static_cast<std::uint32_t>(child)) {
      kinds.push_back(report.kind);
    }
  }
  CHECK(kinds == std::vector{Kind::executed, Kind::ended});
}

}  // namespace netlog_tests::system_process_trace_test

// SPDX-License-Identifier: MIT
// Network namespaces of our own making, with equal tuples in them.
#include "os/clock.hpp"
#include "os/linux/unique_fd.hpp"
#include "record/recorder.hpp"
#include "source/live_source.hpp"
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <optional>

#include <fmt/format.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <sched.h>
#include <unistd.h>

namespace netlog_tests::system_namespaces_test {

using namespace netlog;
using namespace netlog::os;
using namespace netlog::capture;
using namespace netlog::source;

namespace {

constexpr std::uint16_t kServerPort = 5000;
constexpr std::uint16_t kClientPort = 5001;

os::UniqueFd bound_socket(std::uint16_t port) {
  os::UniqueFd fd{::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return ::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0
             ? std::move(fd)
             : os::UniqueFd{};
}

bool raise_loopback() {
  const os::UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  return ::ioctl(fd.get(), SIOCSIFFLAGS, &request) == 0;
}

/// A process in a network namespace of its own with one connection to itself.
class Inhabitant {
 public:
  Inhabitant() {
    std::array<int, 2> ready{};
    std::array<int, 2> stay{};
    REQUIRE(::pipe(ready.data()) == 0);
    REQUIRE(::pipe(stay.data()) == 0);
    child_ = ::fork();
    if (child_ == 0) {
      ::close(ready[0]);
      ::close(stay[1]);
      live(ready[1], stay[0]);
    }
    ::close(ready[1]);
    ::close(stay[0]);
    stay_ = stay[1];
    char byte = 'n';
    REQUIRE(::read(ready[0], &byte, 1) == 1);
    ::close(ready[0]);
    allowed_ = byte == 'y';
    struct stat info {};
    REQUIRE(::stat(fmt::format("/proc/{}/ns/net", child_).c_str(), &info) == 0);
    netns_ = info.st_ino;
  }
  Inhabitant(const Inhabitant&) = delete;
  Inhabitant& operator=(const Inhabitant&) = delete;
  ~Inhabitant() { leave(); }

  [[nodiscard]] bool allowed() const { return allowed_; }
  [[nodiscard]] std::uint64_t netns() const { return netns_; }

  void leave() {
    if (child_ > 0) {
      // A later child holds the pipe open, too.
      ::kill(child_, SIGKILL);
      ::waitpid(child_, nullptr, 0);
      ::close(stay_);
      child_ = -1;
    }
  }

 private:
  [[noreturn]] static void live(int ready, int stay) {
    char answer = 'n';
    os::UniqueFd listener;
    os::UniqueFd client;
    if (::unshare(CLONE_NEWNET) == 0 && raise_loopback()) {
      listener = bound_socket(kServerPort);
      client = bound_socket(kClientPort);
      sockaddr_in server{};
      socklen_t size = sizeof server;
      auto* const to = reinterpret_cast<sockaddr*>(&server);
      const bool connected = ::listen(listener.get(), 1) == 0 &&
                             ::getsockname(listener.get(), to, &size) == 0 &&
                             ::connect(client.get(), to, size) == 0;
      answer = connected ? 'y' : 'n';
    }
    const bool reported = ::write(ready, &answer, 1) == 1;
    ::_exit(reported && ::read(stay, &answer, 1) == 0 ? 0 : 1);
  }

  pid_t child_ = -1;
  int stay_ = -1;
  bool allowed_ = false;
  std::uint64_t netns_ = 0;
};

std::int64_t number(const std::filesystem::path& path, const std::string& sql) {
  store::Reader reader{path};
  return std::get<std::int64_t>(reader.query(sql).cells.at(0).at(0));
}

}  // namespace

TEST_CASE("equal tuples in two namespaces stay apart, and end when their namespace does",
          "[live][netns]") {
  std::optional<Inhabitant> first{std::in_place};
  REQUIRE(first->allowed());
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  auto made = make_live_source({});
  REQUIRE(made.has_value());
  auto& source = **made;
  Session session;
  session.started_ns = os::read_wall_clock_ns();
  store::Writer writer{path, session};
  record::Recorder recorder{writer, 100'000'000};
  const auto begun_ns = os::read_boot_clock_ns();
  recorder.consume(
      {0, Span{begun_ns, begun_ns}, capture::UtcOffset{os::measure_utc_offset_ns(), 0}});
  const auto tick = [&] {
    const auto now_ns = os::read_boot_clock_ns();
    recorder.consume({0, Span{now_ns, now_ns}, capture::TickBegin{}});
    source.sample({}, recorder);
    recorder.consume({0, Span{now_ns, now_ns}, capture::TickEnd{}});
  };
  tick();
  Inhabitant second;
  REQUIRE(second.allowed());
  tick();
  first->leave();
  tick();
  second.leave();
  tick();
  recorder.finish();
  writer.finish(recorder.now_utc_ns());

  const auto count = [&](std::uint64_t netns, const std::string& condition) {
    return number(
        path,
        fmt::format("SELECT count(*) FROM connections WHERE netns = {} AND {}", netns, condition));
  };
  const auto netns = first->netns();
  REQUIRE(netns != second.netns());
  for (const auto each : {netns, second.netns()}) {
    CHECK(count(each, "local = '127.0.0.1:5000' AND remote = '127.0.0.1:5001'") == 1);
    CHECK(count(each, "local = '127.0.0.1:5001' AND remote = '127.0.0.1:5000'") == 1);
    CHECK(count(each, "closed_ns IS NULL") == 0);
    CHECK(count(each, "closed_ns - close_error_ns < first_seen_ns - 1000000000") == 0);
  }
  // The first was there before us, the second began while we looked.
  CHECK(count(netns, "opened_ns IS NULL") == 3);
  CHECK(count(second.netns(), "opened_ns IS NULL") == 0);
  CHECK(number(path,
               fmt::format("SELECT sum(kernel_opens) = 2 AND sum(recorded_opens) = 2 FROM coverage "
                           "WHERE netns = {}",
                           second.netns())) == 1);
}

}  // namespace netlog_tests::system_namespaces_test

// SPDX-License-Identifier: MIT
// Against the running kernel: our own loopback sockets must appear, with us as their owner.
#include "decode/tables.hpp"
#include "os/files.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/linux/kept_records.hpp"
#include "source/linux/owner_search.hpp"
#include "source/linux/process.hpp"
#include "source/linux/sock_diag.hpp"
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/command.hpp"
#include "support/loopback.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <array>
#include <csignal>
#include <filesystem>
#include <iterator>
#include <string>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <unistd.h>

namespace netlog_tests::system_linux_test {

using namespace netlog;
using namespace netlog::os;
using namespace netlog::capture;
using namespace netlog::source;
using namespace std::chrono_literals;

namespace {

os::UniqueFd listener(std::uint16_t& port) {
  sockaddr_in address{};
  auto fd = test::listen_on_loopback(address);
  port = ntohs(address.sin_port);
  return fd;
}

std::uint64_t inode_of(const os::UniqueFd& fd) {
  struct stat info {};
  REQUIRE(::fstat(fd.get(), &info) == 0);
  return info.st_ino;
}

std::optional<std::uint32_t> holder_of(OwnerSearch& search,
                                       std::uint64_t inode,
                                       std::vector<std::uint32_t> likely = {}) {
  const OwnerQuery question{inode, 0, std::move(likely)};
  for (const auto& answer : search.find({&question, 1}, 1s)) {
    if (answer.inode == inode) {
      return answer.pid;
    }
  }
  return std::nullopt;
}

}  // namespace

TEST_CASE("a dump shows our listener with its inode", "[live]") {
  std::uint16_t port = 0;
  const auto fd = listener(port);
  auto diag = SockDiag::open();
  REQUIRE(diag.has_value());
  for (const auto depth : {capture::DumpDepth{}, capture::DumpDepth{true, true}}) {
    std::vector<std::byte> bytes;
    REQUIRE(diag->dump_tcp(depth, bytes, [] {}).has_value());
    std::vector<SocketRow> rows;
    REQUIRE(decode::decode_sock_diag_end(bytes, Protocol::tcp, rows).has_value());
    const auto ours = std::find_if(rows.begin(), rows.end(), [&](const SocketRow& row) {
      return row.holder_key == inode_of(fd);
    });
    REQUIRE(ours != rows.end());
    CHECK(ours->tuple.local.port == port);
    CHECK(ours->state == TcpState::listen);
    CHECK(ours->tuple.remote == Endpoint{});
    CHECK(ours->incarnation != 0);
    CHECK(ours->metrics.has_value() == depth.info);
  }
}

TEST_CASE("a UDP dump shows our socket", "[live]") {
  const os::UniqueFd fd{::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  REQUIRE(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0);
  auto diag = SockDiag::open();
  std::vector<std::byte> bytes;
  REQUIRE(diag->dump_udp(TableKind::udp4, bytes, [] {}).has_value());
  std::vector<SocketRow> rows;
  REQUIRE(decode::decode_sock_diag_end(bytes, Protocol::udp, rows).has_value());
  CHECK(std::any_of(rows.begin(), rows.end(), [&](const SocketRow& row) {
    return row.holder_key == inode_of(fd);
  }));
}

TEST_CASE("our sockets are found with us, the next ones with few links", "[live]") {
  const auto us = static_cast<std::uint32_t>(::getpid());
  std::uint16_t port = 0;
  OwnerSearch search;
  const auto first = listener(port);
  CHECK(holder_of(search, inode_of(first)) == us);
  const auto before = search.links_read();
  std::vector<os::UniqueFd> more;
  for (int i = 0; i < 20; ++i) {
    more.push_back(listener(port));
    CHECK(holder_of(search, inode_of(more.back()), {us}) == us);
  }
  // Listing every descriptor each time would be some 500 links.
  CHECK(search.links_read() - before <= 20 * 10);

  // A descriptor that is free again goes to the next socket.
  const auto inode = inode_of(more[5]);
  more[5].reset();
  search.forget(std::array{inode});
  const auto reused = listener(port);
  CHECK(holder_of(search, inode_of(reused), {us}) == us);
}

TEST_CASE("processes that have vanished cost no descriptors for ever", "[live]") {
  const auto us = static_cast<std::uint32_t>(::getpid());
  const auto descriptors = [] {
    return std::distance(std::filesystem::directory_iterator{"/proc/self/fd"}, {});
  };
  std::uint16_t port = 0;
  OwnerSearch search;
  const auto first = listener(port);
  REQUIRE(holder_of(search, inode_of(first)) == us);
  const auto before = descriptors();
  for (int i = 0; i < 200; ++i) {
    const test::Child child;
    const auto next = listener(port);
    REQUIRE(holder_of(search, inode_of(next), {child.pid(), us}) == us);
    search.forget(std::array{inode_of(next)});
  }
  CHECK(descriptors() < before + 100);
}

TEST_CASE("the kernel's own list finds our sockets without reading a link", "[live][tracing]") {
  std::uint16_t port = 0;
  const auto first = listener(port);
  auto all = HeldSockets::open();
  REQUIRE(all.has_value());
  OwnerSearch search{std::move(*all)};
  CHECK(holder_of(search, inode_of(first)) == static_cast<std::uint32_t>(::getpid()));
  CHECK(search.links_read() == 0);
  const auto next = listener(port);
  CHECK(holder_of(search, inode_of(next), {static_cast<std::uint32_t>(::getpid())}) ==
        static_cast<std::uint32_t>(::getpid()));
}

TEST_CASE("a socket that nobody holds has no owner after a whole search", "[live]") {
  OwnerSearch search;
  constexpr std::uint64_t kNobodys = 0xFFFFFFFFFF;
  const OwnerQuery question{kNobodys, 0, {}};
  search.find({}, 1s);  // the first search is before the question
  std::vector<HolderAnswer> answers;
  // A whole search runs at most once a second, and only for a query that is repeated.
  REQUIRE(test::eventually([&] {
    answers = search.find({&question, 1}, 1s);
    return !answers.empty();
  }));
  REQUIRE(answers.size() == 1);
  CHECK_FALSE(answers[0].pid.has_value());
}

TEST_CASE("a process and its end are reported once each", "[live]") {
  test::Child child;
  const auto pid = child.pid();
  ProcessTable table;
  KeptRecords kept;
  REQUIRE(table.report(pid, kept));
  REQUIRE(table.report(pid, kept));
  REQUIRE(kept.records.size() == 1);
  const auto process =
      decode::decode_process(std::get<capture::ProcessRead>(kept.records[0].payload).sections, 0);
  REQUIRE(process.has_value());
  CHECK(process->id.pid == pid);
  CHECK(process->parent_pid == static_cast<std::uint32_t>(::getpid()));
  CHECK(process->exe.has_value());
  table.report_ended(table.find_ended(), kept);
  CHECK(kept.records.size() == 1);
  child.finish();
  table.report_ended(table.find_ended(), kept);
  REQUIRE(kept.records.size() == 2);
  CHECK(std::get<capture::ProcessExit>(kept.records[1].payload).id == process->id);
  CHECK_FALSE(table.report(pid, kept));
}

TEST_CASE("what is made for a recording is its owner's alone", "[live]") {
  using std::filesystem::perms;
  const test::Scratch scratch;
  const auto rights = [](const std::filesystem::path& path) {
    return std::filesystem::status(path).permissions() & perms::mask;
  };
  REQUIRE(os::create_private_directories(scratch / "a" / "b").has_value());
  CHECK(rights(scratch / "a" / "b") == perms::owner_all);
  REQUIRE(os::create_private_directories(scratch / "a" / "b").has_value());
  REQUIRE(os::create_private_file(scratch / "a" / "b" / "x.nlcap").has_value());
  CHECK(rights(scratch / "a" / "b" / "x.nlcap") == (perms::owner_read | perms::owner_write));
  CHECK_FALSE(os::create_private_directories(scratch / "a" / "b" / "x.nlcap" / "c").has_value());
  CHECK(os::create_private_directories({}).has_value());
  CHECK(os::create_private_directories("/").has_value());
}

TEST_CASE("a listener that a child keeps while its maker lives on is the child's", "[live]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  test::Command recorder{{"record", "--db", db.string(), "--interval", "50ms"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  std::uint16_t port = 0;
  auto ours = listener(port);
  const auto ask = "SELECT pid FROM connections WHERE local_port = " + std::to_string(port);
  const auto becomes_owner = [&](std::int64_t pid) {
    return test::eventually([&] { return test::rows(db, ask) == std::to_string(pid) + "\n"; });
  };
  REQUIRE(becomes_owner(::getpid()));
  const test::Child child;
  ours.reset();
  REQUIRE(becomes_owner(child.pid()));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
  CHECK(test::rows(
            db,
            "SELECT old, new, error_ns > 0 FROM events WHERE kind = 'owner' AND old IS NOT NULL "
            "AND local_port = " +
                std::to_string(port)) ==
        std::to_string(::getpid()) + "|" + std::to_string(child.pid()) + "|1\n");
}

}  // namespace netlog_tests::system_linux_test

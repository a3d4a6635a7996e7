// SPDX-License-Identifier: MIT
#include "support/hostile.hpp"

#include "store/read/reader.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/scratch.hpp"

#include <string>

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <unistd.h>

namespace netlog_tests::store_hostile_test {

using namespace netlog;
using netlog::test::contains_text;

TEST_CASE("files that were made to break their reader are read or refused", "[fuzz]") {
  const test::Scratch scratch;
  test::HostileFiles files{scratch / "hostile"};
  for (std::uint64_t number = 1; number <= 40; ++number) {
    const auto fault = files.open(number);
    CHECK(fault == "");
  }
  CHECK(files.read() > 3);
  CHECK(files.refused() > 10);
}

TEST_CASE("only a regular file is opened, and only beside regular ones", "[store]") {
  const test::Scratch scratch;
  const auto good = scratch / "good.db";
  const test::Load load{1, 1};
  store::Writer{good, load.session()}.finish(load.now_ns());
  const auto path = scratch / "a.db";
  const auto refusal = [](const std::filesystem::path& refused) {
    try {
      const store::Reader reader{refused};
    } catch (const store::StoreError& error) {
      return std::string{error.what()};
    }
    return std::string{"it was opened"};
  };
  CHECK(refusal(good) == "it was opened");
  SECTION("a pipe") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
    CHECK_THAT(refusal(path), contains_text("not a regular file"));
  }
  SECTION("a device") {
    CHECK_THAT(refusal("/dev/zero"), contains_text("not a regular file"));
  }
  SECTION("a directory") {
    std::filesystem::create_directory(path);
    CHECK_THAT(refusal(path), contains_text("not a regular file"));
  }
  SECTION("a socket") {
    const auto fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.string().copy(address.sun_path, sizeof address.sun_path - 1);
    REQUIRE(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0);
    ::close(fd);
    CHECK_THAT(refusal(path), contains_text("not a regular file"));
  }
  SECTION("a symbolic link") {
    std::filesystem::create_symlink(good, path);
    CHECK_THAT(refusal(path), contains_text("a symbolic link; name the file that it leads to"));
  }
  SECTION("a WAL that is a pipe") {
    REQUIRE(::mkfifo((scratch / "good.db-wal").c_str(), 0600) == 0);
    CHECK_THAT(refusal(good), contains_text("what stands beside it as -wal is not a regular file"));
  }
  SECTION("a journal that is a link") {
    std::filesystem::create_symlink("/etc/passwd", scratch / "good.db-journal");
    CHECK_THAT(refusal(good),
               contains_text("what stands beside it as -journal is not a regular file"));
  }
}

}  // namespace netlog_tests::store_hostile_test

// SPDX-License-Identifier: MIT
#include "os/files.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "util/text.hpp"

#include <array>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>

namespace netlog_tests::os_files_test {

using namespace netlog;
using namespace netlog::os;

TEST_CASE("no recording has the name of another one's side file", "[os]") {
  const test::Scratch scratch;
  REQUIRE(os::hold_recording_file(scratch / "a.db").has_value());
  for (const auto* const name : {"a.db-wal", "a.db-shm", "a.db-journal"}) {
    const bool was_there = std::filesystem::exists(scratch / name);  // on Windows made with a.db
    CHECK_FALSE(os::hold_recording_file(scratch / name).has_value());
    CHECK(std::filesystem::exists(scratch / name) == was_there);
  }
  CHECK(os::hold_recording_file(scratch / "b.db-wal").has_value());
}

TEST_CASE("file systems of other machines are known", "[os]") {
  for (const auto type : std::to_array<std::int64_t>(
           {0x6969, 0x517B, 0xFE534D42, 0xFF534D42, 0x00C36400, 0x01021997})) {
    CHECK(os::is_network_file_system(type));
  }
  // ext4, tmpfs, XFS, btrfs
  for (const auto type :
       std::to_array<std::int64_t>({0xEF53, 0x01021994, 0x58465342, 0x9123683E, 0})) {
    CHECK_FALSE(os::is_network_file_system(type));
  }
  const test::Scratch scratch;
  CHECK_FALSE(os::is_on_network(scratch / "x.db"));
  CHECK_FALSE(os::is_on_network("x.db"));
}

TEST_CASE("a recording file is held by one", "[os]") {
  const test::Scratch scratch;
  const auto path = scratch / "Aufzeichnung für €.db";
  auto first = os::hold_recording_file(path);
  REQUIRE(first.has_value());
  CHECK((*first)->created());
  CHECK(os::hold_recording_file(path).error().code ==
        boost::system::errc::resource_unavailable_try_again);
  first->reset();
  const auto again = os::hold_recording_file(path);
  REQUIRE(again.has_value());
  CHECK_FALSE((*again)->created());
  CHECK(utf8(path.filename()) == "Aufzeichnung für €.db");
}

TEST_CASE("a file that is open has its current size", "[os]") {
  const test::Scratch scratch;
  const auto path = scratch / "a";
  CHECK(os::current_size(path).has_error());
  CHECK(os::current_size(scratch / ".").has_error());
  std::ofstream out{path, std::ios::binary | std::ios::app};
  for (const std::uint64_t size : {3U, 6U, 9U}) {
    out << "abc" << std::flush;
    CHECK(os::current_size(path).value() == size);
  }
}

TEST_CASE("a finished file gets its name only where that is free", "[os]") {
  const test::Scratch scratch;
  const auto write = [&](const char* name, const char* text) {
    std::ofstream{scratch / name} << text;
  };
  const auto read = [&](const char* name) {
    std::string text;
    std::ifstream{scratch / name} >> text;
    return text;
  };
  write("part", "new");
  REQUIRE(os::move_into_place(scratch / "part", scratch / "done").has_value());
  CHECK(read("done") == "new");
  CHECK_FALSE(std::filesystem::exists(scratch / "part"));
  write("part", "newer");
  CHECK(os::move_into_place(scratch / "part", scratch / "done").has_error());
  CHECK(read("done") == "new");
  CHECK(read("part") == "newer");
}

TEST_CASE("a secret is read from a file of one's own, or there is none", "[os]") {
  const test::Scratch scratch;
  const auto none = os::read_private_file(scratch / "none");
  REQUIRE(none.has_value());
  CHECK_FALSE(*none);
  REQUIRE(os::create_private_file(scratch / "key").has_value());
  std::ofstream{scratch / "key"} << "secret";
  const auto key = os::read_private_file(scratch / "key");
  REQUIRE(key.has_value());
  CHECK(*key == "secret");
  std::ofstream{scratch / "key"} << std::string(70'000, 'x');
  CHECK(os::read_private_file(scratch / "key").has_error());
  CHECK(os::read_private_file(scratch / ".").has_error());
}

}  // namespace netlog_tests::os_files_test

// SPDX-License-Identifier: MIT
#include "source/linux/hosts_file.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>

namespace netlog_tests::hosts_file_test {

using netlog::source::HostsFile;
using netlog::test::Scratch;

TEST_CASE("the hosts file is read when it has changed", "[source][names]") {
  const Scratch scratch;
  const auto path = scratch / "hosts";
  HostsFile hosts{path.string()};
  CHECK(hosts.read_if_changed() == "");
  CHECK(hosts.read_if_changed() == std::nullopt);
  const std::string text{"198.51.100.7 db\n\0\xFF", 18};
  std::ofstream{path, std::ios::binary} << text;
  CHECK(hosts.read_if_changed() == text);
  CHECK(hosts.read_if_changed() == std::nullopt);
  std::filesystem::remove(path);
  CHECK(hosts.read_if_changed() == "");
}

TEST_CASE("what is no hosts file has no text", "[source][names]") {
  const Scratch scratch;
  const auto path = scratch / "hosts";
  SECTION("a directory") {
    std::filesystem::create_directory(path);
  }
  SECTION("a pipe: nobody waits for its writer") {
    REQUIRE(::mkfifo(path.c_str(), 0600) == 0);
  }
  SECTION("a file of more than 4 MiB") {
    std::ofstream{path} << "198.51.100.7 db\n";
    std::filesystem::resize_file(path, (std::uintmax_t{4} << 20U) + 1);
  }
  SECTION("a link to itself") {
    std::filesystem::create_symlink(path, path);
  }
  SECTION("a device") {
    std::filesystem::create_symlink("/dev/zero", path);
  }
  HostsFile hosts{path.string()};
  CHECK(hosts.read_if_changed() == "");
  CHECK(hosts.read_if_changed() == std::nullopt);
}

}  // namespace netlog_tests::hosts_file_test

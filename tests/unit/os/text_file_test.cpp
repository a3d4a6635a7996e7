// SPDX-License-Identifier: MIT
#include "os/text_file.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <fstream>

namespace netlog_tests::os_text_file_test {

using namespace netlog;

TEST_CASE("a text file is read whole, or not at all", "[os]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.txt";
  std::ofstream{path, std::ios::binary} << std::string(200'000, 'x') << '\n';
  CHECK(os::read_text_file(path, 1'000'000).value().size() == 200'001);
  CHECK(os::read_text_file(path, 200'001).value().size() == 200'001);
  CHECK(os::read_text_file(path, 200'000).error().code == make_error_code(errc::too_large));
  std::ofstream{path, std::ios::trunc};
  CHECK(os::read_text_file(path, 10).value().empty());
}

TEST_CASE("only a regular file is a text file", "[os]") {
  const test::Scratch scratch;
  CHECK(os::read_text_file(scratch / "missing", 10).error().code ==
        boost::system::errc::no_such_file_or_directory);
  const auto directory = scratch / "directory";
  std::filesystem::create_directory(directory);
  CHECK(os::read_text_file(directory, 10).error().code == boost::system::errc::is_a_directory);
}

TEST_CASE("a device is no text file", "[os][posix]") {
  CHECK(os::read_text_file("/dev/zero", 10).error().code == boost::system::errc::not_supported);
}

}  // namespace netlog_tests::os_text_file_test

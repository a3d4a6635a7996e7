// SPDX-License-Identifier: MIT
#include "source/linux/file_hashes.hpp"

#include "os/linux/unique_fd.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "util/text.hpp"

#include <array>
#include <atomic>
#include <filesystem>
#include <fstream>
#include <string>

#include <sys/stat.h>

#include <fcntl.h>
#include <unistd.h>

namespace netlog_tests::file_hashes_test {

using namespace netlog;
using namespace netlog::source;

namespace {

// FIPS 180-2, appendix B, and of no bytes at all.
constexpr const char* kOfAbc = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
constexpr const char* kOfNothing =
    "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
constexpr const char* kOfMillion =
    "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0";

void write(const std::filesystem::path& path, const std::string& text) {
  std::ofstream{path} << text;
}

std::string hash_of(FileHashes& hashes, const std::filesystem::path& path) {
  const os::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC)};
  REQUIRE(fd);
  const auto hash = hashes.hash(fd.get());
  return hash ? hex(*hash) : "-";
}

}  // namespace

TEST_CASE("FileHashes: the SHA-256 of a file, read once", "[source]") {
  const test::Scratch scratch;
  const auto path = scratch / "a";
  const std::atomic<bool> stopping = false;
  FileHashes hashes{1'000'000, stopping};
  write(path, "abc");
  CHECK(hash_of(hashes, path) == kOfAbc);
  CHECK(hash_of(hashes, path) == kOfAbc);
  CHECK(hashes.bytes_read() == 3);
  write(scratch / "b", "");
  CHECK(hash_of(hashes, scratch / "b") == kOfNothing);
  write(scratch / "c", std::string(1'000'000, 'a'));
  CHECK(hash_of(hashes, scratch / "c") == kOfMillion);

  SECTION("another file of the same content is another one") {
    std::filesystem::copy_file(path, scratch / "d");
    const auto before = hashes.bytes_read();
    CHECK(hash_of(hashes, scratch / "d") == kOfAbc);
    CHECK(hashes.bytes_read() == before + 3);
  }
  SECTION("a content with the size and the mtime of the one before is read") {
    const os::UniqueFd fd{::open(path.c_str(), O_WRONLY | O_CLOEXEC)};
    struct stat status {};
    REQUIRE(::fstat(fd.get(), &status) == 0);
    // The clock of the file system may not have moved yet.
    const auto ctime_ns = status.st_ctim.tv_nsec;
    const std::array times{status.st_atim, status.st_mtim};
    while (status.st_ctim.tv_nsec == ctime_ns) {
      REQUIRE(::pwrite(fd.get(), "xyz", 3, 0) == 3);
      REQUIRE(::futimens(fd.get(), times.data()) == 0);
      REQUIRE(::fstat(fd.get(), &status) == 0);
    }
    CHECK(hash_of(hashes, path) ==
          "3608bca1e44ea6c4d268eb6db02260269892c0b42b86bbf1e77a6fa16c3c9282");
  }
}

TEST_CASE("FileHashes: what is no regular file of a bounded size has no hash", "[source]") {
  const test::Scratch scratch;
  std::atomic<bool> stopping = false;
  FileHashes hashes{3, stopping};
  write(scratch / "at the bound", "abc");
  CHECK(hash_of(hashes, scratch / "at the bound") == kOfAbc);
  write(scratch / "above", "abcd");
  CHECK(hash_of(hashes, scratch / "above") == "-");
  CHECK(hashes.bytes_read() == 3);
  CHECK(hash_of(hashes, "/dev/zero") == "-");
  CHECK(hash_of(hashes, scratch / ".") == "-");
  REQUIRE(::mkfifo((scratch / "fifo").c_str(), 0600) == 0);
  CHECK(hash_of(hashes, scratch / "fifo") == "-");
  // Its size is 0, and it has more.
  FileHashes of_proc{100, stopping};
  CHECK(hash_of(of_proc, "/proc/self/maps") == "-");
  stopping = true;
  write(scratch / "late", "abc");
  CHECK(hash_of(hashes, scratch / "late") == "-");
}

}  // namespace netlog_tests::file_hashes_test

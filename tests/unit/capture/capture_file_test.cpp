// SPDX-License-Identifier: MIT
#include "capture/capture_file.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>

namespace netlog_tests::capture_capture_file_test {

using namespace netlog;
using namespace netlog::capture;
using Catch::Matchers::Contains;

namespace {

capture::RawRecord record(capture::Payload payload) {
  return {4026531840, Span{-5, 7}, std::move(payload)};
}

std::vector<capture::RawRecord> some() {
  return {record(capture::SessionText{netlog::bytes_of("host=a\n")}),
          record(capture::TickBegin{-1, 2, INT64_MAX}),
          record(capture::SockDiagDump{
              3, {true, false}, 0, true, netlog::bytes_of(std::string(3000, 'x'))})};
}

void write(const std::filesystem::path& path, const std::vector<capture::RawRecord>& records) {
  capture::CaptureWriter writer{path};
  for (const auto& each : records) {
    writer.write(each);
  }
  writer.flush();
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

void put(const std::filesystem::path& path, std::string_view bytes) {
  std::ofstream{path, std::ios::binary}.write(bytes.data(),
                                              static_cast<std::streamsize>(bytes.size()));
}

}  // namespace

TEST_CASE("what is captured is read back to the bit", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  const auto records = some();
  write(path, records);
  capture::CaptureReader reader{path};
  for (const auto& expected : records) {
    const auto read = reader.next();
    REQUIRE(read.has_value());
    REQUIRE(read->has_value());
    CHECK(**read == expected);
  }
  CHECK_FALSE(reader.next()->has_value());
  CHECK_FALSE(reader.truncated());
  CHECK_THROWS_WITH(capture::CaptureWriter{path}, Contains("File exists"));
}

TEST_CASE("a capture cut anywhere ends at its last whole record", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  const auto cut = scratch / "cut.nlcap";
  write(path,
        {record(capture::SessionText{netlog::bytes_of("host=a\n")}),
         record(capture::TraceEnded{"xy"})});
  const auto whole = bytes_of(path);
  const std::size_t first = 8 + 56 + 7 + 4;
  for (std::size_t size = 8; size < whole.size(); ++size) {
    CAPTURE(size);
    put(cut, std::string_view{whole}.substr(0, size));
    capture::CaptureReader reader{cut};
    std::size_t records = 0;
    for (auto read = reader.next(); read.has_value() && read->has_value(); read = reader.next()) {
      ++records;
    }
    CHECK(records == (size >= first ? 1U : 0U));
    CHECK(reader.truncated() == (size != 8 && size != first));
  }
  put(cut, std::string_view{whole}.substr(0, 7));
  CHECK_THROWS_WITH(capture::CaptureReader{cut},
                    Contains("not a netlog capture of version 1 or 2"));
}

TEST_CASE("a damaged capture is an error that names the place", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  const auto bad = scratch / "bad.nlcap";
  write(path, some());
  auto bytes = bytes_of(path);
  const std::size_t second = 8 + 56 + 7 + 4;
  SECTION("a flipped bit") {
    bytes[second + 20] = static_cast<char>(bytes[second + 20] ^ 1);
    put(bad, bytes);
    capture::CaptureReader reader{bad};
    REQUIRE(reader.next().has_value());
    CHECK(reader.next().error().message() ==
          "checksum of the record at offset 75: malformed [netlog:4]");
  }
  SECTION("a length that lies") {
    bytes[second + 7] = '\x7F';
    put(bad, bytes);
    capture::CaptureReader reader{bad};
    REQUIRE(reader.next().has_value());
    CHECK(reader.next().error().code == errc::too_large);
  }
}

}  // namespace netlog_tests::capture_capture_file_test

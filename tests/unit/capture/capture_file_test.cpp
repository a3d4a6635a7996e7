// SPDX-License-Identifier: MIT
#include "capture/capture_file.hpp"

#include "os/files.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <utility>
#include <vector>

#include <boost/crc.hpp>

namespace netlog_tests::capture_capture_file_test {

using namespace netlog;
using namespace netlog::capture;
using netlog::test::contains_text;

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

/// A record of version 1 without bytes, at one time.
std::string version_1_record(RecordKind kind, std::int64_t at_ns, std::int64_t a) {
  std::string bytes;
  const auto add = [&](std::uint64_t value, int size) {
    for (int i = 0; i < size; ++i) {
      bytes += static_cast<char>(value >> (8 * i) & 0xFFU);
    }
  };
  add(static_cast<std::uint64_t>(kind), 2);
  add(0, 2);
  add(0, 4);
  add(0, 8);
  for (const auto number : {at_ns, at_ns, a, std::int64_t{0}, std::int64_t{0}}) {
    add(static_cast<std::uint64_t>(number), 8);
  }
  boost::crc_32_type crc;
  crc.process_bytes(bytes.data(), bytes.size());
  add(crc.checksum(), 4);
  return bytes;
}

capture::RawRecord tick_at(std::int64_t ms) {
  return {1, Span{ms * 1'000'000, ms * 1'000'000}, capture::TickBegin{0, 1, 2}};
}

/// The last flush was at 5,000 ms.
void expect_end(capture::CaptureWriter& writer) {
  writer.write(tick_at(5'999));
  CHECK_THROWS_WITH(writer.write(tick_at(6'000)),
                    contains_text("a.nlcap: it was deleted, moved, replaced or cut short"));
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
  CHECK_THROWS_WITH(capture::CaptureWriter{path}, contains_text("File exists"));
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
                    contains_text("not a netlog capture of version 1 or 2"));
}

TEST_CASE("a capture is flushed once a second of its times", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  capture::CaptureWriter writer{path};
  for (const auto ms : {5'000, 5'900, 6'000}) {
    writer.write(tick_at(ms));
  }
  CHECK(os::current_size(path).value() == 8 + 3 * 60);
}

TEST_CASE("a capture that somebody empties is noticed within a second", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  capture::CaptureWriter writer{path};
  writer.write(tick_at(5'000));
  std::filesystem::resize_file(path, 0);
  expect_end(writer);
}

TEST_CASE("a capture that somebody takes away is noticed within a second", "[capture][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  capture::CaptureWriter writer{path};
  writer.write(tick_at(5'000));
  SECTION("deleted") {
    REQUIRE(std::filesystem::remove(path));
    expect_end(writer);
  }
  SECTION("moved") {
    std::filesystem::rename(path, scratch / "b.nlcap");
    expect_end(writer);
  }
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

TEST_CASE("UTC times of version 1 become times of a boot clock", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  put(path,
      std::string{"NLCAP\0\0\1", 8} + version_1_record(RecordKind::tick_end, 5'000, 0) +
          version_1_record(RecordKind::clock_step, 2'000, -4'000) +
          version_1_record(RecordKind::trace, 2'500, 1'900) +
          version_1_record(RecordKind::process, 2'600, 7) +
          version_1_record(RecordKind::clock_step, 3'700, 1'000));
  const auto at = [](std::int64_t at_ns, capture::Payload payload) {
    return RawRecord{0, Span{at_ns, at_ns}, std::move(payload)};
  };
  const std::vector<RawRecord> expected{at(5'000, TickEnd{}),
                                        at(6'000, UtcOffset{-4'000, -4'000}),
                                        at(6'500, TraceEvents{5'900, {}}),
                                        at(6'600, ProcessRead{7, 4'000, {}}),
                                        at(6'700, UtcOffset{-3'000, 1'000})};
  capture::CaptureReader reader{path};
  for (const auto& record : expected) {
    const auto read = reader.next();
    REQUIRE(read.has_value());
    REQUIRE(read->has_value());
    CHECK((**read == record));
  }
  CHECK_FALSE(reader.next()->has_value());
}

TEST_CASE("times that would overflow are errors", "[capture]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  const auto message = [&](const std::string& bytes) {
    std::filesystem::remove(path);
    put(path, bytes);
    capture::CaptureReader reader{path};
    auto read = reader.next();
    while (read.has_value() && read->has_value()) {
      read = reader.next();
    }
    return read.has_error() ? read.error().message() : "";
  };
  const std::string version_1{"NLCAP\0\0\1", 8};
  CHECK(message(version_1 + version_1_record(RecordKind::tick_end, INT64_MAX, 0)) ==
        "time in the record at offset 8: malformed [netlog:4]");
  CHECK(message(version_1 + version_1_record(RecordKind::clock_step, 0, INT64_MIN)) ==
        "time in the record at offset 8: malformed [netlog:4]");
  const auto half = version_1_record(RecordKind::clock_step, 0, INT64_MAX / 2);
  CHECK(message(version_1 + half + half + half) ==
        "time in the record at offset 68: malformed [netlog:4]");
  CHECK(
      message(std::string{"NLCAP\0\0\2", 8} + version_1_record(RecordKind::trace, 0, INT64_MIN)) ==
      "time in the record at offset 8: malformed [netlog:4]");
}

}  // namespace netlog_tests::capture_capture_file_test

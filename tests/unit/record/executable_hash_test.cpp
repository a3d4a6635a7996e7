// SPDX-License-Identifier: MIT
// The hash of an executable belongs to one image of one process.
#include "capture/capture_file.hpp"
#include "capture/sections.hpp"
#include "record/recorder.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::record_executable_hash_test {

using namespace netlog;
using namespace netlog::record;
using capture::RawRecord;

namespace {

const std::string kSha(64, 'a');

RawRecord made(capture::Payload payload, std::int64_t from_ms, std::int64_t to_ms) {
  return {0, Span{from_ms * kNsPerMs, to_ms * kNsPerMs}, std::move(payload)};
}

/// Process 7, as it is reported first, or when it has executed a program.
RawRecord process(const std::string& exe, std::int64_t at_ms, bool has_executed = false) {
  capture::ProcessRead read{7, 0, {}};
  const auto add = [&](capture::ProcessSection tag, const std::string& text) {
    capture::append_section(read.sections, tag, as_bytes(text));
  };
  add(capture::ProcessSection::listed, "7 100 1 web");
  add(capture::ProcessSection::exe, exe);
  add(capture::ProcessSection::started_ns, "1000000");
  if (has_executed) {
    add(capture::ProcessSection::image_since_ns, fmt::format("{}", at_ms * kNsPerMs));
  }
  return made(read, at_ms, at_ms);
}

/// Its executable, reported at `from_ms` and opened at `to_ms`.
RawRecord hashed(std::int64_t from_ms, std::int64_t to_ms, std::uint32_t pid = 7) {
  capture::ExecutableHash hash{ProcessId{pid, 100}, {}};
  hash.sha256.fill(std::byte{0xaa});
  return made(hash, from_ms, to_ms);
}

RawRecord ended(std::int64_t at_ms) {
  return made(capture::ProcessExit{ProcessId{7, 100}, {}}, at_ms, at_ms);
}

/// `exe hash` of each image, and what `processes` says.
std::string recorded(std::vector<RawRecord> records) {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  {
    store::Writer writer{path, Session{}};
    Recorder recorder{writer, 100 * kNsPerMs};
    records.insert(records.begin(), made(capture::UtcOffset{0, 0}, 1, 1));
    for (const auto& record : records) {
      recorder.consume(record);
    }
    recorder.finish();
    writer.finish(recorder.now_utc_ns());
  }
  return test::rows(path, "SELECT exe, exe_sha256 FROM process_images ORDER BY image") + "= " +
         test::rows(path, "SELECT exe_sha256 FROM processes");
}

}  // namespace

TEST_CASE("the hash of an executable is in the row of its image", "[record]") {
  CHECK(recorded({process("/bin/a", 10)}) == "/bin/a|NULL\n= NULL\n");
  CHECK(recorded({process("/bin/a", 10), hashed(10, 20)}) ==
        fmt::format("/bin/a|{0}\n= {0}\n", kSha));
  SECTION("of the program that it executed") {
    CHECK(recorded({process("/bin/a", 10), process("/bin/b", 30, true), hashed(30, 40)}) ==
          fmt::format("/bin/a|NULL\n/bin/b|{0}\n= {0}\n", kSha));
  }
  SECTION("of the program that it had before, though the answer comes later") {
    CHECK(recorded({process("/bin/a", 10), process("/bin/b", 30, true), hashed(10, 20)}) ==
          fmt::format("/bin/a|{0}\n/bin/b|NULL\n= NULL\n", kSha));
  }
  SECTION("of neither, if it was opened before or after the exec") {
    CHECK(recorded({process("/bin/a", 10), process("/bin/b", 30, true), hashed(10, 40)}) ==
          "/bin/a|NULL\n/bin/b|NULL\n= NULL\n");
  }
  SECTION("of a process that has ended") {
    CHECK(recorded({process("/bin/a", 10), ended(30), hashed(10, 20)}) ==
          fmt::format("/bin/a|{0}\n= {0}\n", kSha));
  }
  SECTION("of a process that nobody reported") {
    CHECK(recorded({process("/bin/a", 10), hashed(10, 20, 8)}) == "/bin/a|NULL\n= NULL\n");
  }
}

TEST_CASE("a capture keeps the hash of an executable", "[record]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.nlcap";
  const std::vector<RawRecord> records{process("/bin/a", 10), hashed(10, 20)};
  {
    capture::CaptureWriter writer{path};
    for (const auto& record : records) {
      writer.write(record);
    }
    writer.flush();
  }
  capture::CaptureReader reader{path};
  std::vector<RawRecord> replayed;
  for (auto record = reader.next(); record && *record; record = reader.next()) {
    replayed.push_back(**record);
  }
  CHECK((replayed == records));
}

}  // namespace netlog_tests::record_executable_hash_test

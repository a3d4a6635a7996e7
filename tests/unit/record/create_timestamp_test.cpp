// SPDX-License-Identifier: MIT
// What the create timestamps of Windows' tables say of openings and owners: raw records in, rows
// out.
#include "capture/sections.hpp"
#include "record/recorder.hpp"
#include "support/catch.hpp"
#include "support/mib.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"
#include "util/filetime.hpp"
#include "util/time.hpp"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::record_create_timestamp_test {

using namespace netlog;
using capture::RawRecord;

namespace {

constexpr std::int64_t kUtcOffsetMs = 1'600'000'000'000;
constexpr std::int64_t kHourMs = 3'600'000;
constexpr std::uint32_t kPid = 1234;

RawRecord made(capture::Payload payload, std::int64_t from_ms, std::int64_t to_ms) {
  return {0, Span{from_ms * kNsPerMs, to_ms * kNsPerMs}, std::move(payload)};
}

RawRecord tick(std::int64_t at_ms) {
  return made(capture::TickBegin{at_ms / 100, 0, 0}, at_ms, at_ms);
}

RawRecord tick_end(std::int64_t at_ms) {
  return made(capture::TickEnd{}, at_ms, at_ms);
}

/// From here on UTC is the boot clock plus kUtcOffsetMs and `more_ms`.
RawRecord utc(std::int64_t at_ms, std::int64_t more_ms = 0, std::int64_t step_ms = 0) {
  return made(
      capture::UtcOffset{(kUtcOffsetMs + more_ms) * kNsPerMs, step_ms * kNsPerMs}, at_ms, at_ms);
}

/// FILETIME of a boot-clock time, while UTC is the boot clock plus kUtcOffsetMs.
std::uint64_t filetime(std::int64_t at_ms) {
  return filetime_of((kUtcOffsetMs + at_ms) * kNsPerMs);
}

/// An OWNER_MODULE table of 192.0.2.1:50000 to 198.51.100.7:443, or an empty one.
RawRecord table(std::int64_t at_ms, const std::vector<std::uint64_t>& created) {
  test::MibBytes bytes;
  bytes.dword(static_cast<std::uint32_t>(created.size())).dword(0);
  for (const auto timestamp : created) {
    bytes.dword(5).hex("C0000201").port(50'000).hex("C6336407").port(443);
    bytes.dword(kPid).qword(timestamp).module_info(0);
  }
  return made(capture::MibTableRead{table_bit(TableKind::tcp4),
                                    test::section(capture::MibTable::owner_module, bytes)},
              at_ms,
              at_ms + 1);
}

/// The process that has the pid was created at this time.
std::vector<RawRecord> owner(std::int64_t at_ms, std::uint64_t created, std::int64_t started_ms) {
  std::vector<std::byte> sections;
  const auto listed = fmt::format("{} {} 4 a.exe", kPid, created);
  const auto started = std::to_string((kUtcOffsetMs + started_ms) * kNsPerMs);
  capture::append_section(sections, capture::ProcessSection::listed, as_bytes(listed));
  capture::append_section(sections, capture::ProcessSection::started_ns, as_bytes(started));
  const auto holders = fmt::format("{} {}\n", kPid, kPid);
  return {made(capture::ProcessRead{kPid, -kUtcOffsetMs * kNsPerMs, sections}, at_ms, at_ms),
          made(capture::SocketHolders{bytes_of(holders)}, at_ms, at_ms)};
}

std::string recorded(const std::vector<RawRecord>& records, const std::string& sql) {
  const test::Scratch scratch;
  store::Writer writer{scratch / "a.db", Session{}};
  record::Recorder recorder{writer, 100 * kNsPerMs};
  for (const auto& record : records) {
    recorder.consume(record);
  }
  recorder.finish();
  writer.finish(recorder.now_utc_ns());
  return test::rows(scratch / "a.db", sql);
}

}  // namespace

TEST_CASE("the create timestamp bounds the opening from below", "[record]") {
  const auto error_ms = [](std::uint64_t created, const RawRecord& clock) {
    return recorded({tick(1'000),
                     utc(1'000),
                     table(1'000, {}),
                     tick_end(1'001),
                     tick(1'100),
                     clock,
                     table(1'100, {created}),
                     tick_end(1'101)},
                    "SELECT (SELECT error_ns / 1000000 FROM events), open_error_ns / 1000000 FROM "
                    "connections");
  };
  // The offset to UTC may be wrong by 20 ms.
  CHECK(error_ms(filetime(1'080), utc(1'100)) == "41|41\n");
  // Its socket was bound before the last look.
  CHECK(error_ms(filetime(200), utc(1'100)) == "101|101\n");
  CHECK(error_ms(0, utc(1'100)) == "101|101\n");
  // A time to come, and times of a clock that was set meanwhile.
  CHECK(error_ms(filetime(9'000), utc(1'100)) == "101|101\n");
  CHECK(error_ms(filetime(1'080), utc(1'100, -500, -500)) == "101|101\n");
  CHECK(error_ms(filetime(1'080), utc(1'100, 500, 500)) == "101|101\n");
}

TEST_CASE("what was there before the recorder is no older than its create timestamp", "[record]") {
  const auto not_before_ms = [](std::uint64_t created) {
    return recorded({tick(100'000), utc(100'000), table(100'000, {created}), tick_end(100'001)},
                    fmt::format("SELECT kind, opened_ns, not_before_ns / 1000000 - {} FROM "
                                "connections JOIN events ON connection_id = connections.id",
                                kUtcOffsetMs));
  };
  // The offset to UTC may be wrong by 20 ms.
  CHECK(not_before_ms(filetime(50'000)) == "present|NULL|49980\n");
  CHECK(not_before_ms(0) == "present|NULL|NULL\n");
  CHECK(not_before_ms(filetime(900'000)) == "present|NULL|NULL\n");  // a time to come
}

TEST_CASE("no process owns a socket that is older", "[record]") {
  const auto found = [](std::uint64_t created, std::int64_t process_ms) {
    std::vector<RawRecord> records{tick(100'000), utc(100'000), table(100'000, {created})};
    for (auto& record : owner(100'002, filetime(process_ms), process_ms)) {
      records.push_back(std::move(record));
    }
    records.push_back(tick_end(100'003));
    return recorded(records, "SELECT process, owner_source, owner_reason FROM connections");
  };
  CHECK(found(filetime(50'000), 40'000) == "a.exe|exact|NULL\n");
  CHECK(found(filetime(50'000), 50'000) == "a.exe|exact|NULL\n");
  CHECK(found(filetime(50'000), 50'015) == "a.exe|exact|NULL\n");  // within a tick of the clock
  CHECK(found(filetime(50'000), 50'017) == "NULL|unknown|gone\n");
  CHECK(found(filetime(50'000), 90'000) == "NULL|unknown|gone\n");
  // Without a timestamp their order is not known.
  CHECK(found(0, 40'000) == "a.exe|held|NULL\n");
}

TEST_CASE("across a clock that was set back no order proves an owner", "[record]") {
  const auto found = [](std::int64_t created_ms, std::int64_t process_ms) {
    std::vector<RawRecord> records{tick(2 * kHourMs),
                                   utc(2 * kHourMs),
                                   table(2 * kHourMs, {}),
                                   tick_end(2 * kHourMs + 1),
                                   tick(2 * kHourMs + 100),
                                   utc(2 * kHourMs + 100, -kHourMs, -kHourMs),
                                   table(2 * kHourMs + 100, {filetime(created_ms)})};
    for (auto& record : owner(2 * kHourMs + 102, filetime(process_ms), process_ms)) {
      records.push_back(std::move(record));
    }
    records.push_back(tick_end(2 * kHourMs + 103));
    return recorded(records, "SELECT process, owner_source, owner_reason FROM connections");
  };
  // The hour up to two hours came twice.
  const auto first_ms = kHourMs + kHourMs / 3;
  const auto second_ms = kHourMs + kHourMs / 2;
  CHECK(found(first_ms, second_ms) == "a.exe|held|NULL\n");
  CHECK(found(second_ms, first_ms) == "a.exe|held|NULL\n");
  // Times that came once have one order.
  CHECK(found(second_ms, kHourMs / 2) == "a.exe|exact|NULL\n");
  CHECK(found(kHourMs / 2, second_ms) == "NULL|unknown|gone\n");
}

}  // namespace netlog_tests::record_create_timestamp_test

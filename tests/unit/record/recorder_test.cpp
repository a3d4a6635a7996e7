// SPDX-License-Identifier: MIT
// Raw records in, rows out.
#include "record/recorder.hpp"

#include "os/files.hpp"
#include "record/recording_place.hpp"
#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <atomic>
#include <chrono>
#include <cstddef>
#include <filesystem>
#include <string>
#include <utility>
#include <vector>

namespace netlog_tests::record_recorder_test {

using namespace netlog;
using namespace netlog::record;
using capture::RawRecord;

namespace {

constexpr std::int64_t kInterval = 100 * kNsPerMs;

RawRecord made(capture::Payload payload, std::int64_t from_ms, std::int64_t to_ms) {
  return {0, Span{from_ms * kNsPerMs, to_ms * kNsPerMs}, std::move(payload)};
}

RawRecord made(capture::Payload payload, std::int64_t at_ms) {
  return made(std::move(payload), at_ms, at_ms);
}

RawRecord tick(std::int64_t at_ms, std::int64_t index = 0, std::int64_t skipped = 0) {
  return made(capture::TickBegin{index, skipped, 0}, at_ms);
}

RawRecord tick_end(std::int64_t at_ms) {
  return made(capture::TickEnd{}, at_ms);
}

/// From here on UTC is the boot clock plus an offset; `step_s`: it was set by so much.
RawRecord utc_offset(std::int64_t at_ms, std::int64_t offset_s, std::int64_t step_s = 0) {
  return made(capture::UtcOffset{offset_s * kNsPerSecond, step_s * kNsPerSecond}, at_ms);
}

/// Runs the records through a recorder. @return its counts before it finishes
Progress record_into(const std::filesystem::path& path,
                     const Session& session,
                     const std::vector<RawRecord>& records) {
  store::Writer writer{path, session};
  Recorder recorder{writer, kInterval};
  for (const auto& record : records) {
    recorder.consume(record);
  }
  const auto progress = recorder.progress();
  recorder.finish();
  writer.finish(recorder.now_utc_ns());
  return progress;
}

/// Runs the records through a recorder and gives what a query finds.
std::string recorded(const std::vector<RawRecord>& records, const std::string& sql) {
  const test::Scratch scratch;
  record_into(scratch / "a.db", Session{}, records);
  return test::rows(scratch / "a.db", sql);
}

/// /proc/net/tcp: a listener on port 2024, and a connection from 46218 or to it.
RawRecord table(std::int64_t at_ms, bool listens, bool connected) {
  std::string text =
      "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout "
      "inode\n";
  if (listens) {
    text +=
        "   0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        "
        "0 554 1 0 100 0 0 10 0\n";
  }
  if (connected) {
    text +=
        "   1: 0100007F:07E8 0100007F:B48A 01 00000000:00000000 00:00000000 00000000     0        "
        "0 555 1 0 100 0 0 10 0\n";
  }
  return made(capture::ProcfsTable{Protocol::tcp, Family::ipv4, bytes_of(text)}, at_ms);
}

/// A message of a sock_diag dump: 192.0.2.1:43210 > 198.51.100.7:443, established.
std::vector<std::byte> socket(const std::string& cookie) {
  return test::from_hex(
      "58000000 1400 0200 01000000 00000000"
      "02010000 a8ca01bb c0000201 00000000 00000000 00000000 c6336407 00000000 00000000 00000000"
      "00000000" +
      cookie + "00000000 00000000 00000000 00000000 e8030000 d12f0100");
}

/// NLMSG_DONE
std::vector<std::byte> done() {
  return test::from_hex("14000000 0300 0200 01000000 00000000 00000000");
}

RawRecord dump(std::int64_t at_ms, const std::vector<std::string>& cookies) {
  constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
  capture::SockDiagDump all{kTcp, {true, true}, 0, true, {}};
  for (const auto& cookie : cookies) {
    const auto message = socket(cookie);
    all.messages.insert(all.messages.end(), message.begin(), message.end());
  }
  const auto end = done();
  all.messages.insert(all.messages.end(), end.begin(), end.end());
  return made(std::move(all), at_ms, at_ms + 1);
}

constexpr const char* kGaps =
    "SELECT source, reason, from_ns / 1000000, to_ns / 1000000, lost, detail FROM gaps ORDER BY "
    "id";

}  // namespace

TEST_CASE("every kind of loss is a row", "[record]") {
  const capture::TableFailed failed{3, capture::RecordKind::sock_diag, "sock_diag dump: it failed"};
  CHECK(recorded({tick(100),
                  tick_end(101),
                  tick(200, 1),
                  made(failed, 210, 220),
                  made(capture::NoticesLost{17}, 190, 230),
                  made(capture::UtcOffset{40 * kNsPerMs, 40 * kNsPerMs}, 240),
                  made(capture::Stalled{60 * kNsPerMs}, 240, 300),
                  tick_end(300),
                  tick(500, 4, 2),
                  made(capture::NoticesLost{}, 2500, 2510),
                  tick_end(2511),
                  tick(9000, 5),
                  tick_end(9001)},
                 kGaps) ==
        "sock_diag|unreadable|210|220|NULL|sock_diag dump: it failed\n"
        "notices|receive buffer overrun|190|230|17|NULL\n"
        "clock|clock stepped forwards|240|280|NULL|by 40ms\n"
        "writer|queue full|280|340|NULL|NULL\n"
        "tick|skipped ticks|240|540|2|NULL\n"
        "notices|receive buffer overrun|2540|2550|NULL|NULL\n"
        "tick|suspended|540|9040|NULL|NULL\n");
}

TEST_CASE("a gap that is not over when the file was moved is in the moved file",
          "[record][posix]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  RecordingPlace place{path, *os::hold_recording_file(path), std::nullopt};
  std::atomic<bool> goes_on_in_new_file = false;
  store::WriterOptions options;
  options.flush_after = std::chrono::milliseconds{1};
  place.watch(options);
  options.on_message = [&](const std::string&) { goes_on_in_new_file = true; };
  store::Writer writer{path, Session{}, std::move(options)};
  Recorder recorder{writer, kInterval};
  std::int64_t now_ms = 1'000;
  // Each tick has lost something, so that one gap goes on all the time.
  const auto lose = [&] {
    recorder.consume(tick(now_ms));
    recorder.consume(made(capture::NoticesLost{1}, now_ms, now_ms + 50));
    recorder.consume(tick_end(now_ms + 60));
    now_ms += 100;
  };
  lose();
  std::filesystem::rename(path, scratch / "b.db");
  REQUIRE(test::eventually([&] {
    lose();
    return goes_on_in_new_file.load();
  }));
  lose();
  recorder.finish();
  writer.finish(recorder.now_utc_ns());
  constexpr const char* kEarlier =
      "SELECT count(*) > 0, sum(from_ns < (SELECT started_ns FROM session)) FROM gap";
  CHECK(test::rows(path, kEarlier) == "1|0\n");
  CHECK(test::rows(scratch / "b.db", "SELECT min(from_ns) / 1000000 FROM gap") == "1000\n");
}

TEST_CASE("a clock step stands between the events of the two clocks", "[record]") {
  const auto by_s = GENERATE(-3600, 3600);
  const auto later = by_s * std::int64_t{1000};
  const std::vector<RawRecord> records{tick(100),
                                       table(100, true, false),
                                       tick_end(101),
                                       tick(200, 1),
                                       table(200, true, true),
                                       utc_offset(201, by_s, by_s),
                                       tick_end(202),
                                       tick(300, 2),
                                       table(300, true, false),
                                       tick_end(301)};
  CHECK(recorded(records,
                 "SELECT at_ns / 1000000, step_ns / 1000000, after_event FROM clock_steps") ==
        std::to_string(201 + later) + "|" + std::to_string(later) + "|2\n");
  CHECK(recorded(records,
                 "SELECT duration_ns / 1000000, opened_ns / 1000000, closed_ns / 1000000 FROM "
                 "connections WHERE closed_ns IS NOT NULL") ==
        "100|200|" + std::to_string(300 + later) + "\n");
  // Nor was the system asleep meanwhile.
  CHECK(recorded(records, "SELECT DISTINCT source FROM gaps") == "clock\n");
}

TEST_CASE("after a step of one hour back coverage still has a row a minute at least", "[record]") {
  std::vector<RawRecord> records{utc_offset(0, 7200)};
  for (std::int64_t second = 0; second <= 300; second += 10) {
    records.push_back(tick(second * 1000, second / 10));
    if (second == 100) {
      records.push_back(utc_offset(100'000, 3600, -3600));
    }
    const auto opens = std::to_string(second);
    records.push_back(made(capture::Snmp{bytes_of("Tcp: ActiveOpens PassiveOpens\nTcp: " + opens +
                                                  " 0\nUdp: InDatagrams\nUdp: 0\n")},
                           second * 1000));
    records.push_back(tick_end(second * 1000 + 1));
  }
  // The first windows are short. The one in which the clock was set ends there, by the old clock.
  CHECK(recorded(records,
                 "SELECT from_ns / 1000000000, to_ns / 1000000000, kernel_opens FROM coverage") ==
        "7200|7210|10\n"
        "7210|7220|10\n"
        "7220|7230|10\n"
        "7230|7240|10\n"
        "7240|7260|20\n"
        "7260|7290|30\n"
        "3690|3730|40\n"
        "3730|3790|60\n"
        "3790|3850|60\n"
        "3850|3900|50\n");
}

TEST_CASE("after a step of one hour back gaps have their true span, and come at once", "[record]") {
  const test::Scratch scratch;
  const capture::TableFailed failed{3, capture::RecordKind::sock_diag, "refused"};
  const auto progress = record_into(scratch / "a.db",
                                    Session{},
                                    {utc_offset(0, 7200),
                                     tick(10'000),
                                     made(failed, 10'000, 10'500),
                                     tick_end(10'600),
                                     utc_offset(10'700, 3600, -3600),
                                     tick(10'800),
                                     made(failed, 10'900, 11'100),
                                     tick_end(11'200),
                                     tick(11'900),
                                     tick_end(12'200)});
  CHECK(progress.gaps == 3);
  CHECK(test::rows(scratch / "a.db", kGaps) ==
        "sock_diag|unreadable|7210000|7210500|NULL|refused\n"
        "clock|clock stepped backwards|3610700|7210700|NULL|by -1h 00m\n"
        "sock_diag|unreadable|3610900|3611100|NULL|refused\n");
}

TEST_CASE("after a step of one hour back a listener that was closed proves nothing", "[record]") {
  CHECK(recorded({utc_offset(0, 7200),
                  tick(1'000),
                  table(1'000, true, false),
                  tick_end(1'001),
                  tick(1'100),
                  table(1'100, false, false),
                  tick_end(1'101),
                  utc_offset(1'150, 3600, -3600),
                  tick(1'200),
                  table(1'200, false, false),
                  tick_end(1'201),
                  tick(1'300),
                  table(1'300, false, true),
                  tick_end(1'301)},
                 "SELECT direction FROM connections WHERE remote_port = 46218") == "outbound\n");
}

TEST_CASE("after a step of one hour back the audit of a resumed session counts", "[record]") {
  const test::Scratch scratch;
  Session session;
  session.boot_id = "b";
  session.interval_ns = kInterval;
  session.started_ns = (7200 + 100) * kNsPerSecond;
  record_into(
      scratch / "a.db",
      session,
      {utc_offset(100'000, 7200), tick(100'000), dump(100'000, {"01000000"}), tick_end(100'010)});
  session.started_ns = (7200 + 110) * kNsPerSecond;
  record_into(scratch / "a.db",
              session,
              {utc_offset(110'000, 7200),
               made(capture::TraceEvents{}, 110'000),
               tick(110'000),
               dump(110'000, {"01000000"}),
               tick_end(110'010),
               utc_offset(110'050, 3600, -3600),
               tick(110'100),
               dump(110'100, {"01000000", "02000000"}),
               tick_end(110'110)});
  CHECK(test::rows(scratch / "a.db",
                   "SELECT source, reason, from_ns / 1000000, to_ns / 1000000, lost FROM gaps "
                   "WHERE source = 'trace'") == "trace|missed opens|3710000|3710101|1\n");
}

TEST_CASE("a dump that comes in parts is one table, and none if a part is missing", "[record]") {
  const auto part = [](bool last, std::int64_t number, std::vector<std::byte> messages) {
    constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
    return made(capture::SockDiagDump{kTcp, {}, number, last, std::move(messages)}, 100, 101);
  };
  const auto found = [&](const std::vector<RawRecord>& parts) {
    std::vector<RawRecord> records{tick(100)};
    records.insert(records.end(), parts.begin(), parts.end());
    records.push_back(tick_end(102));
    return recorded(records,
                    "SELECT (SELECT count(*) FROM connections) || ' connections, ' || (SELECT "
                    "count(*) FROM gaps) || ' gaps ' || coalesce((SELECT detail FROM gaps), '')");
  };
  const auto first = part(false, 0, socket("01000000"));
  const auto second = part(false, 1, socket("02000000"));
  const auto end = part(true, 2, done());
  CHECK(found({first, second, end}) == "2 connections, 0 gaps \n");
  // An interrupted dump is begun again.
  CHECK(found({first, second, first, part(true, 1, done())}) == "1 connections, 0 gaps \n");
  CHECK(found({first, end}) == "0 connections, 1 gaps part of a sock_diag dump is missing\n");
  const auto broken = part(false, 1, test::from_hex("58000000"));
  CHECK(found({first, broken, end}) ==
        "0 connections, 1 gaps netlink message in the last 4 bytes: "
        "truncated [netlog:1]\n");
}

TEST_CASE("a stretched interval is on record while it lasts", "[record]") {
  const auto stretched = [](std::int64_t at_ms, std::int64_t ms) {
    return made(capture::IntervalChange{ms * kNsPerMs}, at_ms);
  };
  CHECK(recorded({tick(100),
                  tick_end(101),
                  stretched(180, 2000),
                  tick(2100, 20),
                  tick_end(2101),
                  tick(4100, 40),
                  tick_end(4101),
                  stretched(4110, 100),
                  tick(4200, 41),
                  tick_end(4201)},
                 kGaps) == "tick|interval stretched|100|4100|NULL|to 2s\n");
}

TEST_CASE("a namespace that came and went has a coverage of its own, from its first moment",
          "[record]") {
  const auto in = [](RawRecord record) {
    record.netns = 77;
    return record;
  };
  const capture::Snmp counters{bytes_of(
      "Tcp: ActiveOpens PassiveOpens AttemptFails\nTcp: 3 2 1\nUdp: InDatagrams\nUdp: 0\n")};
  CHECK(recorded({tick(200),
                  in(made(capture::NamespaceFound{}, 100, 200)),
                  tick_end(210),
                  tick(300, 1),
                  in(made(counters, 300, 301)),
                  in(made(capture::NamespaceGone{}, 290, 302)),
                  tick_end(310)},
                 "SELECT netns, from_ns / 1000000, to_ns / 1000000, kernel_opens, recorded_opens, "
                 "kernel_failures, recorded_failures FROM coverage") == "77|100|301|5|0|1|0\n");
}

}  // namespace netlog_tests::record_recorder_test

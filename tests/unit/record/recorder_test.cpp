// SPDX-License-Identifier: MIT
// Raw records in, rows out.
#include "record/recorder.hpp"

#include "support/catch.hpp"
#include "support/hex.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"
#include "util/time.hpp"

#include <cstddef>
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

/// Runs the records through a recorder and gives what a query finds.
std::string recorded(const std::vector<RawRecord>& records, const std::string& sql) {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  store::Writer writer{path, Session{}};
  Recorder recorder{writer, kInterval};
  for (const auto& record : records) {
    recorder.consume(record);
  }
  recorder.finish();
  writer.finish(recorder.now_ns());
  return test::rows(path, sql);
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
                  made(capture::NoticesLost{}, 2500, 2510),
                  made(capture::ClockSet{40 * kNsPerMs}, 240),
                  made(capture::Stalled{60 * kNsPerMs}, 240, 300),
                  tick_end(300),
                  tick(500, 4, 2),
                  tick_end(501),
                  tick(9000, 5),
                  tick_end(9001)},
                 kGaps) ==
        "sock_diag|unreadable|210|220|NULL|sock_diag dump: it failed\n"
        "notices|receive buffer overrun|190|230|17|NULL\n"
        "clock|clock stepped forwards|200|240|NULL|by 40ms\n"
        "writer|queue full|240|300|NULL|NULL\n"
        "tick|skipped ticks|240|500|2|NULL\n"
        "notices|receive buffer overrun|2500|2510|NULL|NULL\n"
        "tick|suspended|500|9000|NULL|NULL\n");
}

TEST_CASE("a clock step stands between the events of the two clocks", "[record]") {
  const auto table = [](std::int64_t at_ms, bool connected) {
    std::string text =
        "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  "
        "timeout "
        "inode\n   0: 0100007F:07E8 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0 "
        "       0 554 1 0 100 0 0 10 0\n";
    if (connected) {
      text +=
          "   1: 0100007F:B48A 0100007F:07E8 01 00000000:00000000 00:00000000 00000000     0       "
          " "
          "0 555 1 0 100 0 0 10 0\n";
    }
    return made(capture::ProcfsTable{Protocol::tcp, Family::ipv4, bytes_of(text)}, at_ms);
  };
  const auto by_s = GENERATE(-3600, 3600);
  const auto later = by_s * std::int64_t{1000};
  const std::vector<RawRecord> records{tick(100),
                                       table(100, false),
                                       tick_end(101),
                                       tick(200, 1),
                                       table(200, true),
                                       made(capture::ClockSet{by_s * kNsPerSecond}, 201 + later),
                                       tick_end(202 + later),
                                       tick(300 + later, 2),
                                       table(300 + later, false),
                                       tick_end(301 + later)};
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

TEST_CASE("a dump that comes in parts is one table, and none if a part is missing", "[record]") {
  // Netlink messages: SOCK_DIAG_BY_FAMILY with 192.0.2.1:43210 > 198.51.100.7:443 and a cookie, and
  // NLMSG_DONE.
  const auto socket = [](const std::string& cookie) {
    return test::from_hex(
        "58000000 1400 0200 01000000 00000000"
        "02010000 a8ca01bb c0000201 00000000 00000000 00000000 c6336407 00000000 00000000 00000000"
        "00000000" +
        cookie + "00000000 00000000 00000000 00000000 e8030000 d12f0100");
  };
  const auto done = test::from_hex("14000000 0300 0200 01000000 00000000 00000000");
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
  const auto end = part(true, 2, done);
  CHECK(found({first, second, end}) == "2 connections, 0 gaps \n");
  // An interrupted dump is begun again.
  CHECK(found({first, second, first, part(true, 1, done)}) == "1 connections, 0 gaps \n");
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

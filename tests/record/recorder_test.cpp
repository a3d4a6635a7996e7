// SPDX-License-Identifier: MIT
// Raw records in, rows out.
#include "record/recorder.hpp"

#include "base/byte_reader.hpp"
#include "base/time.hpp"
#include "catch.hpp"
#include "rows.hpp"
#include "scratch.hpp"

#include <string>
#include <vector>

using namespace netlog;
using namespace netlog::record;
using platform::RawRecord;
using platform::RecordKind;

namespace {

constexpr std::int64_t kInterval = 100 * kNsPerMs;

RawRecord made(RecordKind kind, std::int64_t from_ms, std::int64_t to_ms, std::int64_t a = 0) {
  RawRecord record;
  record.kind = kind;
  record.asked = Span{from_ms * kNsPerMs, to_ms * kNsPerMs};
  record.a = a;
  return record;
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
  auto failed = made(RecordKind::table_failed, 210, 220, 3);
  failed.b = static_cast<std::int64_t>(RecordKind::sock_diag);
  failed.payload = bytes_of("sock_diag dump: it failed");
  auto late = made(RecordKind::tick, 500, 500, 4);
  late.b = 2;
  CHECK(recorded({made(RecordKind::tick, 100, 100),
                  made(RecordKind::tick_end, 101, 101),
                  made(RecordKind::tick, 200, 200, 1),
                  failed,
                  made(RecordKind::notices_lost, 190, 230, 17),
                  made(RecordKind::notices_lost, 2500, 2510, -1),
                  made(RecordKind::clock_step, 240, 240, 40 * kNsPerMs),
                  made(RecordKind::stalled, 240, 300, 60 * kNsPerMs),
                  made(RecordKind::tick_end, 300, 300),
                  late,
                  made(RecordKind::tick_end, 501, 501),
                  made(RecordKind::tick, 9000, 9000, 5),
                  made(RecordKind::tick_end, 9001, 9001)},
                 kGaps) ==
        "sock_diag|unreadable|210|220|NULL|sock_diag dump: it failed\n"
        "notices|receive buffer overrun|190|230|17|NULL\n"
        "clock|clock stepped forwards|200|240|NULL|by 40ms\n"
        "writer|queue full|240|300|NULL|NULL\n"
        "tick|skipped ticks|240|500|2|NULL\n"
        "notices|receive buffer overrun|2500|2510|NULL|NULL\n"
        "tick|suspended|500|9000|NULL|NULL\n");
}

TEST_CASE("a stretched interval is on record while it lasts", "[record]") {
  const auto stretched = [](std::int64_t at_ms, std::int64_t ms) {
    return made(RecordKind::interval, at_ms, at_ms, ms * kNsPerMs);
  };
  CHECK(recorded({made(RecordKind::tick, 100, 100),
                  made(RecordKind::tick_end, 101, 101),
                  stretched(180, 2000),
                  made(RecordKind::tick, 2100, 2100, 20),
                  made(RecordKind::tick_end, 2101, 2101),
                  made(RecordKind::tick, 4100, 4100, 40),
                  made(RecordKind::tick_end, 4101, 4101),
                  stretched(4110, 100),
                  made(RecordKind::tick, 4200, 4200, 41),
                  made(RecordKind::tick_end, 4201, 4201)},
                 kGaps) == "tick|interval stretched|100|4100|NULL|to 2s\n");
}

TEST_CASE("a namespace that came and went has a coverage of its own, from its first moment",
          "[record]") {
  const auto in = [](RawRecord record) {
    record.netns = 77;
    return record;
  };
  auto counters = in(made(RecordKind::snmp, 300, 301));
  counters.payload = bytes_of(
      "Tcp: ActiveOpens PassiveOpens AttemptFails\nTcp: 3 2 1\nUdp: InDatagrams\nUdp: 0\n");
  CHECK(recorded({made(RecordKind::tick, 200, 200),
                  in(made(RecordKind::namespace_found, 100, 200)),
                  made(RecordKind::tick_end, 210, 210),
                  made(RecordKind::tick, 300, 300, 1),
                  counters,
                  in(made(RecordKind::namespace_gone, 290, 302)),
                  made(RecordKind::tick_end, 310, 310)},
                 "SELECT netns, from_ns / 1000000, to_ns / 1000000, kernel_opens, recorded_opens, "
                 "kernel_failures, recorded_failures FROM coverage") == "77|100|301|5|0|1|0\n");
}

// SPDX-License-Identifier: MIT
#include "record/tick_monitor.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <string>

namespace netlog_tests::record_tick_monitor_test {

using namespace netlog;
using namespace netlog::record;

namespace {

/// `reason from-to lost detail` of each gap, times in ms.
std::string text(const std::vector<Gap>& gaps) {
  std::string all;
  for (const auto& gap : gaps) {
    all += gap.reason + " " + std::to_string(gap.from_ns / kNsPerMs) + "-" +
           std::to_string(gap.to_ns / kNsPerMs) +
           (gap.lost ? " " + std::to_string(*gap.lost) : "") +
           (gap.detail ? " " + *gap.detail : "") + "\n";
  }
  return all;
}

capture::TickBegin tick(std::int64_t skipped = 0, std::int64_t late_ms = 0) {
  return {0, skipped, late_ms * kNsPerMs};
}

}  // namespace

TEST_CASE("TickMonitor: skipped ticks and a suspended system are gaps", "[record]") {
  TickMonitor ticks{100 * kNsPerMs};
  CHECK(text(ticks.begin(1'000 * kNsPerMs, tick(3))).empty());  // nothing before the first
  CHECK(text(ticks.begin(1'100 * kNsPerMs, tick())).empty());
  CHECK(text(ticks.begin(1'400 * kNsPerMs, tick(2))) == "skipped ticks 1100-1400 2\n");
  CHECK(text(ticks.begin(2'490 * kNsPerMs, tick(0, 990))) == "skipped ticks 1400-2490 9\n");
  CHECK(text(ticks.begin(9'000 * kNsPerMs, tick(1))) == "suspended 2490-9000\n");
  const auto counts = ticks.counts(5);
  CHECK(counts.at_ns == 5);
  CHECK(counts.ticks == 5);
  CHECK(counts.late_ticks == 1);
  CHECK(counts.skipped_ticks == 6);
}

TEST_CASE("TickMonitor: a gap lies over the time in which nothing was read", "[record]") {
  struct Given {
    const char* what;
    capture::TickBegin late;  ///< begins 5,050 ms after the tick before
    capture::TickBegin next;  ///< begins 60 ms later
    std::string gaps;
  };
  const auto given = GENERATE(values<Given>({
      // The schedule counts the ticks before the next one, though they were due before this one.
      {"stopped for 5 s between two ticks",
       tick(0, 4'950),
       tick(49),
       "skipped ticks 1000-6050 49\n"},
      {"a tick itself took 5 s", tick(49), tick(), "skipped ticks 1000-6050 49\n"},
      {"starved twice in a row",
       tick(0, 4'950),
       tick(52),
       "skipped ticks 1000-6050 49\nskipped ticks 6050-6110 3\n"},
      {"late by less than a tick", tick(49, 90), tick(), "skipped ticks 1000-6050 49\n"},
  }));
  CAPTURE(given.what);
  TickMonitor ticks{100 * kNsPerMs};
  ticks.begin(1'000 * kNsPerMs, tick());
  auto found = text(ticks.begin(6'050 * kNsPerMs, given.late));
  found += text(ticks.begin(6'110 * kNsPerMs, given.next));
  CHECK(found == given.gaps);
}

TEST_CASE("TickMonitor: a stretched interval is a gap while it lasts", "[record]") {
  TickMonitor ticks{100 * kNsPerMs};
  ticks.begin(100 * kNsPerMs, tick());
  ticks.set_interval(2'000 * kNsPerMs);
  CHECK(text(ticks.begin(2'100 * kNsPerMs, tick())) == "interval stretched 100-2100 to 2s\n");
  ticks.set_interval(0);
  CHECK(text(ticks.begin(2'200 * kNsPerMs, tick())).empty());
}

TEST_CASE("TickMonitor: heartbeats come each second, and refreshes", "[record]") {
  TickMonitor ticks{100 * kNsPerMs};
  std::string heartbeats;
  std::string refreshes;
  for (std::int64_t ms = 0; ms <= 20'500; ms += 500) {
    heartbeats += ticks.heartbeat(ms * kNsPerMs) ? 'x' : '.';
    refreshes += ticks.refresh_due(ms * kNsPerMs) ? 'x' : '.';
  }
  CHECK(heartbeats == "x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.x.");
  CHECK(refreshes == heartbeats);
}

}  // namespace netlog_tests::record_tick_monitor_test

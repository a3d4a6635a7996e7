// SPDX-License-Identifier: MIT
#include "record/tick_schedule.hpp"

#include "support/catch.hpp"

#include <random>

namespace netlog_tests::record_tick_schedule_test {

using namespace netlog::record;
using namespace std::chrono_literals;

TEST_CASE("ticks sit on absolute deadlines and count what was missed", "[record]") {
  const TickSchedule::Clock::time_point origin{1s};
  TickSchedule schedule{origin, 100ms};
  struct Expected {
    std::chrono::milliseconds asked;
    std::uint64_t index;
    std::chrono::milliseconds due;
    std::uint64_t skipped;
  };
  for (const auto& [asked, index, due, skipped] :
       {Expected{0ms, 0, 0ms, 0},
        Expected{1ms, 1, 100ms, 0},
        Expected{100ms, 2, 200ms, 0},  // the tick of 100 ms has been given out
        Expected{431ms, 5, 500ms, 2},  // 3 and 4 are gone
        Expected{501ms, 6, 600ms, 0},
        Expected{600ms, 7, 700ms, 0}}) {
    CAPTURE(asked.count());
    const auto tick = schedule.next(origin + asked);
    CHECK(tick.index == index);
    CHECK(tick.due == origin + due);
    CHECK(tick.skipped == skipped);
  }
}

TEST_CASE("every tick is given out or counted as skipped, once", "[record]") {
  std::mt19937 random{7};
  const TickSchedule::Clock::time_point origin{};
  TickSchedule schedule{origin, 10ms};
  auto now = origin;
  std::uint64_t expected = 0;
  for (int i = 0; i < 10'000; ++i) {
    const auto tick = schedule.next(now);
    REQUIRE(tick.index == expected + tick.skipped);
    REQUIRE((tick.due >= now || tick.index == 0));
    expected = tick.index + 1;
    now = std::max(now, tick.due) + std::chrono::microseconds{random() % 35'000};
  }
}

TEST_CASE("ticks that are left out on purpose are not skipped", "[record]") {
  const TickSchedule::Clock::time_point origin{};
  TickSchedule schedule{origin, 100ms};
  static_cast<void>(schedule.next(origin));
  auto tick = schedule.next(origin + 1ms, 4);
  CHECK(tick.due == origin + 400ms);
  CHECK(tick.skipped == 0);
  tick = schedule.next(origin + 1030ms, 4);  // that of 800 ms was missed, and what followed it
  CHECK(tick.due == origin + 1100ms);
  CHECK(tick.skipped == 3);
  tick = schedule.next(origin + 1100ms, 1);
  CHECK(tick.due == origin + 1200ms);
  CHECK(tick.skipped == 0);
}

TEST_CASE("ticks that take too much become rarer, and come back", "[record]") {
  Pacer pacer{100ms, 0.25};
  const auto after = [&](std::chrono::milliseconds time) {
    pacer.took(time);
    return pacer.every();
  };
  CHECK(after(25ms) == 1);
  CHECK(after(90ms) == 1);  // one tick may have waited for something
  CHECK(after(90ms) == 4);
  CHECK(after(60ms) == 4);
  CHECK(after(60ms) == 3);
  CHECK(after(10ms) == 3);
  CHECK(after(10ms) == 1);
  CHECK(after(10s) == 1);
  CHECK(after(10s) == Pacer::kMax);
}

}  // namespace netlog_tests::record_tick_schedule_test

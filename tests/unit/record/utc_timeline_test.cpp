// SPDX-License-Identifier: MIT
#include "record/utc_timeline.hpp"

#include "support/catch.hpp"

#include <random>

namespace netlog_tests::record_utc_timeline_test {

using namespace netlog::record;

TEST_CASE("UtcTimeline: a time keeps its UTC whatever the clock does later", "[record]") {
  UtcTimeline timeline;
  timeline.drift(1'000, 70'000);
  CHECK(timeline.to_utc(900) == 70'900);  // before the first offset: by the first
  CHECK(timeline.to_utc(1'500) == 71'500);
  timeline.set(2'000, 30'000);  // backwards
  CHECK(timeline.to_utc(1'500) == 71'500);
  CHECK(timeline.to_utc(1'999) == 71'999);
  CHECK(timeline.to_utc(2'000) == 32'000);
  timeline.set(3'000, 90'000);  // forwards
  CHECK(timeline.to_utc(1'500) == 71'500);
  CHECK(timeline.to_utc(2'500) == 32'500);
  CHECK(timeline.to_utc(3'500) == 93'500);
}

TEST_CASE("UtcTimeline: one epoch converts any time", "[record]") {
  UtcTimeline timeline;
  timeline.drift(1'000, 70'000);
  timeline.set(2'000, 30'000);
  CHECK(timeline.epoch() == 1);
  CHECK(timeline.epoch_at(1'999) == 0);
  CHECK(timeline.epoch_at(2'000) == 1);
  CHECK(timeline.to_utc(1'500, 1) == 31'500);
  CHECK(timeline.to_utc(2'500, 0) == 72'500);
}

TEST_CASE("UtcTimeline: without an offset UTC is the boot clock", "[record]") {
  UtcTimeline timeline;
  CHECK(timeline.to_utc(5'000) == 5'000);
  CHECK(timeline.to_boot(5'000, 6'000) == 5'000);
  timeline.set(6'000, 100);
  CHECK(timeline.to_utc(5'000) == 5'000);
  CHECK(timeline.to_utc(6'000) == 6'100);
}

TEST_CASE("UtcTimeline: a drift moves no earlier time, and UTC never runs backwards", "[record]") {
  UtcTimeline timeline;
  timeline.drift(0, 1'000);
  timeline.drift(100, 950);
  CHECK(timeline.to_utc(99) == 1'099);
  CHECK(timeline.to_utc(100) == 1'100);  // it stands still
  CHECK(timeline.to_utc(150) == 1'100);
  CHECK(timeline.to_utc(151) == 1'101);
  std::mt19937 random{3};
  std::int64_t offset = 950;
  auto before = timeline.to_utc(1'000);
  for (std::int64_t boot = 1'000; boot < 20'000; boot += 7) {
    if (random() % 10 == 0) {
      offset += static_cast<std::int64_t>(random() % 41) - 20;
      timeline.drift(boot, offset);
    }
    const auto now = timeline.to_utc(boot);
    REQUIRE(now >= before);
    before = now;
  }
}

TEST_CASE("UtcTimeline: UTC leads back to the boot clock", "[record]") {
  UtcTimeline timeline;
  timeline.drift(1'000, 70'000);
  timeline.set(2'000, 69'500);
  timeline.set(3'000, 70'000);
  CHECK(timeline.to_boot(70'900, 4'000) == 900);
  CHECK(timeline.to_boot(71'400, 4'000) == 1'400);
  CHECK(timeline.to_boot(71'600, 4'000) == 2'100);  // shown twice: the later one
  CHECK(timeline.to_boot(72'700, 4'000) == 3'000);  // jumped over
  CHECK(timeline.to_boot(73'400, 4'000) == 3'400);
  CHECK(timeline.to_boot(71'900, 2'050) == 1'900);  // 2'400 has not come yet
  CHECK(timeline.to_boot(99'000, 4'000) == 4'000);  // nor has this
}

TEST_CASE("UtcTimeline: the number of offsets is bounded", "[record]") {
  UtcTimeline timeline;
  const auto count = static_cast<std::int64_t>(UtcTimeline::kMaxBreakpoints) + 5;
  for (std::int64_t i = 0; i < count; ++i) {
    timeline.drift(i * 10, 1'000 * i);
  }
  CHECK(timeline.to_utc(count * 10) == count * 10 + 1'000 * (count - 1));
  CHECK(timeline.to_utc(50) == 50 + 5'000);
  CHECK(timeline.to_utc(0) == 5'000);  // by the oldest that is left
}

}  // namespace netlog_tests::record_utc_timeline_test

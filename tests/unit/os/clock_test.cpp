// SPDX-License-Identifier: MIT
#include "os/clock.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <random>

namespace netlog_tests::os_clock_test {

using namespace netlog;
using namespace netlog::os;

TEST_CASE("what is more than a slew is a step, and followed at once", "[os]") {
  constexpr auto kTick = 100 * kNsPerMs;
  const auto follow = [](std::int64_t moved_ns, std::int64_t since_ns) {
    const auto change = os::follow_offset(moved_ns, since_ns);
    return std::pair{change.by_ns, change.is_step};
  };
  CHECK(follow(0, kTick) == std::pair{std::int64_t{0}, false});
  CHECK(follow(50'000, kTick) == std::pair{std::int64_t{50'000}, false});  // 500 ppm
  CHECK(follow(-50'000, kTick) == std::pair{std::int64_t{-50'000}, false});
  CHECK(follow(-15 * kNsPerMs, kTick) == std::pair{-kTick / 1000, false});
  CHECK(follow(25 * kNsPerMs, kTick) == std::pair{25 * kNsPerMs, true});
  CHECK(follow(-3600 * kNsPerSecond, kTick) == std::pair{-3600 * kNsPerSecond, true});
  // After an hour asleep a clock may be 1.8 s off without having been set.
  CHECK(follow(1800 * kNsPerMs, 3600 * kNsPerSecond) == std::pair{1800 * kNsPerMs, false});
  CHECK(follow(-kNsPerMs, 0) == std::pair{std::int64_t{0}, false});
}

TEST_CASE("timers are as fine as an interval needs, and no finer", "[os]") {
  constexpr std::int64_t kMs = 1'000'000;
  for (const auto& [interval_ms, resolution_us] :
       std::vector<std::pair<std::int64_t, std::int64_t>>{
           {1, 500}, {10, 500}, {20, 1'000}, {100, 5'000}, {312, 15'600}, {313, 0}, {1'000, 0}}) {
    CAPTURE(interval_ms);
    CHECK(os::timer_resolution_for(interval_ms * kMs) == resolution_us * 1'000);
  }
}

TEST_CASE("whatever UTC does, time goes on by its steps and within a thousandth", "[os]") {
  for (unsigned seed = 0; seed < 100; ++seed) {
    CAPTURE(seed);
    std::mt19937_64 random{seed};
    const auto within = [&](std::int64_t most) {
      return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(2 * most + 1)) - most;
    };
    std::int64_t utc_offset_ns = 0;
    std::int64_t offset_ns = 0;
    for (int tick = 0; tick < 300; ++tick) {
      const auto since_ns = kNsPerMs + within(kNsPerMs - 1) * 200 + 200 * kNsPerMs;
      utc_offset_ns += random() % 10 == 0 ? within(100 * kNsPerMs) : within(since_ns / 2000);
      const auto change = os::follow_offset(utc_offset_ns - offset_ns, since_ns);
      offset_ns += change.by_ns;
      if (change.is_step) {
        REQUIRE(offset_ns == utc_offset_ns);
      } else {
        REQUIRE(std::abs(change.by_ns) <= since_ns / 1000);
        REQUIRE(since_ns + change.by_ns > 0);
      }
      REQUIRE(std::abs(utc_offset_ns - offset_ns) < 21 * kNsPerMs);
    }
  }
}

}  // namespace netlog_tests::os_clock_test

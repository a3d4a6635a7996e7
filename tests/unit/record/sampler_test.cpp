// SPDX-License-Identifier: MIT
#include "record/sampler.hpp"

#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "util/time.hpp"

#include <chrono>
#include <exception>
#include <span>
#include <string>
#include <vector>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>

namespace netlog_tests::record_sampler_test {

using namespace netlog;
using record::SamplePlanner;

namespace {

constexpr std::int64_t kInterval = 100 * kNsPerMs;

/// What a plan reads.
std::string text(const source::SamplePlan& plan) {
  std::string all;
  all += plan.tcp ? " tcp" : "";
  all += plan.time_wait ? " time_wait" : "";
  all += plan.info ? " info" : "";
  all += plan.counters ? " counters" : "";
  all += plan.changes ? " changes" : "";
  return all;
}

/// A source that never has anything to drain.
class QuietSource final : public source::LiveSource {
 public:
  [[nodiscard]] std::string name() const override { return "quiet"; }
  [[nodiscard]] std::string fallback_reason() const override { return {}; }
  [[nodiscard]] bool tracing() const override { return false; }
  [[nodiscard]] bool drains() const override { return false; }
  void sample(const source::SamplePlan& /*plan*/, capture::RecordSink& /*sink*/) override {}
  bool drain(capture::RecordSink& /*sink*/) override { return true; }
  void find_owners(std::span<const source::OwnerQuery> /*questions*/,
                   std::chrono::nanoseconds /*budget*/,
                   capture::RecordSink& /*sink*/) override {}
  void forget(std::span<const std::uint64_t> /*keys*/) override {}
};

}  // namespace

TEST_CASE("Sampler: a source that never drains wakes nobody", "[record]") {
  const test::Scratch scratch;
  store::Writer writer{scratch / "a.db", Session{}};
  record::Recorder recorder{writer, kInterval};
  QuietSource source;
  boost::asio::io_context io;
  record::Sampler sampler{
      io,
      record::TickSchedule{record::TickSchedule::Clock::now(), std::chrono::nanoseconds{kInterval}},
      kInterval,
      1.0,
      source,
      recorder,
      nullptr,
      [](const std::string&) {}};
  bool ended = false;
  boost::asio::co_spawn(io, sampler.drain(), [&](const std::exception_ptr&) { ended = true; });
  io.poll();
  CHECK(io.run_one_for(std::chrono::milliseconds{50}) == 0);
  CHECK_FALSE(ended);  // or the recorder would end with it
  sampler.stop();
  io.run();
  CHECK(ended);
  writer.finish(0);
}

TEST_CASE("SamplePlanner: once a second all tables, in between the cheap ones", "[record]") {
  SamplePlanner planner{kInterval};
  const auto plan = [&](std::int64_t ms, std::size_t time_wait_rows) {
    return text(planner.plan(ms * kNsPerMs, {time_wait_rows, false}, false));
  };
  CHECK(plan(5'000, 0) == " tcp time_wait info counters changes");
  CHECK(plan(5'100, 0) == " tcp time_wait");
  CHECK(plan(5'200, 5'000) == " tcp time_wait");  // 5,000 rows take a hundredth of the interval
  CHECK(plan(5'300, 5'001) == " tcp");
  CHECK(plan(5'900, 0) == " tcp time_wait");
  CHECK(plan(5'990, 5'001) == " tcp time_wait info counters changes");
  CHECK(plan(6'090, 0) == " tcp time_wait");
}

TEST_CASE("SamplePlanner: traced TCP tables are read once a second", "[record]") {
  SamplePlanner planner{kInterval};
  const auto plan = [&](std::int64_t ms) {
    return text(planner.plan(ms * kNsPerMs, {5'000, false}, true));
  };
  CHECK(plan(5'000) == " tcp time_wait info counters changes");
  CHECK(plan(5'100) == "");
  CHECK(plan(5'990) == " tcp time_wait info counters changes");
}

TEST_CASE("SamplePlanner: many traced rows in TIME_WAIT are read as seldom as they cost",
          "[record]") {
  // When TIME_WAIT is read in two minutes; all other tables are read in every second.
  const auto seconds = [&](const record::KnownTimeWait& known) {
    SamplePlanner planner{kInterval};
    std::vector<int> read;
    for (int second = 1'000; second < 1'120; ++second) {
      const auto plan = planner.plan(second * kNsPerSecond, known, true);
      CHECK(plan.tcp);
      CHECK(plan.info);
      if (plan.time_wait) {
        read.push_back(second - 1'000);
      }
    }
    return read;
  };
  SECTION("60,000 rows take 12 ms: every 12 s") {
    CHECK(seconds({60'000, false}) == std::vector{0, 12, 24, 36, 48, 60, 72, 84, 96, 108});
  }
  SECTION("half a minute is the longest") {
    CHECK(seconds({1'000'000, false}) == std::vector{0, 30, 60, 90});
  }
  SECTION("where only they show what has become of a connection: sooner") {
    CHECK(seconds({60'000, true}).size() == 60);
    CHECK(seconds({240'000, true}).size() == 24);
  }
}

TEST_CASE("SamplePlanner: all tables are read at once when the trace has ended", "[record]") {
  SamplePlanner planner{kInterval};
  const auto plan = [&](std::int64_t ms, bool tracing) {
    return text(planner.plan(ms * kNsPerMs, {240'000, false}, tracing));
  };
  CHECK(plan(100'000, true) == " tcp time_wait info counters changes");
  CHECK(plan(101'000, true) == " tcp info counters changes");
  CHECK(plan(101'100, false) == " tcp time_wait info counters changes");
  CHECK(plan(101'200, false) == " tcp");
  CHECK(plan(102'100, false) == " tcp time_wait info counters changes");
}

}  // namespace netlog_tests::record_sampler_test

// SPDX-License-Identifier: MIT
#include "record/sampler.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <string>

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

}  // namespace

TEST_CASE("SamplePlanner: once a second all tables, in between the cheap ones", "[record]") {
  SamplePlanner planner{kInterval};
  const auto plan = [&](std::int64_t ms, std::size_t time_wait_rows) {
    return text(planner.plan(ms * kNsPerMs, time_wait_rows, false));
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
  CHECK(text(planner.plan(5'000 * kNsPerMs, 0, true)) == " tcp time_wait info counters changes");
  CHECK(text(planner.plan(5'100 * kNsPerMs, 0, true)) == " time_wait");
  CHECK(text(planner.plan(6'000 * kNsPerMs, 0, true)) == " tcp time_wait info counters changes");
}

}  // namespace netlog_tests::record_sampler_test

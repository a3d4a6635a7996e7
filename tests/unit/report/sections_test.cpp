// SPDX-License-Identifier: MIT
#include "report/definition.hpp"
#include "report/report.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "support/random_history.hpp"
#include "support/scratch.hpp"
#include "util/error.hpp"

#include <limits>
#include <string>
#include <vector>

namespace netlog_tests::report_sections_test {

using namespace netlog;
using namespace netlog::report;

namespace {

constexpr auto kAllRows = std::numeric_limits<std::int64_t>::max();

const std::filesystem::path& recorded_history() {
  static const test::Scratch scratch;
  static const auto path = [] {
    auto made = scratch / "a.db";
    test::record_history(made, test::random_history(1));
    return made;
  }();
  return path;
}

Filter filter_for(const std::string& report) {
  Filter filter;
  if (report == "process") {
    filter.pids = {11};
  }
  if (report == "diff") {
    filter.before_ns = {0, kAllRows / 4};
    filter.since_ns = kAllRows / 4;
    filter.until_ns = kAllRows / 2;
  }
  return filter;
}

}  // namespace

TEST_CASE("a table of every report that is cut says how many rows there are", "[report]") {
  store::Reader reader{recorded_history()};
  for (const auto& report : list_reports()) {
    const auto filter = filter_for(report.name);
    const auto whole = run_report(reader, report.name, filter, kAllRows);
    for (const std::int64_t limit : {std::int64_t{-1}, std::int64_t{1}, std::int64_t{3}}) {
      const auto cut = run_report(reader, report.name, filter, limit);
      REQUIRE(cut.tables.size() == whole.tables.size());
      for (std::size_t i = 0; i < cut.tables.size(); ++i) {
        CAPTURE(report.name, cut.tables[i].name, limit);
        const auto rows = whole.tables[i].rows.size();
        if (cut.tables[i].rows.size() < rows) {
          CHECK(cut.tables[i].total == static_cast<std::int64_t>(rows));
        }
        CHECK(whole.tables[i].total == 0);
      }
    }
  }
}

TEST_CASE("rows that are not shown are counted up to a thousand", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto rows = GENERATE(1'000, 1'001);
  auto lives = test::random_history(1);
  REQUIRE(!lives.empty());
  lives.resize(static_cast<std::size_t>(rows), lives.front());
  for (std::size_t i = 0; i < lives.size(); ++i) {
    lives[i].id = static_cast<std::int64_t>(i) + 1;
  }
  test::record_history(path, lives);
  store::Reader reader{path};
  const auto answer = run_report(reader, "connections", {}, -1);
  CHECK(answer.tables.at(0).total == 1'000);
  CHECK(answer.tables.at(0).has_more == (rows > 1'000));
}

TEST_CASE("each section of every report can be asked for by its name", "[report]") {
  store::Reader reader{recorded_history()};
  for (const auto& report : list_reports()) {
    const auto filter = filter_for(report.name);
    for (const auto& table : run_report(reader, report.name, filter, -1).tables) {
      const auto alone = run_report(reader, report.name, filter, -1, table.name);
      CAPTURE(report.name, table.name);
      REQUIRE(alone.tables.size() == 1);
      CHECK(alone.tables[0].name == table.name);
      CHECK(alone.tables[0].rows == table.rows);
      CHECK(alone.completeness.has_value());
    }
  }
}

TEST_CASE("the sections of a report are named once each", "[report]") {
  CHECK(section_names("failed", {}) == std::vector<std::string>{"hanging", "failures", "resets"});
  CHECK(section_names("peers", {}) == std::vector<std::string>{"peers"});
  CHECK(section_names("overview", filter_for("process")) == section_names("process", {}));
  CHECK_THROWS_AS(section_names("no such", {}), UsageError);
}

TEST_CASE("pids that no process had are known as such", "[report]") {
  store::Reader reader{recorded_history()};
  CHECK(unknown_pids(reader, {}).empty());
  CHECK(unknown_pids(reader, {11}).empty());
  CHECK(unknown_pids(reader, {11, 4'000'000}) == std::vector<std::int64_t>{4'000'000});
  CHECK(unknown_pids(reader, {0, -1}) == std::vector<std::int64_t>{0, -1});
}

TEST_CASE("names that no process had are known as such", "[report]") {
  test::GivenRecording recording;
  recording.process(10, "nginx", 0);
  recording.rows("overview", {"host"});
  store::Reader reader{recording.path()};
  const auto known = [&](std::optional<std::string> Filter::*condition, const char* value) {
    Filter filter;
    filter.*condition = value;
    return unmet_conditions(reader, filter).empty();
  };
  for (const auto* const name : {"nginx", "ng*"}) {
    CHECK(known(&Filter::process, name));
  }
  for (const auto* const name : {"ng", "x*", "' OR 1"}) {
    CHECK_FALSE(known(&Filter::process, name));
    CHECK_FALSE(known(&Filter::exe, name));
    CHECK_FALSE(known(&Filter::user, name));
  }
}

TEST_CASE("connections are picked by how they ended", "[report]") {
  store::Reader reader{recorded_history()};
  const auto count = [&](const std::vector<std::string>& outcomes) {
    Filter filter;
    filter.outcomes = outcomes;
    return run_report(reader, "connections", filter, kAllRows).tables.at(0).rows.size();
  };
  std::size_t sum = 0;
  for (const auto* const outcome :
       {"open", "closed", "refused", "timed_out", "reset", "aborted", "unknown"}) {
    sum += count({outcome});
  }
  CHECK(sum == count({}));
  CHECK(count({"open", "closed"}) == count({"open"}) + count({"closed"}));
  CHECK(count({"open"}) > 0);
}

}  // namespace netlog_tests::report_sections_test

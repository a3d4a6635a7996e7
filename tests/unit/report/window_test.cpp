// SPDX-License-Identifier: MIT
// A window shows what was there then, whatever came later.
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/recorded_ends.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"

namespace netlog_tests::report_window_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using enum TcpState;

namespace {

Filter until(double second) {
  Filter filter;
  filter.until_ns = test::Given::ns(second);
  return filter;
}

/// A pool opens twelve connections and closes them after the window.
GivenRecording& pool(GivenRecording& recording) {
  recording.process(1, "pool", 0);
  recording.add(listener(100, 8080).by(1).from(1).to(80));
  for (int id = 1; id <= 12; ++id) {
    recording.add(closed_connection(id)
                      .by(1)
                      .remote("203.0.113.1", 5432)
                      .from(10 + id)
                      .to(90)
                      .through({established, time_wait}));  // TIME_WAIT since second 50 and more
  }
  return recording;
}

}  // namespace

TEST_CASE("what is open in a window is open in every report of it", "[report]") {
  GivenRecording recording;
  pool(recording);
  const auto filter = until(40);
  CHECK(recording.rows("leaks", {"open_now", "closed", "first_peer"}, filter) ==
        "12|0|203.0.113.1:5432\n");
  CHECK(recording.rows("ports", {"peak", "open_now", "time_wait_now"}, filter) == "12|12|0\n");
  CHECK(recording.rows("ports", {"peak", "open_now", "time_wait_now"}, until(70)) == "12|0|12\n");
  CHECK(recording.rows("listeners", {"local", "gone_ns"}, filter) == "0.0.0.0:8080|-\n");
  auto one = filter;
  one.local_port = 40'001;
  CHECK(recording.rows("connections", {"state", "outcome", "duration_ns"}, one) ==
        "ESTABLISHED|open|-\n");
  one.pids = {1};
  CHECK(recording.rows("process", {"outcome", "duration_ns"}, one) == "open|-\n");
}

TEST_CASE("an outcome is that of the end of the window", "[report]") {
  GivenRecording recording;
  pool(recording);
  auto filter = until(40);
  filter.outcomes = {"open"};
  CHECK(recording.rows("peers", {"connections", "peer"}, filter) == "12|203.0.113.1:5432\n");
  filter.local_port = 40'001;
  CHECK(recording.rows("connections", {"outcome"}, filter) == "open\n");
  filter.outcomes = {"closed"};
  CHECK(recording.rows("connections", {"outcome"}, filter).empty());
  CHECK(recording.rows("peers", {"connections", "peer"}, filter).empty());
}

TEST_CASE("every report takes an outcome, with and without a window", "[report]") {
  GivenRecording recording;
  pool(recording);
  recording.rows("overview", {"host"});
  store::Reader reader{recording.path()};
  auto filter = GENERATE(Filter{}, until(40));
  filter.outcomes = {"closed"};
  filter.before_ns = {0, test::Given::ns(20)};
  filter.since_ns = test::Given::ns(5);
  for (const auto& [name, about] : report::list_reports()) {
    CAPTURE(name);
    CHECK_NOTHROW(report::run_report(reader, name, filter, -1));
  }
}

TEST_CASE("a call that waits in TIME_WAIT is over, for diff as well", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  for (int id = 1; id <= 10; ++id) {
    // In TIME_WAIT from second 20 to 72.
    recording.add(closed_connection(id).by(1).from(10).to(72).through(
        {established, time_wait, time_wait, time_wait, time_wait, time_wait}));
    recording.add(closed_connection(20 + id)
                      .by(1)
                      .from(50 + id)
                      .to(50.5 + id)
                      .through({syn_sent})
                      .ending(Outcome::refused));
  }
  auto filter = until(65);
  filter.since_ns = test::Given::ns(45);
  filter.before_ns = {test::Given::ns(5), test::Given::ns(25)};
  CHECK(recording.rows("diff",
                       {"change", "peer", "before", "after", "failed_before", "failed_after"},
                       filter) == "all fail|203.0.113.9:443|10|10|0|10\n");
}

TEST_CASE("diff names peers that are slower, also while they hang", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  for (int id = 1; id <= 5; ++id) {
    recording.add(closed_connection(id).by(1).from(10 + id).to(10.02 + id));
  }
  recording.add(closed_connection(6).by(1).from(41).to(80));
  auto filter = until(60);
  filter.since_ns = test::Given::ns(40);
  filter.before_ns = {test::Given::ns(5), test::Given::ns(25)};
  CHECK(recording.rows("diff",
                       {"change", "before", "after", "lasted_before_ns", "lasted_after_ns"},
                       filter) == "slower|5|1|20000000|19000000000\n");
}

TEST_CASE("a longer window, or one without a recorder, makes no peer slower", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  for (int id = 1; id <= 4; ++id) {
    recording.add(test::open_connection(id).by(1).from(10 + id));
    recording.add(test::open_connection(10 + id).by(1).from(40 + id));
  }
  auto filter = until(80);
  filter.since_ns = test::Given::ns(40);
  filter.before_ns = {test::Given::ns(10), test::Given::ns(20)};
  CHECK(recording.rows("diff", {"change", "peer"}, filter).empty());
}

TEST_CASE("what nobody watched has neither come nor gone", "[report]") {
  GivenRecording recording;
  pool(recording);
  const auto after = test::Given::ns(1e6);
  auto filter = until(60);
  filter.since_ns = test::Given::ns(40);
  filter.before_ns = {after, after + test::Given::ns(20)};
  if (GENERATE(false, true)) {
    std::swap(*filter.since_ns, filter.before_ns->first);
    std::swap(*filter.until_ns, filter.before_ns->second);
  }
  CHECK(recording.rows("diff", {"change", "peer"}, filter).empty());
  CHECK(recording.rows("diff", {"change", "local"}, filter).empty());
  CHECK(recording.rows("diff", {"change", "process", "connections"}, filter).empty());
}

TEST_CASE("what a connection has later is not what it had in the window", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(closed_connection(1).by(1).from(10).to(90).through({established, close_wait}));
  auto filter = until(20);
  CHECK(recording.rows("connections",
                       {"bytes_sent", "bytes_received", "rtt_us", "states"},
                       filter) == "-|-|-|ESTABLISHED\n");
  filter.pids = {1};
  CHECK(recording.rows("process", {"outcome", "bytes_sent", "states"}, filter) ==
        "open|-|ESTABLISHED\n");
}

TEST_CASE("sums of a window leave out bytes that came later, and say so", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(closed_connection(1).by(1).from(10).to(15).moving(3, 4));
  recording.add(closed_connection(2).by(1).from(10).to(90).moving(1'000, 2'000));
  const auto note = [&](const char* report, double second) {
    store::Reader reader{recording.path()};
    return report::run_report(reader, report, until(second), -1).completeness->note;
  };
  const std::string kNote = "without the bytes of connections that went on after the window";
  for (const auto* const report : {"peers", "overview"}) {
    CAPTURE(report);
    CHECK(recording.rows(report, {"connections", "bytes_sent", "bytes_received"}, until(20)) ==
          "2|3|4\n");
    CHECK(recording.rows(report, {"connections", "bytes_sent", "bytes_received"}, until(95)) ==
          "2|1003|2004\n");
    CHECK(note(report, 20) == kNote);
    CHECK(note(report, 95).empty());
  }
  CHECK(note("connections", 20) == kNote);
  CHECK(note("churn", 20).empty());
}

TEST_CASE("what nobody saw at an instant is said", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(closed_connection(1).by(1).from(10).to(90));
  recording.gap(30, 50, "recorder was killed").gap(40, 41, "skipped ticks");
  recording.gap(60, 70, "missed opens");
  static_cast<void>(recording.rows("connections", {"id"}));
  store::Reader reader{recording.path()};
  const auto over = [&](double second) {
    auto filter = until(second);
    filter.since_ns = filter.until_ns;
    return report::gap_over_instant(reader, filter);
  };
  CHECK(over(40.5) == GapReason{"recorder was killed", 20'000'000'000});
  CHECK(!over(20));
  CHECK(!over(50));
  CHECK(!over(65));
  CHECK(!report::gap_over_instant(reader, until(40)));
}

TEST_CASE("what counts for the interval after is not missing", "[report]") {
  GivenRecording recording;
  recording.coverage(0, 10, 100, 98).coverage(10, 20, 100, 102).coverage(20, 30, 100, 97);
  recording.coverage(30, 40, 100, 100).coverage(40, 50, 100, 96).coverage(50, 60, 100, 103);
  CHECK(recording.section("gaps", "coverage", {"kernel_opens", "recorded_opens"}) ==
        "100|97\n100|96\n");
}

TEST_CASE("the reasons of gaps are named, the longest first", "[report]") {
  GivenRecording recording;
  recording.gap(10, 12, "queue full").gap(10, 50, "skipped ticks").gap(60, 61, "unreadable");
  static_cast<void>(recording.rows("gaps", {"reason"}));
  store::Reader reader{recording.path()};
  CHECK(report::completeness(reader, {}).gap_reasons ==
        std::vector<GapReason>{{"skipped ticks", 40'000'000'000},
                               {"queue full", 2'000'000'000},
                               {"unreadable", 1'000'000'000}});
}

TEST_CASE("a trace goes on while the recorder is late", "[report]") {
  GivenRecording recording;
  recording.seen_with("trace+sock_diag").process(1, "app", 0);
  for (int id = 1; id <= 40; ++id) {
    recording.add(closed_connection(id).by(1).from(30.1).to(40));
  }
  recording.gap(10, 30.2, "skipped ticks").gap(10, 30.2, "queue full");
  recording.gap(50, 60, "suspended").gap(70, 71, "trace detached").gap(80, 90, "skipped ticks");
  CHECK(recording.section("churn", "times", {"opened", "per_second", "gap_ns"}) == "40|40|-\n");
  store::Reader reader{recording.path()};
  const auto reason_at = [&](double second) {
    auto filter = until(second);
    filter.since_ns = filter.until_ns;
    const auto found = report::gap_over_instant(reader, filter);
    return found ? found->reason : "";
  };
  CHECK(reason_at(20).empty());
  CHECK(reason_at(55) == "suspended");
  CHECK(reason_at(85) == "skipped ticks");
}

TEST_CASE("what was opened in a gap is no burst at its end", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  for (int id = 1; id <= 40; ++id) {
    recording.add(closed_connection(id).by(1).from(id <= 3 ? 10.5 : 30.1).to(40));
  }
  const auto peak = [&] { return recording.rows("churn", {"opened", "peak"}); };
  const auto times = [&] { return recording.rows("churn", {"opened", "per_second", "gap_ns"}); };
  SECTION("without a gap") {
    CHECK(peak() == "40|37\n");
    CHECK(times() == "3|3|-\n37|37|-\n");
  }
  SECTION("of 19 s") {
    recording.gap(11, 30, "not recording");
    CHECK(peak() == "40|3\n");
    CHECK(times() == "3|3|-\n37|1.9|19000000000\n");
  }
  SECTION("that ends in the second before") {
    recording.gap(11, 29.9, "not recording");
    CHECK(peak() == "40|3\n");
  }
  SECTION("too short, or in which single changes are missing") {
    recording.gap(29.9, 30.05, "skipped ticks").gap(11, 30, "missed opens");
    CHECK(peak() == "40|37\n");
  }
}

TEST_CASE("what hangs in windows of different lengths is no change", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(test::open_connection(1).by(1).from(5).through({syn_sent}));
  recording.add(closed_connection(2).by(1).from(10).to(11));
  recording.add(closed_connection(3).by(1).from(61).to(62));
  auto filter = until(65);
  filter.since_ns = test::Given::ns(60);
  filter.before_ns = {test::Given::ns(8), test::Given::ns(48)};
  CHECK(recording.rows("diff", {"change", "peer", "before"}, filter).empty());
}

TEST_CASE("a connect that waits, or was given up, is no connection that the other end missed",
          "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(test::open_connection(1).by(1).from(5).through({syn_sent}));
  recording.add(closed_connection(2)
                    .by(1)
                    .from(6)
                    .to(7)
                    .through({syn_sent})
                    .ending(Outcome::aborted)
                    .because(UnknownOutcome::caller_gave_up));
  recording.add(test::open_connection(3).by(1).from(8));
  recording.rows("overview", {"host"});
  store::Reader reader{recording.path()};
  std::vector<bool> never_connected;
  for (const auto& end : report::read_ends(reader).ends) {
    never_connected.push_back(end.never_connected);
  }
  CHECK(never_connected == std::vector{true, true, false});
}

TEST_CASE("a count of several is shown, also where all rows have it", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  for (int id = 1; id <= 3; ++id) {
    recording.add(test::open_connection(id).by(1).from(5).through({syn_sent}));
  }
  const auto title = [&](const std::filesystem::path& path) {
    store::Reader reader{path};
    const auto answer = report::run_report(reader, "failed", {}, -1);
    return answer.tables.front().columns.front().title;
  };
  CHECK(recording.rows("failed", {"connections", "waited_ns"}) == "3|95000000000\n");
  CHECK(title(recording.path()) == "connections");
  GivenRecording single;
  single.process(1, "app", 0);
  single.add(test::open_connection(1).by(1).from(5).through({syn_sent}));
  CHECK(single.rows("failed", {"connections", "waited_ns"}) == "1|95000000000\n");
  CHECK(title(single.path()).empty());
}

}  // namespace netlog_tests::report_window_test

// SPDX-License-Identifier: MIT
// What leaks and what hangs, and where that is shown.
#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "support/scenario.hpp"

namespace netlog_tests::report_trouble_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::Given;
using netlog::test::GivenRecording;
using netlog::test::open_connection;
using netlog::test::Scenario;
using enum TcpState;

namespace {

constexpr std::uint32_t kApp = 10;

Filter of_app() {
  Filter filter;
  filter.pids = {kApp};
  return filter;
}

/// One connection that hangs since second 80, one that waits for its handshake, one that failed,
/// and thirty that are well.
GivenRecording& troubled(GivenRecording& recording) {
  recording.process(kApp, "python3", 0).called("python3 app.py");
  recording.add(open_connection(1)
                    .by(kApp)
                    .remote("203.0.113.5", 5432)
                    .from(2)
                    .through({established, established})
                    .unanswered_for(500));
  recording.add(open_connection(2).by(kApp).remote("203.0.113.6", 80).from(3).through({syn_sent}));
  recording.add(closed_connection(3)
                    .by(kApp)
                    .remote("203.0.113.7", 80)
                    .from(4)
                    .to(5)
                    .through({syn_sent})
                    .ending(Outcome::refused));
  for (int i = 0; i < 30; ++i) {
    recording.add(closed_connection(10 + i).by(kApp).from(10 + i).to(11 + i));
  }
  return recording;
}

}  // namespace

TEST_CASE("what its process has closed is no leak of it", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  std::int64_t id = 0;
  for (int i = 0; i < 12; ++i) {
    recording.add(open_connection(++id).by(kApp).from(50 + i).through({established, fin_wait_2}));
    recording.add(open_connection(++id).by(kApp).remote("203.0.113.8", 80).from(50 + i));
  }
  recording.add(open_connection(++id).by(kApp).from(60).through({established, close_wait}));
  const std::vector<std::string> columns{"now", "state", "pid"};
  CHECK(recording.section("leaks", "stuck", columns) == "1|CLOSE_WAIT|10\n");
  CHECK(recording.section("leaks", "orphans", columns) == "12|FIN_WAIT_2|10\n");
  CHECK(recording.section("leaks", "growing", {"open_now", "first_peer"}) == "12|203.0.113.8:80\n");
}

TEST_CASE("what stays in FIN_WAIT_2 for longer than the kernel allows is held", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  recording.add(open_connection(1).by(kApp).from(10).through({established, fin_wait_2}));
  CHECK(recording.section("leaks", "stuck", {"now", "state"}) == "1|FIN_WAIT_2\n");
  CHECK(recording.section("leaks", "orphans", {"now", "state"}).empty());
}

TEST_CASE("growth is what came less what went", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  std::int64_t id = 0;
  const auto stuck = [&](double from, std::optional<double> to) {
    // In CLOSE_WAIT for the second half of its life.
    auto given = closed_connection(++id)
                     .by(kApp)
                     .from(to ? 2 * from - *to : from)
                     .through({established, close_wait});
    recording.add(to ? given.to(*to) : given);
  };
  const auto growth = [&] {
    return recording.section("leaks", "stuck", {"now", "peak", "per_hour"});
  };
  SECTION("as many end as come") {
    for (int i = 0; i < 10; ++i) {
      stuck(10 + 8 * i, 18 + 8 * i);
    }
    CHECK(growth() == "0|1|0\n");
  }
  SECTION("three of ten stay, in the 90 s since the first") {
    for (int i = 0; i < 7; ++i) {
      stuck(10 + 8 * i, 18 + 8 * i);
    }
    stuck(68.5, {}), stuck(70.5, {}), stuck(72.5, {});
    CHECK(growth() == "3|3|80\n");
  }
  SECTION("those of the first look end") {
    for (int i = 0; i < 4; ++i) {
      recording.add(
          closed_connection(++id).by(kApp).from_before().from(0).to(20 + i).through({close_wait}));
    }
    stuck(49.5, {}), stuck(49.5, {});
    CHECK(growth() == "2|4|-72\n");
  }
}

TEST_CASE("what hangs is in the overview and in the report of its process", "[report]") {
  GivenRecording recording;
  troubled(recording);
  const std::vector<std::string> columns{"process", "script", "remote", "state", "since_ns"};
  const std::string_view expected =
      "python3|app.py|203.0.113.5:5432|ESTABLISHED|2\n"
      "python3|app.py|203.0.113.6:80|SYN_SENT|3\n";
  CHECK(recording.section("overview", "hanging", columns) == expected);
  CHECK(recording.section("process", "hanging", {"pid", "remote", "state", "since_ns"}, of_app()) ==
        "10|203.0.113.5:5432|ESTABLISHED|2\n10|203.0.113.6:80|SYN_SENT|3\n");
  CHECK(recording.section("failed", "hanging", columns) == expected);
}

TEST_CASE("the report of a process begins with its trouble, then the newest", "[report]") {
  GivenRecording recording;
  troubled(recording);
  const auto shown =
      recording.section("process", "connections", {"remote", "opened_ns", "outcome"}, of_app());
  CHECK(
      shown.starts_with("203.0.113.6:80|3|open\n"
                        "203.0.113.5:5432|2|open\n"
                        "203.0.113.7:80|4|refused\n"
                        "203.0.113.9:443|39|closed\n"
                        "203.0.113.9:443|38|closed\n"));
  store::Reader reader{recording.path()};
  const auto table = run_report(reader, "process", of_app(), -1, "connections").tables.at(0);
  CHECK(table.rows.size() == 20);
  CHECK(table.total == 33);
}

TEST_CASE("a peer that stops answering on what was open has no answer for diff", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  recording.add(open_connection(1).by(kApp).from(10).through({established}).unanswered_for(0));
  recording.add(open_connection(2)
                    .by(kApp)
                    .remote("203.0.113.5", 5432)
                    .from(10)
                    .through({established, established, established, fin_wait_1})
                    .unanswered_for(1000));
  Filter filter;
  filter.before_ns = {0, Given::ns(5)};
  filter.since_ns = Given::ns(5);
  filter.until_ns = Given::ns(30);
  CHECK(recording.rows("diff", {"change", "peer", "failed_before", "failed_after"}, filter) ==
        "new|203.0.113.5:5432|0|1\nnew|203.0.113.9:443|0|0\n");
}

TEST_CASE("no row of closes is of zeros", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  const auto ended = [&](std::int64_t id, const char* peer, Outcome outcome) {
    recording.add(closed_connection(id).by(kApp).remote(peer, 80).from(10).to(11).ending(outcome));
  };
  ended(1, "203.0.113.1", Outcome::timed_out);
  ended(2, "203.0.113.2", Outcome::refused);
  ended(3, "203.0.113.2", Outcome::unreachable);
  CHECK(recording.rows("closes", {"ended", "peer", "how"}) ==
        "2|203.0.113.2:80|1 refused, 1 unreachable\n"
        "1|203.0.113.1:80|1 timed out\n");
}

TEST_CASE("an end that nobody saw has its bound", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  recording.add(accepted(1, 80).by(kApp).from(10).to(20).within(3));
  recording.add(accepted(2, 80).by(kApp).from(10).to(21).within(0.05));  // less than a tick
  CHECK(recording.rows("connections", {"id", "duration_ns", "close_doubt_ns"}) ==
        "1|10000000000|3000000000\n2|11000000000|-\n");
  CHECK(recording.section("process", "connections", {"opened_ns", "close_doubt_ns"}, of_app()) ==
        "10|-\n10|3000000000\n");
  CHECK(recording.section("who", "holders", {"until_ns", "until_doubt_ns"}) ==
        "20|3000000000\n21|-\n");
  CHECK(recording.section("who", "summary", {"until_ns", "until_doubt_ns"}) == "21|3000000000\n");
}

TEST_CASE("what was handed over is counted with the owner that the filter names", "[report]") {
  Scenario scenario;
  const ProcessId parent{10, 100};
  const ProcessId child{11, 2000};
  scenario.start_process(parent, 0, "parent");
  scenario.poll(0);
  scenario.add_socket(Scenario::row(1, Scenario::at("192.0.2.1", 80), Endpoint{}, listen), parent);
  scenario.poll(1, 10);
  scenario.start_process(child, 10, "child");
  scenario.poll(11, 19);
  scenario.set_holder(1, child);
  scenario.end_process(parent, 20);
  scenario.poll(20, 29);
  Filter filter;
  filter.process = GENERATE("parent", "child");
  CHECK(scenario.report_rows("overview", filter, {"process", "connections"}) ==
        *filter.process + "|1\n");
  CHECK(scenario.report_rows("listeners", {}, {"process", "since_ns", "taken_ns"}) ==
        "child|1|20\n");
}

TEST_CASE("what came in before the recorder uses none of the local ports", "[report]") {
  GivenRecording recording;
  recording.process(kApp, "app", 0);
  for (int i = 0; i < 30; ++i) {
    recording.add(accepted(i + 1, 8080)
                      .going(Direction::unknown)
                      .from_before()
                      .without_owner(UnknownOwner::kernel)
                      .through({time_wait})
                      .from(0)
                      .to(60));
  }
  recording.add(open_connection(100).by(kApp).from(10));
  CHECK(recording.rows("ports", {"peak", "remote"}) == "1|203.0.113.9:443\n");
}

}  // namespace netlog_tests::report_trouble_test

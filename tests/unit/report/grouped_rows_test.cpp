// SPDX-License-Identifier: MIT
// One flood must not hide the answer: what reports group, and what they keep apart.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

namespace netlog_tests::report_grouped_rows_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

constexpr std::uint32_t kServer = 10;

/// A loop of processes that live for a second, one every five seconds, each with one connection.
void run_loop(GivenRecording& recording,
              const std::string& program,
              std::uint32_t first_pid,
              const char* address,
              Outcome outcome) {
  for (std::uint32_t i = 0; i < 10; ++i) {
    const auto pid = first_pid + i;
    const double at = 10 + 5.0 * i;
    recording.process(pid, program, at, at + 1);
    recording.add(closed_connection(pid)
                      .by(pid)
                      .remote(address, 443)
                      .from(at + 0.25)
                      .to(at + 0.75)
                      .through({outcome == Outcome::closed ? established : syn_sent})
                      .ending(outcome));
  }
}

/// A loop of curls whose calls succeed, one of wgets whose calls fail, and two lasting servers of
/// one name that connect once each.
GivenRecording& loops(GivenRecording& recording) {
  run_loop(recording, "curl", 100, "203.0.113.9", Outcome::closed);
  run_loop(recording, "wget", 200, "203.0.113.10", Outcome::refused);
  for (const auto pid : {kServer, kServer + 1}) {
    recording.process(pid, "app", 0);
    recording.add(open_connection(pid).by(pid).remote("203.0.113.11", 443).from(20));
  }
  return recording;
}

Filter window(double from, double to) {
  Filter filter;
  filter.since_ns = test::Given::ns(from);
  filter.until_ns = test::Given::ns(to);
  return filter;
}

}  // namespace

TEST_CASE("short processes of one program are one row; lasting ones are a row each", "[report]") {
  GivenRecording recording;
  loops(recording);
  CHECK(recording.rows("churn", {"opened", "pid", "process", "processes"}) ==
        "10|-|curl|10\n"
        "10|-|wget|10\n"
        "1|10|app|1\n"
        "1|11|app|1\n");
  CHECK(
      recording.rows("failed", {"connections", "outcome", "pid", "process", "processes", "peer"}) ==
      "10|refused|-|wget|10|203.0.113.10:443\n");
  CHECK(recording.rows("overview", {"pid", "process", "processes", "connections", "failed"}) ==
        "-|curl|10|10|0\n"
        "-|wget|10|10|10\n"
        "10|app|1|1|0\n"
        "11|app|1|1|0\n");
  CHECK(recording.rows("overview", {"process", "processes", "peer", "outcome", "connections"}) ==
        "wget|10|203.0.113.10:443|refused|10\n");
  CHECK(recording.rows("peers", {"connections", "process", "peer"}) ==
        "10|wget|203.0.113.10:443\n"
        "10|curl|203.0.113.9:443\n"
        "2|app|203.0.113.11:443\n");
}

TEST_CASE("processes that were gone at once are one row, though their end is not known",
          "[report]") {
  GivenRecording recording;
  for (std::uint32_t pid = 1; pid <= 5; ++pid) {
    recording.gone_process(pid, "curl", 10 * pid);
    recording.add(closed_connection(pid).by(pid).from(10 * pid).to(10 * pid + 1));
  }
  recording.process(9, "curl", 5);  // it runs
  recording.add(open_connection(9).by(9).from(6));
  CHECK(recording.rows("churn", {"opened", "pid", "process", "processes"}) ==
        "5|-|curl|5\n"
        "1|9|curl|1\n");
}

TEST_CASE("sums group short processes as connections do", "[report]") {
  GivenRecording recording;
  loops(recording);
  for (const auto granularity : {report::Granularity::connections,
                                 report::Granularity::peers,
                                 report::Granularity::processes}) {
    CHECK(recording.rows("beacons", {"calls", "process", "processes"}, {}, granularity) ==
          "10|curl|10\n"
          "10|wget|10\n");
    CHECK(recording.rows("churn", {"opened", "process", "processes"}, {}, granularity) ==
          "10|curl|10\n"
          "10|wget|10\n"
          "1|app|1\n"
          "1|app|1\n");
    CHECK(recording.rows("failed", {"outcome", "process", "processes"}, {}, granularity) ==
          "refused|wget|10\n");
  }
}

TEST_CASE("a loop of short processes calls at a rhythm", "[report]") {
  GivenRecording recording;
  loops(recording);
  CHECK(recording.rows("beacons", {"score", "period_ns", "calls", "pid", "process", "remote"}) ==
        "1|5000000000|10|-|curl|203.0.113.9:443\n"
        "1|5000000000|10|-|wget|203.0.113.10:443\n");
}

TEST_CASE("a burst is no rhythm, bursts at a rhythm are", "[report]") {
  GivenRecording recording;
  recording.process(1, "once", 0).process(2, "often", 0).process(3, "steady", 0);
  std::int64_t id = 0;
  for (int i = 0; i < 20; ++i) {  // 20 in one second
    recording.add(
        closed_connection(++id).by(1).remote("203.0.113.1", 1).from(10 + 0.05 * i).to(20));
  }
  for (int burst = 0; burst < 8; ++burst) {  // 4 at once, every ten seconds
    for (int i = 0; i < 4; ++i) {
      recording.add(closed_connection(++id)
                        .by(2)
                        .remote("203.0.113.2", 2)
                        .from(10.0 * burst + 0.01 * i)
                        .to(10.0 * burst + 1));
    }
  }
  for (int i = 0; i < 20; ++i) {  // every half second
    recording.add(closed_connection(++id).by(3).remote("203.0.113.3", 3).from(30 + 0.5 * i).to(60));
  }
  for (const auto granularity : {report::Granularity::connections, report::Granularity::peers}) {
    CHECK(recording.rows("beacons", {"period_ns", "calls", "process"}, {}, granularity) ==
          "500000000|20|steady\n"
          "10000000000|8|often\n");
  }
}

TEST_CASE("failed connects come first, and a RST that is intended is no failure", "[report]") {
  GivenRecording recording;
  recording.process(1, "haproxy", 0).process(2, "app", 0);
  std::int64_t id = 0;
  for (int i = 0; i < 50; ++i) {  // a health check ends with a RST; the server sees it
    recording.add(closed_connection(++id)
                      .by(1)
                      .remote("192.0.2.1", 8080)
                      .from(10 + i)
                      .to(10.5 + i)
                      .ending(Outcome::aborted));
    recording.add(accepted(++id, 8080).by(2).from(10 + i).to(10.5 + i).ending(Outcome::reset));
  }
  for (int i = 0; i < 4; ++i) {
    recording.add(closed_connection(++id)
                      .by(1)
                      .remote("192.0.2.2", 8080)
                      .through({syn_sent})
                      .from(70 + i)
                      .to(70.5 + i)
                      .ending(Outcome::refused));
  }
  recording.add(closed_connection(++id)
                    .by(2)
                    .remote("203.0.113.5", 5432)
                    .through({syn_sent})
                    .from(80)
                    .to(83)
                    .ending(Outcome::aborted)
                    .because(UnknownOutcome::unanswered));
  recording.add(closed_connection(++id)
                    .by(2)
                    .remote("203.0.113.5", 5432)
                    .from(84)
                    .to(85)
                    .ending(Outcome::reset));
  CHECK(recording.rows("failed",
                       {"connections", "outcome", "outcome_reason", "process", "peer", "syns"}) ==
        "4|refused|-|haproxy|192.0.2.2:8080|-\n"
        "1|aborted|unanswered|app|203.0.113.5:5432|-\n"
        "1|reset|-|app|203.0.113.5:5432|-\n");
  CHECK(recording.rows("overview", {"process", "connections", "failed"}) ==
        "haproxy|54|4\n"
        "app|52|2\n");
  CHECK(recording.rows("overview", {"process", "peer", "outcome"}) ==
        "haproxy|192.0.2.2:8080|refused\n"
        "app|203.0.113.5:5432|aborted\n"
        "app|203.0.113.5:5432|reset\n");
  CHECK(recording.rows("peers", {"peer", "failed"}) ==
        "198.51.100.7 to port 8080|0\n"
        "192.0.2.1:8080|0\n"
        "192.0.2.2:8080|4\n"
        "203.0.113.5:5432|2\n");
}

TEST_CASE("what hangs waits for an answer, before the handshake or after it", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0).process(2, "app", 0);
  recording.add(open_connection(1).by(1).from(50).through({syn_sent}));
  recording.add(open_connection(2).by(1).from(10).through({syn_sent}));
  recording.add(open_connection(3).by(1).from(30));  // it is idle
  recording.add(open_connection(4).by(1).remote("203.0.113.5", 5432).from(30).unanswered_for(4000));
  recording.add(open_connection(5).by(2).from_before().from(0).through({syn_sent}));
  recording.add(
      closed_connection(6).by(2).from(30).to(40).through({syn_sent}).ending(Outcome::refused));
  CHECK(recording.rows("failed",
                       {"connections", "pid", "remote", "state", "since_ns", "waited_ns"}) ==
        "1|2|203.0.113.9:443|SYN_SENT|-|100000000000\n"
        "2|1|203.0.113.9:443|SYN_SENT|10|90000000000\n"
        "1|1|203.0.113.5:5432|ESTABLISHED|26|74000000000\n");
}

TEST_CASE("what hung at the end of a window has its state of then", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(
      open_connection(1).by(1).from(30).through({established, fin_wait_1}).unanswered_for(400));
  CHECK(recording.rows("failed", {"state", "waited_ns"}, window(0, 30.25)) ==
        "ESTABLISHED|150000000\n");
  CHECK(recording.rows("failed", {"state", "waited_ns"}, window(0, 40)) ==
        "FIN_WAIT_1|9900000000\n");
  // The recording ends at 100 s: nobody knows whether it still waits later.
  CHECK(recording.rows("failed", {"state", "waited_ns"}, window(0, 3000)) ==
        "FIN_WAIT_1|69900000000\n");
}

TEST_CASE("leftovers in TIME_WAIT from before the recorder are one line by service", "[report]") {
  GivenRecording recording;
  recording.process(kServer, "app", 0);
  std::int64_t id = 0;
  const auto leftover =
      [&](const char* local, int local_port, const char* remote, int remote_port) {
        recording.add(test::Given{++id}
                          .from_before()
                          .going(Direction::unknown)
                          .without_owner(UnknownOwner::kernel)
                          .local(local, static_cast<std::uint16_t>(local_port))
                          .remote(remote, static_cast<std::uint16_t>(remote_port))
                          .through({time_wait})
                          .from(0)
                          .to(30));
      };
  for (int i = 0; i < 30; ++i) {
    leftover("127.0.0.1", 8080, "127.0.0.1", 40'000 + i);  // its listener is gone
    leftover("127.0.0.1", 50'000 + i, "127.0.0.1", 9090);  // a peer of its own
    leftover("192.0.2.1", 25, fmt::format("198.51.100.{}", i).c_str(), 45'000);  // many peers
    leftover("127.0.0.1", 41'000 + i, "127.0.0.1", 51'000 + i);
  }
  recording.add(open_connection(++id)
                    .by(kServer)
                    .remote("203.0.113.9", 50'051)
                    .from_before()
                    .going(Direction::unknown));
  CHECK(recording.rows("peers", {"connections", "peer"}) ==
        "30|127.0.0.1 to port 8080\n"
        "30|127.0.0.1, ephemeral ports\n"
        "30|127.0.0.1:9090\n"
        "30|30 addresses to port 25\n"
        "1|203.0.113.9:50051\n");
  CHECK(recording.rows("closes", {"ended", "peer"}) ==
        "30|127.0.0.1:9090\n"
        "90|31 addresses, ephemeral ports\n");
  auto filter = window(50, 60);
  filter.before_ns = {0, test::Given::ns(20)};
  CHECK(recording.rows("diff", {"change", "peer"}, filter).empty());
}

TEST_CASE("network namespaces are kept apart, and named where there are several", "[report]") {
  GivenRecording recording;
  std::int64_t id = 0;
  for (const std::uint64_t netns : {7U, 8U, 9U}) {
    const auto pid = static_cast<std::uint32_t>(netns);
    recording.process(pid, "web", 0);
    recording.add(listener(++id, 80).by(pid).from(1).in_namespace(netns));
    recording.add(
        accepted(++id, 80).remote("127.0.0.1", 50'000).by(pid).from(2).in_namespace(netns));
  }
  CHECK(recording.rows("peers", {"peer", "connections", "netns"}) ==
        "127.0.0.1 to port 80|1|7\n"
        "127.0.0.1 to port 80|1|8\n"
        "127.0.0.1 to port 80|1|9\n");
  CHECK(recording.rows("listeners", {"local", "pid", "accepted", "netns"}) ==
        "0.0.0.0:80|7|1|7\n"
        "0.0.0.0:80|8|1|8\n"
        "0.0.0.0:80|9|1|9\n");
  CHECK(recording.rows("who", {"held", "connections", "pid", "netns"}) ==
        "listener|1|7|7\nlistener|1|8|8\nlistener|1|9|9\n"
        "inbound|1|7|7\ninbound|1|8|8\ninbound|1|9|9\n");
  Filter filter;
  filter.netns = 8;
  for (const auto granularity : {report::Granularity::connections, report::Granularity::peers}) {
    CHECK(recording.rows("peers", {"peer", "netns"}, filter, granularity) ==
          "127.0.0.1 to port 80|8\n");
    CHECK(recording.rows("churn", {"opened", "pid"}, filter, granularity) == "1|8\n");
  }
  CHECK(recording.rows("connections", {"id"}, filter) == "3\n4\n");
  const auto is_shown = [&](const Filter& given) {
    store::Reader reader{recording.path()};
    const auto answer = run_report(reader, "peers", given, -1);
    for (const auto& column : answer.tables.at(0).columns) {
      if (column.name == "netns") {
        return !column.title.empty();
      }
    }
    return false;
  };
  CHECK(is_shown({}));
  CHECK_FALSE(is_shown(filter));
}

TEST_CASE("the holders of a port are summed up before they are named one by one", "[report]") {
  GivenRecording recording;
  recording.process(1, "nginx", 0).process(2, "nginx", 0).process(3, "nginx", 0);
  recording.add(listener(1, 80).by(1).from_before());
  for (int i = 0; i < 60; ++i) {
    recording.add(accepted(10 + i, 80).by(i % 3 == 0 ? 2 : 3).from(10 + i).to(11 + i));
  }
  Filter filter;
  filter.local_port = 80;
  CHECK(recording.rows(
            "who",
            {"local_port", "held", "connections", "open_now", "pid", "from_ns", "until_ns"},
            filter) ==
        "80|listener|1|1|1|-|-\n"
        "80|inbound|40|0|3|11|70\n"
        "80|inbound|20|0|2|10|68\n");
}

TEST_CASE("diff names peers that fail more often or do not answer any more", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  std::int64_t id = 0;
  const auto call = [&](const char* peer, double at, Outcome outcome) {
    recording.add(
        closed_connection(++id).by(1).remote(peer, 80).from(at).to(at + 0.5).ending(outcome));
  };
  for (int i = 0; i < 10; ++i) {
    call("203.0.113.1", 10 + i, Outcome::closed);  // as before
    call("203.0.113.1", 50 + i, Outcome::closed);
    call("203.0.113.2", 10 + i, i == 0 ? Outcome::refused : Outcome::closed);  // worse
    call("203.0.113.2", 50 + i, i < 4 ? Outcome::refused : Outcome::closed);
    call("203.0.113.3", 10 + i, Outcome::closed);  // down
    call("203.0.113.3", 50 + i, Outcome::timed_out);
    call("203.0.113.4", 10 + i, Outcome::closed);  // not asked any more
    call("203.0.113.5", 50 + i, Outcome::refused);
    call("203.0.113.7", 10 + i, Outcome::closed);  // waits for an answer
  }
  recording.add(open_connection(++id).by(1).remote("203.0.113.7", 80).through({syn_sent}).from(55));
  auto filter = window(45, 65);
  filter.before_ns = {test::Given::ns(5), test::Given::ns(25)};
  CHECK(recording.rows("diff",
                       {"change", "peer", "before", "after", "failed_before", "failed_after"},
                       filter) ==
        "no answer|203.0.113.3:80|10|10|0|10\n"
        "no answer|203.0.113.7:80|10|1|0|1\n"
        "fails more|203.0.113.2:80|10|10|1|4\n"
        "new|203.0.113.5:80|0|10|0|10\n"
        "gone|203.0.113.4:80|10|0|0|0\n");
}

TEST_CASE("diff compares shares of failures, by the time that was recorded", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  std::int64_t id = 0;
  const auto call = [&](const char* peer, double at, bool fails) {
    recording.add(closed_connection(++id).by(1).remote(peer, 80).from(at).to(at + 0.5).ending(
        fails ? Outcome::refused : Outcome::closed));
  };
  for (int i = 0; i < 20; ++i) {
    call("203.0.113.1", 1 + i, i < 4);  // as often as before
    call("203.0.113.1", 50 + i, i < 4);
    call("203.0.113.2", 1 + i, i < 1);  // by chance
    call("203.0.113.2", 50 + i, i < 2);
    call("203.0.113.3", 1 + i, i < 1);
    call("203.0.113.3", 50 + i, i < 3);
  }
  auto filter = window(45, 75);
  // The recording begins at 0 s.
  filter.before_ns = {test::Given::ns(-1000), test::Given::ns(30)};
  CHECK(recording.rows("diff", {"change", "peer", "failed_before", "failed_after"}, filter) ==
        "fails more|203.0.113.3:80|1|3\n");
}

}  // namespace netlog_tests::report_grouped_rows_test

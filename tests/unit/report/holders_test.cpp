// SPDX-License-Identifier: MIT
// Who held a port, and what was open at a moment: what stands in TIME_WAIT has no holder.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <fmt/format.h>

namespace netlog_tests::report_holders_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::Given;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

Filter at(double second, std::optional<std::uint16_t> port = std::nullopt) {
  Filter filter;
  filter.since_ns = filter.until_ns = Given::ns(second);
  filter.local_port = port;
  return filter;
}

/// A server on port 80 that ended at second 20 and closed its connections itself: one of before the
/// recorder, two of later. Another one has the port from second 40 on.
GivenRecording& servers(GivenRecording& recording) {
  recording.process(1, "old", 0, 20).process(2, "new", 38);
  recording.add(listener(1, 80).by(1).from(1).to(20));
  recording.add(accepted(2, 80)
                    .from_before()
                    .without_owner(UnknownOwner::kernel)
                    .through({time_wait})
                    .from(0)
                    .to(60));
  recording.add(accepted(3, 80).by(1).from(5).to(70).through(
      {established, time_wait, time_wait, time_wait, time_wait}));  // in TIME_WAIT from second 18
                                                                    // on
  recording.add(accepted(4, 80).by(1).from(10).to(70).through(
      {established, time_wait, time_wait, time_wait, time_wait, time_wait}));  // and from 20 on
  recording.add(listener(5, 80).by(2).from(40));
  recording.add(accepted(6, 80).by(2).from(41));
  return recording;
}

}  // namespace

TEST_CASE("what is left in TIME_WAIT holds no port", "[report]") {
  GivenRecording recording;
  servers(recording);
  const auto summary = [&](const Filter& filter) {
    return recording.rows("who", {"held", "connections", "open_now", "pid"}, filter);
  };
  const auto one_by_one = [&](const Filter& filter) {
    return recording.rows("who", {"held", "pid", "remote", "state"}, filter);
  };
  CHECK(summary(at(15, 80)) ==
        "listener|1|1|1\n"
        "inbound|2|2|1\n"
        "TIME_WAIT leftover|1|0|-\n");
  CHECK(summary(at(30, 80)) ==
        "TIME_WAIT leftover|2|0|1\n"
        "TIME_WAIT leftover|1|0|-\n");
  CHECK(one_by_one(at(50, 80)) ==
        "listener|2|-|LISTEN\n"
        "inbound|2|198.51.100.7:50006|ESTABLISHED\n"
        "TIME_WAIT leftover|-|198.51.100.7:50002|TIME_WAIT\n"
        "TIME_WAIT leftover|1|198.51.100.7:50003|TIME_WAIT\n"
        "TIME_WAIT leftover|1|198.51.100.7:50004|TIME_WAIT\n");
  // In a longer window they held it.
  Filter all;
  all.local_port = 80;
  CHECK(summary(all) ==
        "listener|1|0|1\n"
        "listener|1|1|2\n"
        "inbound|2|0|1\n"
        "inbound|1|1|2\n"
        "TIME_WAIT leftover|1|0|-\n");
}

TEST_CASE("leftovers in TIME_WAIT do not hide who holds a port", "[report]") {
  GivenRecording recording;
  recording.process(1, "web", 0);
  for (int i = 0; i < 100; ++i) {
    recording.add(Given{i + 1}
                      .from_before()
                      .going(Direction::unknown)
                      .without_owner(UnknownOwner::kernel)
                      .local("192.0.2.1", 80)
                      .remote("198.51.100.7", static_cast<std::uint16_t>(50'000 + i))
                      .through({time_wait})
                      .from(0)
                      .to(60));
  }
  recording.add(listener(200, 80).by(1).from(10));
  Filter port;
  port.local_port = 80;
  CHECK(recording.rows("who", {"held", "pid", "remote"}, port) ==
        "listener|1|-\n"
        "TIME_WAIT leftover|-|198.51.100.7:50000\n"
        "TIME_WAIT leftover|-|198.51.100.7:50001\n"
        "TIME_WAIT leftover|-|198.51.100.7:50002\n"
        "TIME_WAIT leftover|-|198.51.100.7:50003\n"
        "TIME_WAIT leftover|-|198.51.100.7:50004\n");
  store::Reader reader{recording.path()};
  const auto shown = run_report(reader, "who", port, -1).tables.at(1);
  CHECK(shown.total == 101);
  CHECK(run_report(reader, "who", port, 1'000).tables.at(1).rows.size() == 101);
}

TEST_CASE("what was open at a moment is summed up first, TIME_WAIT by service", "[report]") {
  GivenRecording recording;
  servers(recording);
  recording.process(3, "app", 0).called("python3 app.py");
  for (int i = 0; i < 30; ++i) {
    recording.add(open_connection(100 + i).by(3).remote("203.0.113.5", 5432).from(10));
    recording.add(closed_connection(200 + i)
                      .from_before()
                      .going(Direction::unknown)
                      .without_owner(UnknownOwner::kernel)
                      .remote("203.0.113.6", 8080)
                      .through({time_wait})
                      .from(0)
                      .to(60));
    recording.add(Given{300 + i}
                      .from_before()
                      .going(Direction::unknown)
                      .without_owner(UnknownOwner::kernel)
                      .local("192.0.2.1", 25)
                      .remote(fmt::format("198.51.100.{}", i).c_str(), 45'000)
                      .through({time_wait})
                      .from(0)
                      .to(60));
  }
  recording.add(open_connection(400).by(3).remote("203.0.113.7", 443).through({syn_sent}).from(49));
  const std::vector<std::string> by_peer{"connections", "pid", "direction", "peer", "state"};
  CHECK(recording.rows("at", by_peer, at(50)) ==
        "30|3|outbound|203.0.113.5:5432|ESTABLISHED\n"
        "1|2|inbound|198.51.100.7 to port 80|ESTABLISHED\n"
        "1|3|outbound|203.0.113.7:443|SYN_SENT\n");
  CHECK(recording.rows("at", by_peer, at(15, 80)) ==
        "2|1|inbound|198.51.100.7 to port 80|ESTABLISHED\n");
  CHECK(recording.section("at", "time_wait", {"connections", "peer"}, at(50)) ==
        "30|203.0.113.6:8080\n"
        "30|30 addresses to port 25\n"
        "3|198.51.100.7 to port 80\n");
  CHECK(recording.rows("at", {"local", "remote", "state"}, at(50, 80)) ==
        "0.0.0.0:80|-|LISTEN\n"
        "192.0.2.1:80|198.51.100.7:50006|ESTABLISHED\n");
  store::Reader reader{recording.path()};
  const auto all = run_report(reader, "at", at(50, 80), 1'000, "connections").tables.at(0);
  CHECK(all.rows.size() == 2);
}

TEST_CASE("without a moment, what is open now", "[report]") {
  GivenRecording recording;
  servers(recording);
  CHECK(recording.rows("at", {"local", "remote", "state"}) ==
        "0.0.0.0:80|-|LISTEN\n"
        "192.0.2.1:80|198.51.100.7:50006|ESTABLISHED\n");
  CHECK(recording.rows("at", {"connections", "peer"}) == "1|198.51.100.7 to port 80\n");
}

}  // namespace netlog_tests::report_holders_test

// SPDX-License-Identifier: MIT
// What `netlog diff` calls new and gone.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

namespace netlog_tests::report_diff_test {

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

/// The seconds from 5 to 25 and those from 45 to 65.
Filter windows() {
  Filter filter;
  filter.before_ns = {Given::ns(5), Given::ns(25)};
  filter.since_ns = Given::ns(45);
  filter.until_ns = Given::ns(65);
  return filter;
}

/// It ended before the recorder began, and stands in TIME_WAIT until second 30.
Given leftover(std::int64_t id) {
  return Given{id}
      .from_before()
      .without_owner(UnknownOwner::kernel)
      .through({time_wait})
      .from(0)
      .to(30);
}

std::string peers(GivenRecording& recording, const Filter& filter = windows()) {
  return recording.rows("diff", {"change", "process", "peer", "before", "after"}, filter);
}

std::string listeners(GivenRecording& recording) {
  return recording.rows("diff", {"change", "at_ns", "pid", "local"}, windows());
}

}  // namespace

TEST_CASE("a peer is not new or gone where one window does not know its process", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0).process(2, "web", 0);
  std::int64_t id = 0;
  SECTION("leftovers in TIME_WAIT") {
    recording.add(leftover(++id).remote("203.0.113.1", 80));
    recording.add(leftover(++id).remote("203.0.113.2", 80).going(Direction::unknown));
    recording.add(leftover(++id)
                      .local("192.0.2.1", 8080)
                      .remote("198.51.100.7", 50'000)
                      .going(Direction::unknown));
    recording.add(closed_connection(++id).by(1).remote("203.0.113.1", 80).from(50).to(51));
    recording.add(closed_connection(++id).by(1).remote("203.0.113.2", 80).from(50).to(51));
    recording.add(accepted(++id, 8080).by(2).from(50).to(51));
    auto filter = windows();
    SECTION("of all") {}
    SECTION("of one program") {
      filter.process = GENERATE("app", "web");
    }
    CHECK(peers(recording, filter).empty());
  }
  SECTION("an owner that nobody found in time") {
    const double before = GENERATE(10, 50);
    recording.add(closed_connection(++id).without_owner(UnknownOwner::gone).from(before).to(51));
    recording.add(closed_connection(++id).by(1).from(60 - before).to(61 - before));
    CHECK(peers(recording).empty());
  }
  SECTION("one of several programs") {
    recording.add(closed_connection(++id).without_owner(UnknownOwner::gone).from(10).to(11));
    recording.add(closed_connection(++id).by(1).from(50).to(51));
    recording.add(closed_connection(++id).by(2).from(50).to(51));
    CHECK(peers(recording).empty());
  }
  SECTION("a pool of connections that are older than the recorder") {
    recording.add(closed_connection(++id).by(1).from_before().going(Direction::unknown).to(30));
    recording.add(closed_connection(++id).by(1).from(50).to(51));
    CHECK(peers(recording).empty());
  }
  SECTION("it really is new, or gone") {
    recording.add(leftover(++id).remote("203.0.113.1", 80));
    recording.add(closed_connection(++id).by(1).remote("203.0.113.1", 81).from(50).to(51));
    recording.add(closed_connection(++id).by(1).remote("203.0.113.3", 80).from(10).to(11));
    CHECK(peers(recording) == "new|app|203.0.113.1:81|0|1\ngone|app|203.0.113.3:80|1|0\n");
  }
}

TEST_CASE("a peer of leftovers that fails now is no new peer, and it fails", "[report]") {
  GivenRecording recording;
  recording.process(1, "app", 0);
  recording.add(leftover(1));
  recording.add(
      closed_connection(2).by(1).from(50).to(51).through({syn_sent}).ending(Outcome::refused));
  recording.add(closed_connection(3)
                    .by(1)
                    .remote("203.0.113.8", 80)
                    .from(50)
                    .to(51)
                    .ending(Outcome::refused));
  CHECK(peers(recording) == "all fail|app|203.0.113.9:443|0|1\nnew|app|203.0.113.8:80|0|1\n");
}

TEST_CASE("UDP sockets that clients use for a short time are no listeners", "[report]") {
  GivenRecording recording;
  recording.process(1, "resolver", 0);
  const auto udp = [&](std::int64_t id, std::uint16_t port) {
    return listener(id, port).by(1).over(Protocol::udp).through({established});
  };
  for (int i = 0; i < 10; ++i) {
    recording.add(udp(1 + i, static_cast<std::uint16_t>(33'000 + i)).from(10).to(11));
    recording.add(udp(20 + i, static_cast<std::uint16_t>(43'000 + i)).from(50).to(51));
  }
  recording.add(udp(40, 60'000).from(46));  // a server, for all that is known
  recording.add(udp(41, 53).from(47));
  recording.add(udp(42, 50'000).from(-30).to(46));  // it was there for long
  CHECK(listeners(recording) ==
        "new|47|1|0.0.0.0:53\n"
        "new|46|1|0.0.0.0:60000\n"
        "gone|46|1|0.0.0.0:50000\n");
}

TEST_CASE("a listener that died in the later window is gone", "[report]") {
  GivenRecording recording;
  recording.process(1, "a", 0).process(2, "b", 0).process(3, "c", 0);
  recording.add(listener(1, 80).by(1).from_before().to(46));
  recording.add(listener(2, 81).by(1).from(10).to(24));
  recording.add(listener(3, 82).by(1).from(10).to(70));
  recording.add(listener(4, 83).by(2).from(10).to(46));  // started again
  recording.add(listener(5, 83).by(3).from(47));
  recording.add(listener(6, 84).by(3).from(48).to(50));
  recording.add(listener(7, 85).by(3).from(30).to(40));  // in neither window
  CHECK(listeners(recording) ==
        "new, gone|50|3|0.0.0.0:84\n"
        "new|47|3|0.0.0.0:83\n"
        "gone|46|1|0.0.0.0:80\n"
        "gone|24|1|0.0.0.0:81\n"
        "gone|46|2|0.0.0.0:83\n");
}

TEST_CASE("a program that ended in the later window is gone", "[report]") {
  GivenRecording recording;
  recording.process(1, "a", -100, 46).process(2, "b", -100);
  recording.add(open_connection(1).by(1).from(10).to(46));
  recording.add(open_connection(2).by(2).from(10).to(46));
  recording.process(3, "curl", 10, 11).process(4, "curl", 50, 51);
  recording.add(closed_connection(3).by(3).from(10).to(11));
  recording.add(closed_connection(4).by(4).from(50).to(51));
  CHECK(recording.rows("diff", {"change", "pid", "process", "connections"}, windows()) ==
        "gone|1|a|1\n");  // it was in both windows
}

}  // namespace netlog_tests::report_diff_test

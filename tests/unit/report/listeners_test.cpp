// SPDX-License-Identifier: MIT
// What listeners accepted, since when they listen, and what grew before their eyes.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

namespace netlog_tests::report_listeners_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::report::Granularity;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

constexpr std::uint32_t kMaster = 10;
constexpr std::uint32_t kWorker = 11;
constexpr std::uint32_t kOther = 12;

Filter of_process(std::uint32_t pid) {
  Filter filter;
  filter.pids = {pid};
  return filter;
}

/// The same in `listeners` and in the report of the process, by connections and by sums.
std::string accepted_by(GivenRecording& recording, std::uint32_t pid) {
  const auto text = recording.rows("listeners", {"local", "since_ns", "accepted"}, of_process(pid));
  for (const auto granularity :
       {Granularity::connections, Granularity::peers, Granularity::processes}) {
    for (const auto* const report : {"listeners", "process"}) {
      CAPTURE(pid, report, static_cast<int>(granularity));
      CHECK(recording.rows(
                report, {"local", "since_ns", "accepted"}, of_process(pid), granularity) == text);
    }
  }
  return text;
}

}  // namespace

TEST_CASE("a listener from before has accepted what came before the first look, too", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "web", 0);
  recording.add(listener(1, 80).by(kMaster).from_before().from(1));
  recording.add(accepted(2, 80).by(kMaster).from(0.5).to(0.6));
  recording.add(accepted(3, 80).by(kMaster).from(5).to(6));
  // It was there already: nobody knows when it was accepted.
  recording.add(accepted(4, 80).by(kMaster).from_before().from(1));
  CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|-|2\n");
}

TEST_CASE("two listeners at one port do not both count all", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "a", 0).process(kOther, "b", 0);
  recording.add(listener(1, 80).by(kMaster).from(1));
  recording.add(listener(2, 80).by(kOther).from(1));
  SECTION("each has its own") {
    recording.add(accepted(3, 80).by(kMaster).from(5));
    recording.add(accepted(4, 80).by(kOther).from(5));
    recording.add(accepted(5, 80).by(kOther).from(6));
    CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|1|1\n");
    CHECK(accepted_by(recording, kOther) == "0.0.0.0:80|1|2\n");
  }
  SECTION("the share of neither is known where a third process took it") {
    recording.process(kWorker, "child", 0);
    recording.add(accepted(3, 80).by(kWorker).from(5));
    CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|1|-\n");
    CHECK(accepted_by(recording, kOther) == "0.0.0.0:80|1|-\n");
  }
  SECTION("one at an address of its own takes what comes there") {
    recording.process(kWorker, "local", 0);
    recording.add(listener(6, 80).local("192.0.2.1", 80).by(kWorker).from(1));
    recording.add(accepted(7, 80).from(5).by(kWorker));
    recording.add(accepted(8, 80).from(6).without_owner(UnknownOwner::gone));
    CHECK(accepted_by(recording, kWorker) == "192.0.2.1:80|1|2\n");
    CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|1|0\n");
  }
  SECTION("one for IPv6 takes no IPv4") {
    recording.process(kWorker, "six", 0);
    recording.add(listener(6, 80).local("::", 80).remote("::", 0).by(kWorker).from(1));
    recording.add(
        accepted(7, 80).local("2001:db8::1", 80).remote("2001:db8::2", 4).by(kOther).from(5));
    recording.add(accepted(8, 80).by(kMaster).from(6));
    CHECK(accepted_by(recording, kWorker) == "[::]:80|1|1\n");
    CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|1|1\n");
    CHECK(accepted_by(recording, kOther) == "0.0.0.0:80|1|0\n");
  }
}

TEST_CASE("sockets of one process at one port are one row", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "master", 0).process(kWorker, "worker", 0);
  for (std::int64_t id = 1; id <= 4; ++id) {
    recording.add(listener(id, 80).by(kMaster).from(1));
  }
  recording.add(accepted(5, 80).by(kWorker).from(5));
  recording.add(accepted(6, 80).by(kOther).from(6));
  recording.process(kOther, "worker", 0);
  CHECK(recording.rows("listeners", {"pid", "sockets", "accepted", "workers"}) == "10|4|2|2\n");
}

TEST_CASE("a listener that comes again is another row, and counts its own", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "web", 0);
  recording.add(listener(1, 80).by(kMaster).from(1).to(10));
  recording.add(listener(2, 80).by(kMaster).from(15));
  recording.add(accepted(3, 80).by(kMaster).from(5).to(6));
  recording.add(accepted(4, 80).by(kMaster).from(20).to(21));
  recording.add(accepted(5, 80).by(kMaster).from(22).to(23));
  CHECK(recording.rows("listeners", {"since_ns", "gone_ns", "away_ns", "accepted"}) ==
        "1|10|-|1\n"
        "15|-|5000000000|2\n");
}

TEST_CASE("a port is not away while another process listens on it", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "old", 0).process(kOther, "new", 0);
  recording.add(listener(1, 80).by(kMaster).from(1).to(40));
  recording.add(listener(2, 80).by(kOther).from(30));
  CHECK(recording.rows("listeners", {"pid", "since_ns", "away_ns"}) == "10|1|-\n12|30|-\n");
}

TEST_CASE("what was stuck at the first look is not growth", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "leaky", 0);
  std::int64_t id = 0;
  const auto leak = [&](double at) {
    recording.add(open_connection(++id).by(kMaster).through({established, close_wait}).from(at));
  };
  const auto old = [&] {
    recording.add(open_connection(++id).by(kMaster).from_before().through({close_wait}).from(0));
  };
  const auto growth = [&](const Filter& filter = {}) {
    return recording.rows("leaks", {"now", "before", "oldest_ns", "per_hour"}, filter);
  };
  SECTION("twenty from before and three in 100 s") {
    for (int i = 0; i < 20; ++i) {
      old();
    }
    leak(60), leak(60), leak(60);
    CHECK(growth() == "23|20|-|108\n");
  }
  SECTION("only from before") {
    old(), old();
    CHECK(growth() == "2|2|-|-\n");
  }
  SECTION("a burst is spread over the time until the end") {
    leak(49.5), leak(49.5), leak(49.5);
    CHECK(growth() == "3|0|50|144\n");
  }
  SECTION("in a window, what came before it is not growth") {
    leak(9.5), leak(59.5), leak(69.5);
    Filter filter;
    filter.since_ns = test::Given::ns(50);
    CHECK(growth(filter) == "3|0|10|144\n");
  }
}

}  // namespace netlog_tests::report_listeners_test

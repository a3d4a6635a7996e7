// SPDX-License-Identifier: MIT
// What listeners accepted, since when they listen, and what grew before their eyes.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <algorithm>
#include <string>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

namespace netlog_tests::report_listeners_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::report::Granularity;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::Given;
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
    recording.add(accepted(7, 80).local("2001:db8::1", 80).remote("2001:db8::2", 4).by(13).from(5));
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

TEST_CASE("the report of a worker has the listener from which it accepts", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "gunicorn", 0).process(kWorker, "gunicorn", 0);
  recording.process(kOther, "other", 0);
  recording.add(listener(1, 80).by(kMaster).from(1).to(50));
  recording.add(listener(2, 81).by(kWorker).from(1));
  recording.add(accepted(3, 80).by(kWorker).from(5));
  recording.add(accepted(4, 80).by(kWorker).from(6));
  recording.add(accepted(5, 80).by(kOther).from(7));
  const auto of = [&](std::uint32_t pid) {
    const auto text =
        recording.rows("process", {"local", "owner", "accepted", "closed_ns"}, of_process(pid));
    for (const auto granularity : {Granularity::peers, Granularity::processes}) {
      CAPTURE(pid, static_cast<int>(granularity));
      CHECK(recording.rows("process",
                           {"local", "owner", "accepted", "closed_ns"},
                           of_process(pid),
                           granularity) == text);
    }
    return text;
  };
  CHECK(of(kWorker) == "0.0.0.0:81|-|0|-\n0.0.0.0:80|gunicorn 10|2|50\n");
  CHECK(of(kOther) == "0.0.0.0:80|gunicorn 10|1|50\n");
  CHECK(of(kMaster) == "0.0.0.0:80|-|3|50\n");
}

TEST_CASE("the workers of a listener are named", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "gunicorn", 0);
  recording.add(listener(1, 80).by(kMaster).from(1));
  std::int64_t id = 1;
  const auto worker = [&](std::uint32_t pid, const char* name, int connections) {
    recording.process(pid, name, 0);
    for (int i = 0; i < connections; ++i) {
      recording.add(accepted(++id, 80).by(pid).from(5).to(6));
    }
  };
  // By connections and by sums.
  const auto expect = [&](const std::string& rows) {
    for (const auto granularity :
         {Granularity::connections, Granularity::peers, Granularity::processes}) {
      CAPTURE(static_cast<int>(granularity));
      CHECK(recording.rows("listeners", {"workers", "also_accepted_by"}, {}, granularity) == rows);
    }
  };
  SECTION("none") {
    worker(kOther, "unrelated", 0);
    recording.add(accepted(++id, 80).by(kMaster).from(5).to(6));
    recording.add(accepted(++id, 80).from(6).to(7).without_owner(UnknownOwner::gone));
    expect("0|-\n");
  }
  SECTION("a few, of two programs") {
    worker(900, "nginx", 3), worker(813, "gunicorn", 1), worker(812, "gunicorn", 2);
    expect("3|gunicorn 812, 813, nginx 900\n");
  }
  SECTION("of many those that took most; the others are counted") {
    for (std::uint32_t pid = 20; pid < 27; ++pid) {
      worker(pid, "gunicorn", pid == 21 || pid == 24 ? 1 : 2);
    }
    expect("7|gunicorn 20, 22, 23, 25, 26 and 2 more\n");
  }
  SECTION("each listener has its own") {
    recording.process(kOther, "proxy", 0);
    recording.add(listener(++id, 81).by(kOther).from(1));
    worker(20, "gunicorn", 1);
    recording.process(30, "child", 0);
    recording.add(accepted(++id, 81).by(30).from(5).to(6));
    // The rows are in order of the ports.
    expect("1|gunicorn 20\n1|child 30\n");
  }
  SECTION("a UDP socket has none") {
    recording.add(listener(++id, 53).over(Protocol::udp).by(kMaster).from(1));
    worker(20, "gunicorn", 1);
    expect("1|gunicorn 20\n-|-\n");
  }
}

TEST_CASE("a process that executes a program is not a worker of itself", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "sh", 0).executed(kMaster, "web", 4);
  recording.process(kWorker, "child", 0).executed(kWorker, "worker", 4);
  recording.add(listener(1, 80).by(kMaster).from(1));
  recording.add(accepted(2, 80).by(kMaster).from(2).to(3));
  recording.add(accepted(3, 80).by(kMaster, 1).from(5).to(6));
  recording.add(accepted(4, 80).by(kWorker).from(2).to(3));
  recording.add(accepted(5, 80).by(kWorker, 1).from(5).to(6));
  CHECK(recording.rows("listeners", {"pid", "accepted", "workers", "also_accepted_by"}) ==
        "10|4|1|worker 11\n");
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
        "15|-|5000000000|2\n"
        "1|10|-|1\n");
}

TEST_CASE("a listener keeps what it accepted when the recorder is started again", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "web", 0);
  recording.add(listener(1, 80).by(kMaster).from_before().from(1));
  recording.add(accepted(2, 80).by(kMaster).from(5).to(6));
  recording.add(accepted(3, 80).by(kMaster).from(7).to(8));
  CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|-|2\n");
  store::Writer{
      recording.path(),
      Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, 100'000'000, "poll", Given::ns(110)}}
      .finish(Given::ns(120));
  // Its session is the last one that saw it.
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE connection SET session_id = 2 WHERE id = 1");
  CHECK(accepted_by(recording, kMaster) == "0.0.0.0:80|-|2\n");
}

TEST_CASE("listeners that are there come first, and text has 40 of them", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "web", 0);
  std::string live;
  for (std::int64_t id = 1; id <= 45; ++id) {
    const auto port = static_cast<std::uint16_t>(1'000 + id);
    const bool gone = id <= 40;
    recording.add(gone ? listener(id, port).by(kMaster).from(1).to(10)
                       : listener(id, port).by(kMaster).from(1));
    live += gone ? "" : fmt::format("0.0.0.0:{}|-\n", port);
  }
  const auto rows = recording.rows("listeners", {"local", "gone_ns"});
  CHECK_THAT(rows, Catch::Matchers::StartsWith(live + "0.0.0.0:1001|10\n"));
  CHECK(std::count(rows.begin(), rows.end(), '\n') == 40);
}

TEST_CASE("short UDP sockets of one process on ephemeral ports are one row", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "resolver", 0).process(kOther, "dig", 0);
  const auto udp = [](std::int64_t id, std::uint16_t port, std::uint32_t pid) {
    return listener(id, port).over(Protocol::udp).by(pid);
  };
  recording.add(udp(1, 53, kMaster).from(1).to(2));
  recording.add(udp(2, 40'001, kMaster).from(5).to(5.005));
  recording.add(udp(3, 40'002, kMaster).from(9).to(9.5));
  recording.add(udp(4, 40'001, kMaster).from(20).to(30));
  recording.add(udp(5, 40'003, kMaster).from(3));           // still there
  recording.add(udp(6, 40'004, kMaster).from(3).to(63.5));  // lasting
  recording.add(udp(7, 40'005, kOther).from(40).to(41));    // the only one
  recording.add(listener(8, 40'006).by(kMaster).from(4).to(5));
  const std::vector<std::string> columns{
      "protocol", "local", "pid", "since_ns", "gone_ns", "away_ns", "sockets"};
  CHECK(recording.rows("listeners", columns) ==
        "udp|0.0.0.0:40003|10|3|-|-|1\n"
        "tcp|0.0.0.0:40006|10|4|5|-|1\n"
        "udp|0.0.0.0:53|10|1|2|-|1\n"
        "udp|0.0.0.0, ephemeral ports|10|5|30|-|3\n"
        "udp|0.0.0.0:40004|10|3|63.5|-|1\n"
        "udp|0.0.0.0:40005|12|40|41|-|1\n");
  Filter of_one_port;
  of_one_port.local_port = 40'002;
  CHECK(recording.rows("listeners", {"local", "sockets"}, of_one_port) ==
        "0.0.0.0, ephemeral ports|3\n");
  CHECK(recording.rows("process", {"local", "since_ns", "sockets"}, of_process(kOther)) ==
        "0.0.0.0:40005|40|1\n");
}

TEST_CASE("a port is not away while another process listens on it", "[report]") {
  GivenRecording recording;
  recording.process(kMaster, "old", 0).process(kOther, "new", 0);
  recording.add(listener(1, 80).by(kMaster).from(1).to(40));
  recording.add(listener(2, 80).by(kOther).from(30));
  CHECK(recording.rows("listeners", {"pid", "since_ns", "away_ns"}) == "12|30|-\n10|1|-\n");
}

TEST_CASE("flows of a UDP server are neither accepted nor a leak", "[report]") {
  const auto seen_by = GENERATE(SeenBy::trace, SeenBy::trace | SeenBy::snapshot);
  GivenRecording recording;
  recording.process(kMaster, "server", 0);
  recording.add(listener(1, 53).over(Protocol::udp).by(kMaster).from(1));
  for (std::int64_t id = 2; id < 22; ++id) {
    recording.add(
        accepted(id, 53).over(Protocol::udp).by(kMaster).seen_by(seen_by).from(10).moving(1, 2));
  }
  CHECK(recording.rows("listeners", {"local", "accepted", "workers"}) == "0.0.0.0:53|-|-\n");
  // Sockets that are connected to their peers can leak.
  CHECK(recording.rows("leaks", {"open_now"}) == (seen_by == SeenBy::trace ? "" : "20\n"));
  CHECK(recording.rows("overview", {"protocol", "direction", "bytes_received"})
            .find("udp|inbound|40") != std::string::npos);
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
  SECTION("nothing grows after the end of the recording, which is at 100 s") {
    leak(49.5), leak(49.5), leak(49.5);
    Filter filter;
    filter.since_ns = test::Given::ns(40);
    filter.until_ns = test::Given::ns(3000);
    CHECK(growth(filter) == "3|0|50|144\n");
    CHECK(recording.rows("leaks", {"now", "longest_ns"}, filter) == "3|50000000000\n");
  }
  SECTION("in a window, what came before it is not growth") {
    leak(9.5), leak(59.5), leak(69.5);
    Filter filter;
    filter.since_ns = test::Given::ns(50);
    CHECK(growth(filter) == "3|0|10|144\n");
  }
}

}  // namespace netlog_tests::report_listeners_test

// SPDX-License-Identifier: MIT
// Makes the recording that tools/test-web shows in a browser. It is no test, and runs by its tag
// only.
#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <cstdlib>
#include <filesystem>
#include <string>

namespace netlog_tests::report_web_recording_test {

using namespace netlog;
using netlog::test::accepted;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

TEST_CASE("the recording of the web tests", "[.web]") {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets it
  const char* const to = std::getenv("NETLOG_WEB_DB");
  REQUIRE(to != nullptr);
  constexpr std::size_t kHuge = 1'000'000;
  GivenRecording recording;
  recording.process(1, "web", 0).called("web --port 443");
  recording.process(2, "api", 0).called("api --database 203.0.113.9");
  recording.process(3, "</script><img src=x onerror=alert(1)>", 0);
  recording.process(4, "\u202Egnp.exe", 0);
  recording.process(5, std::string(kHuge, 'y'), 0);
  recording.process(6, "nobody-knows-its-begin", 0);
  recording.process(7, "python3", 0).called("python3 /srv/orders-api.py");
  recording.gap(40, 60, "skipped ticks").coverage(0, 100, 200, 190);
  recording.add(listener(1, 443).by(1).from_before());
  int id = 2;
  for (int i = 0; i < 60; ++i) {
    recording.add(accepted(id++, 443)
                      .by(1)
                      .from(i * 1.5)
                      .to(i * 1.5 + 4 + i % 7)
                      .moving(1'000, 20'000)
                      .through({established, fin_wait_1, fin_wait_2, time_wait}));
  }
  for (int i = 0; i < 12; ++i) {
    recording.add(closed_connection(id++)
                      .by(2)
                      .remote("203.0.113.9", 5432)
                      .from(8 + i * 6)
                      .to(10 + i * 6)
                      .within(1)
                      .through({syn_sent})
                      .ending(Outcome::refused));
  }
  for (int i = 0; i < 8; ++i) {
    recording.add(open_connection(id++)
                      .by(2)
                      .remote("203.0.113.8", 6379)
                      .from(20 + i * 5)
                      .through({established, close_wait}));
  }
  recording.add(closed_connection(id++).by(3).from(30).to(70));
  recording.add(closed_connection(id++).by(4).from(31).to(71));
  recording.add(closed_connection(id++).by(5).from(32).to(72));
  recording.add(open_connection(id++).by(6).from_before().from(1));
  recording.add(closed_connection(id++)
                    .without_owner(UnknownOwner::not_permitted)
                    .remote("2001:db8::7", 8443)
                    .from(5)
                    .to(95));
  recording.add(closed_connection(id++).by(7).from(33).to(73));
  // Still in TIME_WAIT at the end.
  recording.add(open_connection(id++).by(2).from(90).through({established, time_wait}));
  recording.open();
  std::filesystem::copy_file(recording.path(), to);
}

}  // namespace netlog_tests::report_web_recording_test

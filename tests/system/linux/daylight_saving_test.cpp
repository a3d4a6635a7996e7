// SPDX-License-Identifier: MIT
// Questions about the night of 25 October 2026 in Berlin, in which 02:00 to 03:00 is shown twice.
#include "support/command.hpp"
#include "support/scenario.hpp"
#include "util/time.hpp"

namespace netlog_tests::daylight_saving_test {

using namespace netlog;
using netlog::test::contains_text;
using netlog::test::Finished;
using netlog::test::Scenario;

namespace {

constexpr double kHour = 3600;

/// Recorded from 02:00+02:00 to 03:00+01:00. One connection from 02:20 to 02:40, to port 1111, and
/// an hour later, by the clock at the same time, another one to port 2222.
class Night {
 public:
  Night() : scenario_{*ns_from_civil(CivilTime{2026, 10, 25, 0, 0, 0, 0})} {
    const ProcessId client{10, 1};
    scenario_.start_process(client, 0, "client");
    scenario_.poll(0);
    for (const int hour : {0, 1}) {
      const auto begin = hour * kHour;
      const auto cookie = 1U + static_cast<unsigned>(hour);
      scenario_.poll(begin + 1199);
      scenario_.add_socket(Scenario::row(cookie,
                                         Scenario::at("192.0.2.1", 5000),
                                         Scenario::at("203.0.113.9", hour == 0 ? 1111 : 2222),
                                         TcpState::established),
                           client);
      scenario_.poll(begin + 1200);
      scenario_.poll(begin + 2399);
      scenario_.remove(cookie);
      scenario_.poll(begin + 2400);
    }
    scenario_.poll(2 * kHour);
    scenario_.finish();
  }

  [[nodiscard]] std::string run(std::vector<std::string> arguments) const {
    arguments.insert(arguments.end(), {"--db", scenario_.path().string()});
    const auto finished = test::run(arguments, "Europe/Berlin");
    CHECK(finished.err.empty());
    CHECK(finished.exit_code == 0);
    return finished.out;
  }

 private:
  Scenario scenario_;
};

bool has(const std::string& answer, const char* text) {
  return answer.find(text) != std::string::npos;
}

}  // namespace

TEST_CASE("in the night in which an hour is shown twice, the answer says which was meant",
          "[cli]") {
  const Night night;
  const auto later = night.run({"at", "02:30"});
  CHECK(has(later, ":2222"));
  CHECK_FALSE(has(later, ":1111"));
  CHECK_THAT(
      later,
      contains_text("window 2026-10-25 02:30:00.000") && contains_text("02:30:00.000 +01:00 |"));
  const auto earlier = night.run({"at", "2026-10-25T02:30+02:00"});
  CHECK(has(earlier, ":1111"));
  CHECK_FALSE(has(earlier, ":2222"));
  CHECK_THAT(
      earlier,
      contains_text("window 2026-10-25 02:30:00.000") && contains_text("02:30:00.000 +02:00 |"));
  CHECK(night.run({"at", "02:30", "--utc"}).find("2026-10-25 01:30:00.000") != std::string::npos);
}

TEST_CASE("windows over the change of the clocks have the hours that they have", "[cli]") {
  const Night night;
  const auto ports = [&](const char* since, const char* until) {
    const auto answer = night.run({"report", "connections", "--since", since, "--until", until});
    return std::string{has(answer, ":1111") ? "1111 " : ""} + (has(answer, ":2222") ? "2222" : "");
  };
  CHECK(ports("02:00", "03:00") == "2222");
  CHECK(ports("01:50", "03:00") == "1111 2222");
  CHECK(ports("2026-10-25T01:50", "02:50") == "1111 ");
  CHECK(ports("2026-10-25T02:10+02:00", "2026-10-25T02:50+02:00") == "1111 ");
  CHECK(ports("2026-10-25", "2026-10-26") == "1111 2222");
}

TEST_CASE("a window over the change of the clocks names both offsets", "[cli]") {
  const Night night;
  CHECK_THAT(night.run({"report", "connections"}),
             contains_text("+02:00") && contains_text("+01:00"));
}

}  // namespace netlog_tests::daylight_saving_test

// SPDX-License-Identifier: MIT
// A wall clock that is set while connections live: the scenario with steps lasts as long as the one
// without.
#include "report/check.hpp"
#include "support/catch.hpp"
#include "support/scenario.hpp"

#include <array>
#include <random>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::report_clock_test {

using namespace netlog;
using namespace netlog::test;

namespace {

using enum TcpState;

/// The first violation that `netlog check` finds.
std::string violation(const std::filesystem::path& path) {
  store::Reader reader{path};
  const auto checked = report::check(reader, 20);
  if (checked.violations == 0) {
    return "none";
  }
  const auto& row = checked.answer.tables.at(1).rows.at(0);
  return std::get<std::string>(row[0]) + ": " + std::get<std::string>(row[2]);
}

constexpr const char* kLives =
    "SELECT local_port, duration_ns / 1e9, clock_adjust_ns / 1e9 FROM connections ORDER BY "
    "local_port";
constexpr const char* kStays =
    "SELECT local_port, i.state, dwell_ns / 1e9, i.clock_adjust_ns / 1e9 FROM state_intervals AS i "
    "JOIN "
    "connections AS c ON c.id = connection_id ORDER BY local_port, i.rowid";

SocketRow one(std::uint16_t port, TcpState state) {
  return Scenario::row(
      port, Scenario::at("192.0.2.1", port), Scenario::at("198.51.100.7", 443), state);
}

/// Of connections by their port: 1 opened at 1 s and over at 9 s, CLOSE_WAIT from 3 s; 2 the same,
/// in TIME_WAIT from 5 s; 3 opened at 6 s, still there.
void run_steps(Scenario& scenario, double step) {
  const ProcessId server{80, 1};
  scenario.start_process(server, 0, "server");
  scenario.poll(0);
  scenario.add_socket(one(1, established), server);
  scenario.add_socket(one(2, established), server);
  scenario.poll(1, 2);
  scenario.set_state(1, close_wait);
  scenario.poll(3);
  scenario.flush();
  scenario.step_clock(step);
  scenario.poll(4);
  scenario.add_socket(one(2, time_wait), std::nullopt);
  scenario.poll(5);
  scenario.add_socket(one(3, established), server);
  scenario.poll(6);
  scenario.step_clock(2 * step);
  scenario.poll(7, 8);
  scenario.remove(1);
  scenario.remove(2);
  scenario.poll(9, 12);
  scenario.finish();
}

}  // namespace

TEST_CASE("lives and stays know the clock steps within them", "[report]") {
  const auto step = GENERATE(3600.0, -3600.0, 0.5, -0.5);
  CAPTURE(step);
  Scenario scenario;
  run_steps(scenario, step);
  const auto by = [&](int times) { return fmt::format("{:.1f}", times * step); };
  CHECK(rows(scenario.path(), kLives) ==
        "1|8.0|" + by(3) + "\n2|4.0|" + by(1) + "\n3|NULL|" + by(2) + "\n");
  CHECK(rows(scenario.path(), "SELECT at_ns / 1e9, step_ns / 1e9, after_event FROM clock_steps") ==
        fmt::format("{:.1f}|{:.1f}|3\n{:.1f}|{:.1f}|5\n", 3 + step, step, 6 + 3 * step, 2 * step));
  CHECK(
      rows(
          scenario.path(),
          "SELECT connection_id, state, dwell_ns / 1e9, clock_adjust_ns / 1e9 FROM state_intervals "
          "ORDER BY connection_id, state DESC") ==
      "1|ESTABLISHED|2.0|0.0\n1|CLOSE_WAIT|6.0|" + by(3) + "\n2|TIME_WAIT|4.0|" + by(2) +
          "\n2|ESTABLISHED|4.0|" + by(1) + "\n3|ESTABLISHED|NULL|" + by(2) + "\n");
  CHECK(violation(scenario.path()) == "none");
  CHECK(rows(scenario.path(),
             "SELECT lifetimes, lifetime_ns / 1e9 FROM peer_lifetimes ORDER BY lifetime_ns") ==
        "1|4.0\n1|8.0\n");
  CHECK(scenario.report_rows("dwell", {}, {"state", "intervals", "longest_ns"}) ==
        "ESTABLISHED|3|6000000000\n"
        "CLOSE_WAIT|1|6000000000\n"
        "TIME_WAIT|1|4000000000\n");
  CHECK(scenario.report_rows("leaks", {}, {"state", "passed", "longest_ns"}) ==
        "CLOSE_WAIT|1|6000000000\n");
}

TEST_CASE("what is in TIME_WAIT when the clock is set stays there as long", "[report]") {
  Scenario scenario;
  scenario.add_socket(one(1, time_wait), std::nullopt);  // from before the recorder
  scenario.poll(0, 1);
  scenario.add_socket(one(2, time_wait), std::nullopt);
  scenario.poll(2, 3);
  scenario.step_clock(-3600);
  scenario.poll(4, 9);
  scenario.remove(1);
  scenario.remove(2);
  scenario.poll(10);
  scenario.finish();
  CHECK(rows(scenario.path(),
             "SELECT state, dwell_ns / 1e9 FROM state_intervals ORDER BY dwell_ns") ==
        "TIME_WAIT|8.0\nTIME_WAIT|10.0\n");
  CHECK(rows(scenario.path(), "SELECT local_port, duration_ns FROM connections ORDER BY 1") ==
        "1|NULL\n2|NULL\n");
  CHECK(violation(scenario.path()) == "none");
}

TEST_CASE("a step that the row of a connection does not know is found", "[report]") {
  Scenario scenario;
  run_steps(scenario, -3600);
  SQLite::Database database{scenario.path().string(), SQLite::OPEN_READWRITE};
  SECTION("of its life") {
    database.exec("UPDATE connection SET clock_adjust_ns = NULL WHERE id = 1");
    CHECK(violation(scenario.path()) ==
          "durations: its clock steps are not those between its events");
  }
  SECTION("at all") {
    database.exec("DELETE FROM clock_step WHERE id = 2");
    CHECK(violation(scenario.path()) == "durations: event 6 is earlier than event 2");
  }
}

TEST_CASE("steps of which an older recorder kept the gap only are no fault", "[report]") {
  Scenario scenario;
  run_steps(scenario, -3600);
  SQLite::Database database{scenario.path().string(), SQLite::OPEN_READWRITE};
  database.exec(
      "DELETE FROM clock_step; UPDATE connection SET clock_adjust_ns = NULL; DELETE FROM "
      "flow_dwell "
      "WHERE "
      "state = 0; INSERT INTO gap (session_id, from_ns, to_ns, source, reason) VALUES (1, 0, 9, "
      "'clock', 'clock stepped backwards')");
  CHECK(violation(scenario.path()) == "none");
  CHECK(
      rows(scenario.path(),
           "SELECT count(*) FROM connections WHERE duration_ns < 0 UNION ALL SELECT count(*) FROM "
           "state_intervals WHERE dwell_ns < 0") == "0\n0\n");
}

TEST_CASE("whenever the clock is set, all lasts as long as if it had not been", "[report][sweep]") {
  const auto recorded = [](unsigned seed, bool steps) {
    std::mt19937 random{seed};
    Scenario scenario{1'700'000'000'000'000'000};
    if (seed % 2 == 1) {
      scenario.tracker().expect_notices(0, kAllTables, 1'500'000'000);
    }
    const ProcessId server{80, 1};
    scenario.start_process(server, 0, "server");
    constexpr std::array kNext{established, close_wait, fin_wait_2, time_wait, last_ack};
    std::map<std::uint16_t, TcpState> open;
    std::uint16_t port = 1;
    double second = 0;
    for (int tick = 0; tick < 60; ++tick) {
      second += 0.25 * static_cast<double>(1 + random() % 8);
      for (auto socket = open.begin(); socket != open.end();) {
        const auto dice = random() % 8;
        const auto state = kNext.at(random() % kNext.size());
        if (dice == 0) {
          scenario.remove(socket->first);
          socket = open.erase(socket);
          continue;
        }
        if (dice < 3 && socket->second != time_wait) {
          socket->second = state;
          scenario.add_socket(one(socket->first, state),
                              state == time_wait ? std::nullopt : std::optional{server});
        }
        ++socket;
      }
      for (auto births = random() % 3; births > 0; --births, ++port) {
        open[port] = established;
        scenario.add_socket(one(port, established), server);
      }
      scenario.poll(second);
      const auto dice = random() % 12;
      const auto by = static_cast<double>(random() % 20'000) / 2 - 5000;
      if (steps && dice < 3) {
        scenario.step_clock(by);
      } else if (dice > 8) {
        scenario.flush();
      }
    }
    scenario.finish();
    return std::pair{
        violation(scenario.path()),
        rows(scenario.path(), "SELECT id, duration_ns, outcome FROM connections") +
            rows(scenario.path(),
                 "SELECT connection_id, state, dwell_ns FROM state_intervals ORDER BY "
                 "connection_id, state, dwell_ns") +
            rows(scenario.path(),
                 // A clock that was set ends connections in other hours, so there are other rows.
                 "SELECT state, sum(dwells), sum(still), max(dwell_ns) FROM process_dwells GROUP "
                 "BY state") +
            rows(scenario.path(),
                 "SELECT state, sum(dwells), sum(still), max(dwell_ns) FROM peer_dwells GROUP BY "
                 "state") +
            rows(scenario.path(), "SELECT sum(lifetimes), max(lifetime_ns) FROM peer_lifetimes") +
            rows(scenario.path(),
                 "SELECT connection_id, state, to_ns - from_ns - clock_adjust_ns FROM "
                 "long_dwells ORDER BY 1, 2, 3")};
  };
  for (unsigned seed = 0; seed < 12; ++seed) {
    CAPTURE(seed);
    const auto [fault, stepped] = recorded(seed, true);
    CHECK(fault == "none");
    REQUIRE(stepped == recorded(seed, false).second);
  }
}

}  // namespace netlog_tests::report_clock_test

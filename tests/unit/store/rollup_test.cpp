// SPDX-License-Identifier: MIT
// The parts of the sums of closed connections, each by itself.
#include "model/connection.hpp"
#include "model/tcp_state.hpp"
#include "store/rollup/dwell.hpp"
#include "store/rollup/flow_key.hpp"
#include "store/rollup/flow_sums.hpp"
#include "store/rollup/open_rates.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"

#include <cstdint>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog_tests::store_rollup_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::rows;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 3'600 * kSecond;

std::int64_t code(TcpState state) {
  return static_cast<std::int64_t>(state);
}

/// Seconds 10 to 30 of a connection: established, then CLOSE_WAIT from second 20.
ClosedConnection closed_connection() {
  ClosedConnection closed;
  closed.process = 7;
  closed.direction = static_cast<std::int64_t>(Direction::outbound);
  closed.protocol = 6;
  closed.local_address = 1;
  closed.local_port = 40'000;
  closed.peer = 3;
  closed.outcome = static_cast<std::int64_t>(Outcome::closed);
  closed.opened_ns = closed.first_seen_ns = 10 * kSecond;
  closed.last_seen_ns = 30 * kSecond;
  closed.closed_ns = 30 * kSecond;
  closed.bytes_sent = 100;
  closed.states = {{10 * kSecond, code(TcpState::established), 1},
                   {20 * kSecond, code(TcpState::close_wait), 2},
                   {30 * kSecond, std::nullopt, 3}};
  return closed;
}

SQLite::Database with_clock_steps(const std::string& rows) {
  SQLite::Database database{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  database.exec("CREATE TABLE clock_step (after_event INTEGER, step_ns INTEGER)" + rows);
  return database;
}

std::vector<Dwell> dwells_in(const std::vector<TcpState>& states) {
  std::vector<Dwell> dwells;
  for (const auto state : states) {
    dwells.push_back({code(state), 0, 1, 0});
  }
  return dwells;
}

}  // namespace

TEST_CASE("dwells_of() gives each state its time, without clock steps in between", "[store]") {
  auto database =
      with_clock_steps("; INSERT INTO clock_step VALUES (1, 4000000000), (9, 1000000000)");
  ClockSteps steps{database};
  const auto dwells = dwells_of(closed_connection(), steps);
  REQUIRE(dwells.size() == 2);
  CHECK(dwells[0].state == code(TcpState::established));
  CHECK(dwells[0].clock_adjust_ns == 4 * kSecond);
  CHECK(dwells[0].duration_ns() == 6 * kSecond);
  CHECK_FALSE(dwells[0].is_long());  // connections stay established
  CHECK(dwells[1].duration_ns() == 10 * kSecond);
  CHECK(dwells[1].is_long());
}

TEST_CASE("dwells_of() ends the last state when the connection was last seen", "[store]") {
  auto database = with_clock_steps("");
  ClockSteps steps{database};
  auto left_open = closed_connection();
  left_open.states.pop_back();
  left_open.last_seen_ns = 24 * kSecond;
  const auto dwells = dwells_of(left_open, steps);
  REQUIRE(dwells.size() == 2);
  CHECK(dwells[1].duration_ns() == 4 * kSecond);
  CHECK_FALSE(dwells[1].is_long());
  // A step that comes later counts after reload() only.
  database.exec("INSERT INTO clock_step VALUES (2, 3000000000)");
  CHECK(dwells_of(left_open, steps)[1].duration_ns() == 4 * kSecond);
  steps.reload();
  CHECK(dwells_of(left_open, steps)[1].duration_ns() == kSecond);
}

TEST_CASE("first_fin() finds who closed first", "[store]") {
  using enum TcpState;
  const auto [states, expected] = GENERATE(table<std::vector<TcpState>, FirstFin>({
      {{established, fin_wait_1, fin_wait_2, time_wait}, FirstFin::ours},
      {{established, time_wait}, FirstFin::ours},
      {{established, close_wait, last_ack}, FirstFin::peers},
      {{established}, FirstFin::unknown},
      {std::vector<TcpState>{}, FirstFin::unknown},
  }));
  CHECK(first_fin(dwells_in(states)) == expected);
}

TEST_CASE("flow_key() has our port for inbound connections only", "[store]") {
  auto closed = closed_connection();
  closed.closed_ns = 3 * kHour;
  CHECK((flow_key(closed) == FlowKey{3, 7, 1, 6, kNoNumber, 1, kNoNumber, 3}));
  closed.direction = static_cast<std::int64_t>(Direction::inbound);
  CHECK((flow_key(closed) == FlowKey{3, 7, 2, 6, kNoNumber, 1, 40'000, 3}));
  CHECK((process_flow_key(closed) ==
         FlowKey{3, 7, 2, 6, kNoNumber, kNoNumber, kNoNumber, kNoNumber}));
  CHECK(process_flow_key(closed).is_process_flow());
}

TEST_CASE("flow_key() has the hour of the end, or of the last sight", "[store]") {
  auto closed = closed_connection();
  closed.closed_ns = 2 * kHour - 1;
  closed.last_seen_ns = 2 * kHour;  // the kernel had it in TIME_WAIT
  CHECK(flow_key(closed).hour == 1);
  closed.closed_ns.reset();
  CHECK(flow_key(closed).hour == 2);
  closed.last_seen_ns = -1;
  CHECK(flow_key(closed).hour == -1);
}

TEST_CASE("FlowSum adds counts and keeps the largest and smallest values", "[store]") {
  const auto first = sum_of(closed_connection(), dwells_in({TcpState::close_wait}));
  CHECK(first.opened == 1);
  CHECK(first.closed_by_us == 0);
  CHECK(first.closed_by_peer == 1);
  CHECK(first.longest_ns == 20 * kSecond);

  auto later = closed_connection();
  later.opened_ns.reset();
  later.first_seen_ns = 50 * kSecond;
  later.closed_ns = 60 * kSecond;
  later.bytes_sent.reset();
  later.syns = 4;
  auto sum = first;
  sum.add(sum_of(later, dwells_in({TcpState::time_wait})), 1);
  CHECK(sum.connections == 2);
  CHECK(sum.opened == 1);
  CHECK(sum.closed_by_us == 1);
  CHECK(sum.bytes_sent == 100);
  CHECK(sum.syns == 4);
  CHECK(sum.longest_ns == 20 * kSecond);
  CHECK(sum.first_ns == 10 * kSecond);
  CHECK(sum.last_ns == 50 * kSecond);
  CHECK(sum.first_closed_ns == 30 * kSecond);
  CHECK(sum.last_closed_ns == 60 * kSecond);

  sum.add(first, -1);
  CHECK(sum.connections == 1);
  CHECK(sum.opened == 0);
  CHECK(sum.bytes_sent == 0);
  CHECK(sum.first_ns == 10 * kSecond);  // a smallest value stays
}

TEST_CASE("OpenRates counts seconds, and minutes with their busiest second", "[store]") {
  SQLite::Database database{":memory:", SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  database.exec(
      "CREATE TABLE open_second (second INTEGER, process_id INTEGER, direction INTEGER, opened "
      "INTEGER, PRIMARY KEY (second, process_id, direction)) WITHOUT ROWID;"
      "CREATE TABLE open_minute (minute INTEGER, process_id INTEGER, direction INTEGER, opened "
      "INTEGER, max_opened INTEGER, max_second INTEGER, PRIMARY KEY (minute, process_id, "
      "direction)) WITHOUT ROWID;"
      "CREATE TABLE open_hour (hour INTEGER, process_id INTEGER, direction INTEGER, opened "
      "INTEGER, PRIMARY KEY (hour, process_id, direction)) WITHOUT ROWID");
  OpenRates rates{database};
  rates.add({61, 7, 1}, 2);
  rates.add({62, 7, 1}, 3);
  rates.add({62, 8, 1}, 1);
  rates.write();
  rates.add({61, 7, 1}, 2);
  rates.write();
  CHECK(rows(database, "SELECT * FROM open_second ORDER BY 1, 2") ==
        "61|7|1|4\n62|7|1|3\n62|8|1|1\n");
  CHECK(rows(database, "SELECT * FROM open_minute ORDER BY 1, 2") ==
        "1|7|1|7|4|61\n1|8|1|1|1|62\n");
  rates.add({62, 8, 1}, -1);
  CHECK((rates.unwritten_seconds() == std::vector<OpenRates::Second>{{62, 8, 1}}));
  rates.write();
  rates.delete_empty({62, 8, 1});
  CHECK(rows(database, "SELECT * FROM open_second ORDER BY 1, 2") == "61|7|1|4\n62|7|1|3\n");
  CHECK(rows(database, "SELECT * FROM open_minute ORDER BY 1, 2") == "1|7|1|7|4|61\n");
  for (int deleted = 0; deleted < 3; ++deleted) {
    rates.add({62, 7, 1}, -1);
    rates.add_to_hour({62, 7, 1});
  }
  rates.write();
  rates.delete_empty({62, 7, 1});
  CHECK(rows(database, "SELECT * FROM open_second ORDER BY 1, 2") == "61|7|1|4\n");
  CHECK(rows(database, "SELECT * FROM open_minute ORDER BY 1, 2") == "1|7|1|4|4|61\n");
  CHECK(rows(database, "SELECT * FROM open_hour") == "0|7|1|3\n");
}

}  // namespace netlog_tests::store_rollup_test

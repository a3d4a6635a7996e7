// SPDX-License-Identifier: MIT
#include "report/check.hpp"

#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"

#include <string>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::report_check_test {

using namespace netlog;

namespace {

/// A recording of one connection that was opened, half closed by its peer and reset, all exact.
std::filesystem::path recording(const test::Scratch& scratch) {
  auto path = scratch / "a.db";
  const Session session{"h", "Linux", "6", "0", "b", 0, 1, "trace", 1};
  store::Writer{path, session}.finish(2);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      "INSERT INTO address VALUES (1, 4, '192.0.2.1', x'c0000201');"
      "INSERT INTO connection (id, session_id, protocol, local_address_id, local_port, "
      "remote_address_id, remote_port, direction, owner_source, first_seen_ns, "
      "opened_after_ns, open_error_ns, last_seen_after_ns, closed_after_ns, close_error_ns, "
      "gone, state, outcome, seen_by) "
      "VALUES (1, 1, 6, 1, 80, 1, 5000, 2, 0, 100, 0, 0, 200, 200, 0, 1, 1, 4, 4);"
      "INSERT INTO event (id, connection_id, kind, at_ns, error_ns, old, new) VALUES "
      "(1, 1, 1, 100, 0, NULL, 5), (2, 1, 2, 200, 0, 5, 8), (3, 1, 5, 300, 0, 8, 1)");
  store::Writer{path, session}.finish(2);  // sums up what has ended
  return path;
}

/// `check: connection detail` of the first violation, and how many there are.
std::string first_violation(const std::filesystem::path& path) {
  store::Reader reader{path};
  const auto checked = report::check(reader, 20);
  if (checked.violations == 0) {
    return "none";
  }
  const auto& row = checked.answer.tables.at(1).rows.at(0);
  return std::get<std::string>(row[0]) + ": " + std::get<std::string>(row[2]);
}

}  // namespace

TEST_CASE("a recording as it should be has no violations", "[report]") {
  const test::Scratch scratch;
  const auto path = recording(scratch);
  CHECK(first_violation(path) == "none");
  store::Reader reader{path};
  CHECK(report::check(reader, 20).answer.tables.size() == 1);
}

TEST_CASE("each check finds what it is for", "[report]") {
  const auto [change, expected] = GENERATE(table<std::string, std::string>({
      {"UPDATE event SET new = 6 WHERE id = 2; UPDATE event SET old = 6 WHERE id = 3",
       "none"},  // FIN_WAIT_1 is as good
      {"UPDATE event SET new = 9 WHERE id = 2; UPDATE event SET old = 9 WHERE id = 3",
       "transitions: event 2 goes from ESTABLISHED to LAST_ACK"},
      {"UPDATE event SET new = 9, error_ns = 5 WHERE id = 2; UPDATE event SET old = 9 WHERE id = 3",
       "none"},  // CLOSE_WAIT may have been before it
      {"UPDATE event SET old = 9 WHERE id = 3",
       "states: event 3 comes of LAST_ACK, the one before led to CLOSE_WAIT"},
      {"UPDATE event SET kind = 2 WHERE id = 1; UPDATE event SET old = 2 WHERE id = 1",
       "order: event 1 is the first, and neither open nor present"},
      {"INSERT INTO event VALUES (4, 1, 2, 400, 0, 1, 1); UPDATE event SET kind = 5 WHERE id = 2",
       "order: event 3 follows the close"},
      {"DELETE FROM event", "order: no event at all"},
      {"UPDATE connection SET history = '[[200,3,0,0]]', first_event = 3, last_event = 3",
       "ids: event 3 is there 2 times"},
      {"UPDATE connection SET history = '[[200,3,0,0]]', first_event = 4, last_event = 9",
       "ids: its last event is 4, its row says 9"},
      {"UPDATE connection SET state = 5",
       "ends: its state is not the one that its last event led to"},
      {"UPDATE connection SET gone = 0", "ends: gone is 0, its events say otherwise"},
      {"UPDATE flow_sum SET connections = 2 WHERE flow_id = 1",
       "sums: flow 1 sums up 2 connections, there are 1"},
      {"UPDATE flow_sum SET connections = 2 WHERE flow_id = 2",
       "sums: the flows of processes sum up 2 connections, those of peers 1"},
      {"UPDATE connection SET bytes_sent = 1", "sums: flow 1 sums up 1 connections, there are 1"},
      {"DELETE FROM flow_sum", "sums: flow 1 sums up 0 connections, there are 1"},
      {"UPDATE flow_dwell SET dwells = 7 WHERE state = 0",
       "sums: flow 1 sums up 1 connections, there are 1"},
      {"UPDATE open_minute SET opened = 2",
       "sums: the seconds count 1 openings, the minutes 2, there are 1"},
      {"UPDATE connection SET flow_id = NULL; DELETE FROM flow_sum; DELETE FROM open_second; "
       "DELETE "
       "FROM open_minute",
       "sums: it has ended and is in no sum"},
      {"INSERT INTO peer (id, direction, protocol, remote_address_id) VALUES (7, 2, 6, 1); UPDATE "
       "connection SET peer_id = 7",
       "sums: it is counted for another peer"},
      {"UPDATE connection SET closed_after_ns = -50; DELETE FROM flow_dwell WHERE state = 0",
       "times: closed before it was opened"},
      {"UPDATE connection SET open_error_ns = -1", "times: a negative bound"},
      {"UPDATE event SET error_ns = -1 WHERE id = 2", "times: event 2 has a negative bound"},
      {"PRAGMA foreign_keys = OFF; UPDATE connection SET process_id = 77",
       "file: row 1 of connection refers to a missing process"},
  }));
  CAPTURE(change);
  const test::Scratch scratch;
  const auto path = recording(scratch);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(change);
  CHECK(first_violation(path) == expected);
}

TEST_CASE("a clock that was set back turns times around without a fault", "[report]") {
  const test::Scratch scratch;
  const auto path = recording(scratch);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE connection SET closed_after_ns = -50; DELETE FROM flow_dwell WHERE state = 0;"
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason) VALUES (1, 0, 9, 'clock', "
      "'clock stepped backwards')");
  CHECK(first_violation(path) == "none");
}

}  // namespace netlog_tests::report_check_test

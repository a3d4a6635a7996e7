// SPDX-License-Identifier: MIT
// What a server has of a recording after netlog ship, whatever happened meanwhile.
#include "ship/shipper.hpp"

#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "unit/ship/fake_server.hpp"
#include "util/error.hpp"

#include <algorithm>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::ship_shipper_test {

using namespace netlog;
using namespace netlog::ship;
using fleet::FakeServer;
using fleet::FakeSurroundings;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;

namespace {

void fill(GivenRecording& recording) {
  recording.process(1, "web", 0).process(2, "a'\t\\`\x1b", 0);
  recording.add(listener(1, 80).by(1).from_before());
  recording.add(closed_connection(2).by(2).from(2).to(4).moving(30, 40));
  recording.add(closed_connection(3).by(2).from(3).to(5).ending(Outcome::refused));
  recording.add(open_connection(4).by(2).from(4).remote("2001:db8::1", 443));
  recording.add(closed_connection(5).by(1).from(90'000).to(90'001));  // the next day
  recording.gap(6, 7, "recorder was killed").coverage(0, 60, 5, 5);
}

const std::vector<std::string> kColumns{
    "id", "local_address", "remote_port", "process", "outcome", "bytes_sent", "first_seen"};
const std::string kAll =
    "1|0.0.0.0|NULL|web|open|NULL|0\n"
    "2|192.0.2.1|443|a'\t\\`\x1b|closed|30|2\n"
    "3|192.0.2.1|443|a'\t\\`\x1b|refused|NULL|3\n"
    "4|192.0.2.1|443|a'\t\\`\x1b|open|NULL|4\n"
    "5|192.0.2.1|443|web|closed|NULL|90000\n";

void ship_all(GivenRecording& recording, FakeServer& server) {
  FakeSurroundings around;
  auto reader = recording.open();
  Shipper shipper{reader, server, "db", around.environment};
  shipper.ship_changes();
  shipper.refresh();
}

/// As retention does, in the file.
void delete_connections(GivenRecording& recording, const std::string& ids, int count) {
  recording.open();
  SQLite::Database file{recording.path().string(), SQLite::OPEN_READWRITE};
  file.exec("DELETE FROM event WHERE connection_id IN (" + ids + ")");
  file.exec("DELETE FROM connection WHERE id IN (" + ids + ")");
  file.exec(
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost) VALUES (1, 0, 5, "
      "'retention', 'over --max-size', " +
      std::to_string(count) + ")");
}

}  // namespace

TEST_CASE("the server has each connection, session, gap and window of coverage", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  ship_all(recording, server);
  CHECK(server.rows(connection_table(), kColumns) == kAll);
  CHECK(server.rows(session_table(), {"id", "host", "ended_ns", "ticks"}) ==
        "1|host1|100000000000|1\n");
  CHECK(server.rows(gap_table(), {"id", "reason", "lost"}) == "1|recorder was killed|NULL\n");
  CHECK(server.rows(coverage_table(), {"id", "kernel_opens"}) == "1|5\n");
  CHECK(server.rows(position_table(), {"connection", "is_complete", "may_lack_rows"}) == "5|1|0\n");
}

TEST_CASE("the columns that are read are those of the tables", "[ship]") {
  GivenRecording recording;
  fill(recording);
  auto reader = recording.open();
  report::ShipFeed feed{reader};
  // Without the recording and its version; then without the day, and the clip.
  CHECK(feed.first(0).rows.at(0).size() == connection_table().columns.size() - 3);
  CHECK(feed.sessions(0).rows.at(0).size() == session_table().columns.size() - 3);
  CHECK(feed.gaps(0).rows.at(0).size() == gap_table().columns.size() - 2);
  CHECK(feed.coverage(0).rows.at(0).size() == coverage_table().columns.size() - 3);
}

TEST_CASE("what is sent again is one row, and nothing is sent without a change", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  ship_all(recording, server);
  ship_all(recording, server);
  CHECK(server.rows(connection_table(), kColumns) == kAll);
  FakeSurroundings around;
  auto reader = recording.open();
  Shipper shipper{reader, server, "db", around.environment};
  shipper.refresh();
  const auto before = server.requests;
  shipper.ship_changes();
  shipper.refresh();
  CHECK(server.requests == before);
}

TEST_CASE("a shipper that ends at any request is followed by one that completes it", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer whole;
  ship_all(recording, whole);
  REQUIRE(whole.requests > 8);
  const bool had_effect = GENERATE(false, true);
  for (int last = 1; last <= whole.requests; ++last) {
    FakeServer server;
    auto& when = had_effect ? server.after : server.before;
    when = [&](int request) {
      return request >= last ? std::optional{ServerFailure{false, "killed"}} : std::nullopt;
    };
    INFO("it ends at request " << last << (had_effect ? ", after its effect" : ""));
    CHECK_THROWS_AS(ship_all(recording, server), CommandFailed);
    when = [](int) { return std::nullopt; };
    ship_all(recording, server);
    for (const auto* const table :
         {&connection_table(), &session_table(), &gap_table(), &coverage_table()}) {
      std::vector<std::string> columns;
      for (const auto& column : table->columns) {
        columns.push_back(column.name);
      }
      CHECK(server.rows(*table, columns) == whole.rows(*table, columns));
    }
  }
}

TEST_CASE("two shippers of one recording bring its rows once", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  FakeSurroundings around;
  auto reader = recording.open();
  auto other_reader = recording.open();
  Shipper first{reader, server, "db", around.environment};
  Shipper second{other_reader, server, "db", around.environment};
  first.ship_changes();
  second.ship_changes();
  second.refresh();
  first.refresh();
  CHECK(first.recording() == second.recording());
  CHECK(server.rows(connection_table(), kColumns) == kAll);
}

TEST_CASE("a recording that a power cut has set back is shipped again", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  ship_all(recording, server);
  // The server has rows and a position of a session that the file has lost.
  server.change(position_table(), "session", "2");
  server.change(position_table(), "event_at_ns", "123");
  server.change(connection_table(), "process", "lost");
  server.change(connection_table(), "version", "0");
  ship_all(recording, server);
  CHECK(server.rows(connection_table(), kColumns) == kAll);
}

TEST_CASE("a server that was restored from a backup gets what it lacks", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  FakeSurroundings around;
  auto reader = recording.open();
  Shipper shipper{reader, server, "db", around.environment};
  shipper.ship_changes();
  server.clear();
  // Something happens, else nothing is asked.
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE connection SET last_event = 99, first_event = 99, history = '[1]' WHERE id = 1");
  shipper.ship_changes();
  CHECK(server.rows(connection_table(), kColumns) == kAll);
  CHECK(server.rows(session_table(), {"id"}) == "1\n");
  CHECK(server.rows(gap_table(), {"id"}) == "1\n");
  CHECK(server.rows(position_table(), {"event", "is_complete"}) == "99|1\n");
}

TEST_CASE("a shipper that is behind leaves the position of another one", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  FakeSurroundings around;
  auto reader = recording.open();
  Shipper behind{reader, server, "db", around.environment};
  ship_all(recording, server);
  const auto ahead = server.rows(position_table(), {"version"});
  server.change(position_table(), "event", "1000000");
  behind.ship_changes();
  CHECK(server.rows(position_table(), {"event"}) == "1000000\n");
  CHECK(server.rows(position_table(), {"version"}) == ahead);
  CHECK(server.rows(connection_table(), kColumns) == kAll);
}

TEST_CASE("connections that were deleted before they were shipped are a gap", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  delete_connections(recording, "2, 3", 2);
  ship_all(recording, server);
  CHECK(server.rows(gap_table(), {"id", "source", "reason", "lost"}) ==
        "-1|ship|deleted before it was shipped|2\n"
        "1|recorder|recorder was killed|NULL\n"
        "2|retention|over --max-size|2\n");
}

TEST_CASE("connections that were deleted after they were shipped are none", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  ship_all(recording, server);
  delete_connections(recording, "2", 1);
  ship_all(recording, server);
  CHECK(server.rows(gap_table(), {"id", "reason"}) ==
        "1|recorder was killed\n"
        "2|over --max-size\n");
  CHECK(server.rows(connection_table(), kColumns) == kAll);
}

TEST_CASE("a connection whose end was deleted is not open for ever", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  ship_all(recording, server);
  // Everything that was shipped is gone, and so is the end of an open connection.
  delete_connections(recording, "2, 3, 4, 5", 4);
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE connection SET last_event = 99, first_event = 99, history = '[1]' WHERE id = 1");
  ship_all(recording, server);
  CHECK(server.rows(gap_table(), {"id", "reason", "lost"}) ==
        "-12|deleted before its end was shipped|1\n"
        "1|recorder was killed|NULL\n"
        "2|over --max-size|4\n");
  const auto& statements = server.statements;
  const auto closing = std::find_if(statements.begin(), statements.end(), [](const auto& text) {
    return text.starts_with("INSERT INTO `db`.connection_rows");
  });
  REQUIRE(closing != statements.end());
  CHECK(closing->find("`connection_rows` FINAL WHERE host IN (unhex('686F737431')) AND recording = "
                      "'") != std::string::npos);
  CHECK(closing->ends_with("AND id IN (4)"));
}

TEST_CASE("tables of a newer version, and none, are refused", "[ship]") {
  GivenRecording recording;
  fill(recording);
  FakeServer server;
  FakeSurroundings around;
  server.version = "2";
  CHECK_THROWS_WITH(ship_all(recording, server),
                    "the tables of db on the server have version 2, this netlog knows 1: use a "
                    "newer netlog");
  CHECK_THROWS_AS(create_tables(server, "db", around.environment), CommandFailed);
  server.version = "0";
  CHECK_THROWS_WITH(ship_all(recording, server),
                    "db on the server has no tables of this netlog; make them with netlog ship "
                    "--init --to URL");
  CHECK(server.rows(connection_table(), kColumns).empty());
}

}  // namespace netlog_tests::ship_shipper_test

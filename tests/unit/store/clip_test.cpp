// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "clips.hpp"
#include "os/files.hpp"
#include "report/check.hpp"
#include "report/definition.hpp"
#include "report/report.hpp"
#include "store/clip/redaction.hpp"
#include "store/db/migrate.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/rows.hpp"
#include "support/scenario.hpp"
#include "support/scratch.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cstdlib>
#include <fstream>
#include <random>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog_tests::store_clip_test {

using namespace netlog;
using namespace netlog::store;
using namespace netlog_tests::clips;
using netlog::test::contains_text;
using netlog::test::rows;
using netlog::test::Scratch;

namespace {

std::string as_text(const Answer& answer) {
  std::string text;
  const auto add = [&](const Cell& cell) {
    if (const auto* const number = std::get_if<std::int64_t>(&cell)) {
      text += fmt::format("{}|", *number);
    } else if (const auto* const real = std::get_if<double>(&cell)) {
      text += fmt::format("{}|", *real);
    } else if (const auto* const word = std::get_if<std::string>(&cell)) {
      text += *word + "|";
    } else {
      text += "-|";
    }
  };
  for (const auto& table : answer.tables) {
    text += table.name + "\n";
    for (const auto& row : table.rows) {
      std::for_each(row.begin(), row.end(), add);
      text += "\n";
    }
  }
  const auto& completeness = *answer.completeness;
  text += fmt::format("{} {} {} {} {}|",
                      completeness.from_ns,
                      completeness.to_ns,
                      completeness.gaps,
                      completeness.gaps_ns,
                      completeness.note);
  for (const auto& cell :
       {completeness.kernel_opens, completeness.recorded_opens, completeness.percent}) {
    add(cell);
  }
  return text;
}

}  // namespace

TEST_CASE("each report of a window says the same of the clip and of its source", "[store]") {
  const auto seed = GENERATE(1U, 2U, 3U);
  Scenario scenario{kBegin};
  play(scenario, seed);
  scenario.finish();
  fill_other_tables(scenario.path());
  const Scratch scratch;
  const auto filter = window(scenario.ns(40), scenario.ns(80));
  const auto totals = cut(scenario.path(), scratch / "clip.db", wish_for(filter));
  Reader source{scenario.path()};
  Reader clipped{scratch / "clip.db"};
  CHECK(totals.connections > 20);
  CHECK(rows(scenario.path(), "SELECT count(*) FROM connection") !=
        fmt::format("{}\n", totals.connections));

  for (const auto& report : report::list_reports()) {
    CAPTURE(report.name);
    auto asked = filter;
    if (report.name == "diff") {
      asked = window(scenario.ns(60), scenario.ns(80));
      asked.before_ns = {scenario.ns(40), scenario.ns(55)};
    } else if (report.name == "process") {
      asked.pids = {20};
    }
    const auto expected = as_text(report::run_report(source, report.name, asked, -1));
    CHECK(as_text(report::run_report(clipped, report.name, asked, -1)) == expected);
    // And of instants within it, and with filters.
    asked.until_ns = asked.since_ns = scenario.ns(60);
    CHECK(as_text(report::run_report(clipped, report.name, asked, -1)) ==
          as_text(report::run_report(source, report.name, asked, -1)));
    asked.pids = {10};
    CHECK(as_text(report::run_report(clipped, report.name, asked, -1)) ==
          as_text(report::run_report(source, report.name, asked, -1)));
  }
  CHECK(report::check(clipped, 10).violations == 0);
}

TEST_CASE("a clip is one whole file, with whole lives under the ids that they had", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 4);
  scenario.finish();
  const Scratch scratch;
  const auto out = scratch / "clip.db";
  cut(scenario.path(), out, wish_for(window(scenario.ns(40), scenario.ns(80))));

  CHECK_FALSE(std::filesystem::exists(scratch / "clip.db-wal"));
  CHECK_FALSE(std::filesystem::exists(scratch / "clip.db-journal"));
  CHECK(rows(out, "PRAGMA freelist_count") == "0\n");
  CHECK(rows(out, "PRAGMA journal_mode") == "delete\n");
  const auto ids =
      rows(out, "SELECT group_concat(id) FROM (SELECT id FROM connection ORDER BY id)");
  const auto list = ids.substr(0, ids.size() - 1);
  for (const auto& sql :
       {fmt::format(
            "SELECT id, at_ns, kind, old, new FROM events WHERE connection_id IN ({}) ORDER "
            "BY id",
            list),
        fmt::format("SELECT * FROM connections WHERE id IN ({}) ORDER BY id", list),
        fmt::format("SELECT * FROM long_dwell WHERE connection_id IN ({}) ORDER BY 1, 2, 3", list),
        fmt::format("SELECT id, duration_bucket FROM connection WHERE id IN ({}) ORDER BY id",
                    list)}) {
    CHECK(rows(out, sql) == rows(scenario.path(), sql));
  }
  CHECK_THAT(rows(out, "SELECT from_ns, to_ns, source, source_connections, redacted FROM clip"),
             contains_text("|a.db|") && contains_text("|NULL"));
  // Former owners, and no process that was not there yet.
  CHECK(rows(out,
             "SELECT count(*) FROM event WHERE kind = 4 AND old NOT IN (SELECT id FROM "
             "process)") == "0\n");
  CHECK(rows(out, "SELECT count(*) FROM event WHERE kind = 4 AND old IS NOT NULL") != "0\n");
}

TEST_CASE("a clip of all there is has the sums that the recorder made", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 10);
  scenario.finish();
  const Scratch scratch;
  cut(scenario.path(), scratch / "clip.db", wish_for(window(scenario.ns(0), scenario.ns(200))));
  constexpr const char* kKey =
      "f.process_id, f.direction, f.protocol, f.netns, f.local_address_id, f.local_port, f.peer_id";
  for (const auto& sql :
       {fmt::format(
            "SELECT {}, s.outcome, s.outcome_reason, s.owner_reason, s.connections, "
            "s.opened, s.closed_by_us, s.closed_by_peer, s.longest_ns, s.first_ns, s.last_ns "
            "FROM flow_sum AS s JOIN flow AS f ON f.id = s.flow_id WHERE s.connections > 0 "
            "ORDER BY 1, 2, 3, 4, 5, 6, 7, 8, 9, 10",
            kKey),
        fmt::format(
            "SELECT {}, s.state, s.class, s.dwells, s.longest_ns FROM flow_dwell AS s JOIN "
            "flow AS f ON f.id = s.flow_id WHERE s.dwells > 0 ORDER BY 1, 2, 3, 4, 5, 6, 7, "
            "8, 9",
            kKey),
        std::string{"SELECT * FROM long_dwell ORDER BY 1, 2, 3"},
        std::string{"SELECT * FROM open_second WHERE opened > 0 ORDER BY 1, 2, 3"},
        std::string{"SELECT * FROM open_minute WHERE opened > 0 ORDER BY 1, 2, 3"},
        std::string{"SELECT * FROM port_use ORDER BY 1, 2, 3, 4"}}) {
    CAPTURE(sql);
    CHECK(rows(scratch / "clip.db", sql) == rows(scenario.path(), sql));
    CHECK_FALSE(rows(scratch / "clip.db", sql).empty());
  }
}

TEST_CASE("filters leave out others' connections and processes", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 5);
  scenario.finish();
  const Scratch scratch;
  auto filter = window(scenario.ns(40), scenario.ns(80));
  filter.process = "client";
  auto wish = wish_for(filter);
  wish.include_unrelated_processes = false;
  cut(scenario.path(), scratch / "clip.db", wish);
  CHECK(rows(scratch / "clip.db", "SELECT DISTINCT name FROM process") == "client\n");
  CHECK(rows(scratch / "clip.db", "SELECT DISTINCT process FROM connections") == "client\n");
  Reader source{scenario.path()};
  Reader clipped{scratch / "clip.db"};
  CHECK(report::check(clipped, 10).violations == 0);
  for (const auto& report : report::list_reports()) {
    CAPTURE(report.name);
    if (report.name != "diff" && report.name != "process") {
      CHECK(as_text(report::run_report(clipped, report.name, filter, -1)) ==
            as_text(report::run_report(source, report.name, filter, -1)));
    }
  }
}

TEST_CASE("sessions come along when the window or a row that is copied needs them", "[store]") {
  const Scratch scratch;
  const auto path = scratch / "a.db";
  const auto record = [&](std::int64_t from_ns, const char* boot, std::uint32_t pid) {
    Writer writer{path, Session{"h", "os", "k", "0.1.0", boot, 0, 1, "trace", from_ns}};
    Process process;
    process.id = {pid, pid};
    process.started_ns = from_ns;
    process.name = "p";
    Connection connection;
    connection.id = 1;
    connection.tuple = {Protocol::tcp, Scenario::at("192.0.2.1", 5), Scenario::at("192.0.2.2", 6)};
    connection.direction = Direction::outbound;
    connection.state = TcpState::established;
    connection.owner = {process.id, OwnerSource::exact, {}};
    connection.opened = Moment{from_ns + 1, 0};
    connection.first_seen_ns = connection.last_seen_ns = from_ns + 1;
    writer.push({process,
                 ConnectionEvent{EventKind::open,
                                 *connection.opened,
                                 std::nullopt,
                                 static_cast<std::uint8_t>(TcpState::established),
                                 std::nullopt,
                                 connection},
                 Heartbeat{from_ns + 9, 1, 0, 0}});
    writer.finish(from_ns + 10);
  };
  record(100, "first boot", 1);
  record(200, "second boot", 2);  // its process lives on
  record(300, "second boot", 2);
  record(400, "third boot", 3);
  const auto out = scratch / "clip.db";
  cut(path, out, wish_for(window(301, 305)));
  // Between sessions nobody recorded: that gap touches no window of the third.
  CHECK(rows(out, "SELECT id FROM session") == "2\n3\n");
  CHECK(rows(out, "SELECT session_id, pid FROM process") == "2|2\n");
  CHECK(rows(out, "SELECT id, session_id FROM connection") == "3|3\n");
  CHECK(rows(out, "PRAGMA foreign_key_check").empty());
  CHECK(rows(out, "SELECT count(*) FROM gap") == "0\n");
  cut(path, scratch / "between.db", wish_for(window(350, 360)));
  CHECK(rows(scratch / "between.db", "SELECT session_id, reason FROM gap") == "4|not recording\n");
  // What was open when the second boot was seen last may have been open then.
  CHECK(rows(scratch / "between.db", "SELECT id FROM session") == "2\n3\n4\n");
}

TEST_CASE("a clip can be cut while the recording is written", "[store]") {
  const Scratch scratch;
  Writer writer{scratch / "a.db", Session{"h", "os", "k", "0.1.0", "b", 0, 1, "trace", 5}};
  const auto wish = wish_for(window(0, 10));
  cut(scratch / "a.db", scratch / "clip.db", wish);
  CHECK(rows(scratch / "clip.db", "SELECT started_ns, ended_ns FROM session") == "5|NULL\n");
  writer.finish(9);
}

TEST_CASE("a clip that is stopped says so", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 6);
  scenario.finish();
  const Scratch scratch;
  REQUIRE(os::create_private_file(scratch / "clip.db").has_value());
  CHECK_THROWS_WITH(clip(scenario.path(),
                         scratch / "clip.db",
                         redacted(wish_for(window(scenario.ns(0), scenario.ns(120))), "k", {}),
                         [] { return false; }),
                    contains_text("stopped before"));
}

TEST_CASE("every table of the schema is copied, computed again or filled by the schema",
          "[store]") {
  SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
  migrate(model, ":memory:");
  SQLite::Statement tables{model, "SELECT name FROM sqlite_schema WHERE type = 'table'"};
  const auto known = clipped_tables();
  while (tables.executeStep()) {
    CAPTURE(tables.getColumn(0).getString());
    CHECK(std::find(known.begin(), known.end(), tables.getColumn(0).getString()) != known.end());
  }
}

TEST_CASE("a clip has the lookups of its window, and of the processes of its filters", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 8);
  scenario.finish();
  fill_other_tables(scenario.path());
  const Scratch scratch;
  cut(scenario.path(), scratch / "window.db", wish_for(window(scenario.ns(40), scenario.ns(60))));
  CHECK(rows(scratch / "window.db", "SELECT name, pid FROM lookups") == "www.corp.example|10\n");
  auto filter = window(scenario.ns(0), scenario.ns(120));
  filter.pids = {20};
  auto wish = wish_for(filter);
  wish.include_unrelated_processes = false;
  cut(scenario.path(), scratch / "pid.db", wish);
  CHECK(rows(scratch / "pid.db", "SELECT name, pid FROM lookups") == "mail.corp.example|20\n");
  CHECK(rows(scratch / "pid.db", "SELECT text FROM name") == "mail.corp.example\n");
  for (const auto* const name : {"window.db", "pid.db"}) {
    CHECK(rows(scratch / name, "PRAGMA foreign_key_check").empty());
  }
}

}  // namespace netlog_tests::store_clip_test

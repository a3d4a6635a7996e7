// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "os/files.hpp"
#include "report/check.hpp"
#include "report/definition.hpp"
#include "report/report.hpp"
#include "store/clip/redaction.hpp"
#include "store/db/migrate.hpp"
#include "support/catch.hpp"
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
using netlog::test::contains_text;
using netlog::test::rows;
using netlog::test::Scenario;
using netlog::test::Scratch;

namespace {

const auto kGoOn = [] { return true; };
constexpr std::int64_t kBegin = 1'763'700'000'000'000'000;

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

report::Filter window(std::int64_t from_ns, std::int64_t to_ns) {
  report::Filter filter;
  filter.since_ns = from_ns;
  filter.until_ns = to_ns;
  return filter;
}

ClipOptions wish_for(const report::Filter& filter) {
  auto clause = report::connection_clause(filter);
  ClipOptions wish;
  wish.from_ns = filter.since_ns;
  wish.to_ns = filter.until_ns;
  wish.connections.push_back({std::move(clause.sql), std::move(clause.parameters)});
  return wish;
}

ClipOptions redacted(ClipOptions wish,
                     std::string_view key,
                     std::set<std::string, std::less<>> keep) {
  wish.redaction = RedactionOptions{key_of(key), std::move(keep)};
  return wish;
}

ClipTotals cut(const std::filesystem::path& source,
               const std::filesystem::path& out,
               const ClipOptions& wish) {
  REQUIRE(os::create_private_file(out).has_value());
  return clip(source, out, wish, kGoOn);
}

/// Two minutes of a host with a server, clients of every kind of end, sockets that change hands,
/// and some that never end.
void play(Scenario& scenario, std::uint32_t seed) {
  std::mt19937 random{seed};
  using enum TcpState;
  const ProcessId server{10, 1};
  const ProcessId child{11, 2};
  const ProcessId client{20, 3};
  const ProcessId late{30, 4};
  scenario.start_process(server, 0, "server");
  scenario.start_process(child, 1, "child");
  scenario.start_process(client, 2, "client");
  scenario.start_process(late, 70, "late");
  scenario.add_socket(
      Scenario::row(1, Scenario::at("0.0.0.0", 80), Scenario::at("0.0.0.0", 0), listen), server);
  struct Life {
    std::uint64_t cookie;
    int from;
    int to;
  };
  std::vector<Life> lives;
  for (std::uint64_t cookie = 2; cookie < 90; ++cookie) {
    const int from = static_cast<int>(random() % 115);
    lives.push_back({cookie, from, from + 2 + static_cast<int>(random() % 40)});
  }
  for (int second = 0; second <= 120; ++second) {
    if (second == 60) {
      scenario.set_holder(1, child);
    }
    for (const auto& life : lives) {
      const auto port = static_cast<std::uint16_t>(4000 + life.cookie);
      const bool inbound = life.cookie % 3 == 0;
      const auto peer = (inbound ? "198.51.100." : "203.0.113.") + std::to_string(life.cookie % 7);
      if (second == life.from) {
        const auto local = Scenario::at("192.0.2.1", inbound ? std::uint16_t{80} : port);
        const auto remote = Scenario::at(peer.c_str(), inbound ? port : std::uint16_t{443});
        const auto first = inbound ? established : syn_sent;
        scenario.add_socket(Scenario::row(life.cookie, local, remote, first),
                            inbound                                ? server
                            : life.cookie % 5 == 0 && second >= 70 ? late
                                                                   : client);
      } else if (second == life.from + 1 && life.cookie % 4 != 1) {
        scenario.set_state(life.cookie, life.cookie % 4 == 2 ? close_wait : established);
      } else if (second == life.to) {
        scenario.remove(life.cookie);
      }
    }
    scenario.poll(second);
  }
}

/// Adds what a scenario does not record, so that no table is empty.
void fill_other_tables(const std::filesystem::path& path) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE};
  const auto at = [](int second) { return kBegin + second * kNsPerSecond; };
  database.exec(fmt::format(
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, detail) VALUES "
      "(1, {}, {}, 'tick', 'skipped ticks', 3, NULL), (1, {}, {}, 'trace', 'trace detached', NULL, "
      "'by "
      "somebody'), (1, {}, {}, 'tick', 'suspended', NULL, NULL)",
      at(5),
      at(6),
      at(50),
      at(52),
      at(100),
      at(110)));
  database.exec(fmt::format(
      "INSERT INTO coverage_window (session_id, from_ns, to_ns, kernel_opens, recorded_opens) "
      "VALUES (1, {}, {}, 40, 30), (1, {}, {}, 20, 20), (1, {}, {}, 5, 4)",
      at(0),
      at(30),
      at(30),
      at(60),
      at(60),
      at(90)));
  database.exec(
      fmt::format("INSERT INTO counter_sample (session_id, at_ns, active_opens) VALUES "
                  "(1, {}, 7), (1, {}, 9)",
                  at(10),
                  at(50)));
  database.exec("INSERT INTO service (session_id, pid, tag, name) VALUES (1, 10, 1, 'Dnscache')");
  database.exec(
      "INSERT INTO clip (cut_ns, filters, source, source_connections, source_events, redacted, "
      "netlog_version) VALUES (1, '--user alice', 'first.db', 1, 1, NULL, '0.1.0')");
}

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
                 Event{EventKind::open,
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

TEST_CASE("no secret of any text column or deleted row is in a redacted clip", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 7);
  scenario.finish();
  fill_other_tables(scenario.path());
  {
    SQLite::Database database{utf8(scenario.path()), SQLite::OPEN_READWRITE};
    database.exec("PRAGMA secure_delete = OFF");
    // It has no id.
    database.exec("UPDATE service SET name = 'secret service'");
    SQLite::Statement columns{
        database,
        "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c "
        "WHERE t.type = 'table' AND c.type = 'TEXT' AND t.name <> 'service'"};
    while (columns.executeStep()) {
      const auto table = columns.getColumn(0).getString();
      const auto column = columns.getColumn(1).getString();
      CAPTURE(table, column);
      REQUIRE(database.execAndGet("SELECT count(*) FROM " + table).getInt() > 0);
      database.exec(fmt::format("UPDATE {0} SET {1} = 'secret {0} {1} ' || id", table, column));
    }
    database.exec(
        "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, detail) WITH RECURSIVE n "
        "(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 500) SELECT 1, 0, 1, 'x', 'x', "
        "'secret of a deleted row ' || i FROM n");
    database.exec("DELETE FROM gap WHERE source = 'x'");
    database.exec("PRAGMA wal_checkpoint(TRUNCATE)");
  }
  const Scratch scratch;
  const auto out = scratch / "clip.db";
  REQUIRE_THAT(bytes_of(scenario.path()), contains_text("secret of a deleted row"));
  REQUIRE_THAT(bytes_of(scenario.path()), contains_text("secret process cmdline"));
  const auto wish = wish_for(window(scenario.ns(0), scenario.ns(120)));

  cut(scenario.path(), scratch / "open.db", wish);
  SQLite::Database model{utf8(scratch / "open.db")};
  SQLite::Statement columns{
      model,
      "SELECT t.name, c.name FROM sqlite_schema AS t, pragma_table_info(t.name) AS c WHERE t.type "
      "= 'table' AND c.type = 'TEXT'"};
  const auto open = bytes_of(scratch / "open.db");
  while (columns.executeStep()) {
    // Else the test would not see that one is lost.
    const auto table = columns.getColumn(0).getString();
    if (columns.getColumn(1).getString() == "history") {
      continue;  // a clip has rows instead
    }
    CHECK_THAT(
        open,
        contains_text(table == "service"
                          ? std::string{"secret service"}
                          : fmt::format("secret {} {}", table, columns.getColumn(1).getString())));
  }

  const auto totals = cut(scenario.path(), out, redacted(wish, "k", {}));
  CHECK(totals.connections > 50);
  CHECK(bytes_of(out).find("secret") == std::string::npos);
  CHECK_THAT(rows(out, "SELECT DISTINCT cmdline FROM process"), contains_text("cmdline-"));
  CHECK(rows(out, "SELECT filters, source FROM clip WHERE id = 1") == "NULL|NULL\n");
  CHECK(rows(out, "SELECT redacted FROM clip ORDER BY id DESC LIMIT 1") ==
        "address,boot,cgroup,cmdline,container,container_name,detail,exe,host,kernel,name,os,pod,"
        "pod_name,service,unit,user\n");
}

TEST_CASE("a redacted clip has the same joins, prefixes and numbers", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 8);
  scenario.finish();
  fill_other_tables(scenario.path());
  {
    SQLite::Database database{utf8(scenario.path()), SQLite::OPEN_READWRITE};
    database.exec(
        "UPDATE process SET user = iif(pid < 25, 'alice', 'bob'), exe = '/usr/bin/' || name");
  }
  const Scratch scratch;
  const auto out = scratch / "clip.db";
  const auto wish = wish_for(window(scenario.ns(0), scenario.ns(120)));
  cut(scenario.path(), out, redacted(wish, "k", {"exe"}));
  for (const auto* const sql :
       {"SELECT count(*), count(DISTINCT name), count(DISTINCT user), count(pid) FROM process",
        "SELECT count(DISTINCT local_address), count(DISTINCT remote_address), sum(local_port) "
        "FROM connections",
        "SELECT pid, count(*) FROM connections GROUP BY user, pid ORDER BY pid",
        "SELECT exe FROM process ORDER BY id",
        "SELECT source, reason, lost FROM gaps ORDER BY id",
        "SELECT id, at_ns, kind, old, new FROM events ORDER BY id"}) {
    CAPTURE(sql);
    CHECK(rows(out, sql) == rows(scenario.path(), sql));
  }
  // 203.0.113.0/24 is documentation, and so are the pseudonyms; text and bytes say the same.
  CHECK(rows(out,
             "SELECT count(*) FROM address WHERE text LIKE '203.0.113.%' AND hex(bytes) LIKE "
             "'CB0071%'") ==
        rows(scenario.path(), "SELECT count(*) FROM address WHERE text LIKE '203.0.113.%'"));
  CHECK(rows(out, "SELECT text FROM address ORDER BY id") !=
        rows(scenario.path(), "SELECT text FROM address ORDER BY id"));
  Reader reader{out};
  CHECK(report::check(reader, 10).violations == 0);
}

TEST_CASE("one key gives one file, byte for byte; without a key no two are alike", "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 9);
  scenario.finish();
  fill_other_tables(scenario.path());
  const Scratch scratch;
  const auto wish = wish_for(window(scenario.ns(30), scenario.ns(90)));
  cut(scenario.path(), scratch / "a.db", redacted(wish, "k", {}));
  cut(scenario.path(), scratch / "b.db", redacted(wish, "k", {}));
  CHECK(bytes_of(scratch / "a.db") == bytes_of(scratch / "b.db"));
  auto random = wish;
  random.redaction = RedactionOptions{random_key(), {}};
  cut(scenario.path(), scratch / "c.db", random);
  CHECK(bytes_of(scratch / "a.db") != bytes_of(scratch / "c.db"));
}

TEST_CASE("the finished file is searched, its cells and its free pages", "[store]") {
  const Scratch scratch;
  const auto path = scratch / "clip.db";
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
  migrate(database, path);
  const auto insert = [&](const std::string& detail) {
    database.exec(
        fmt::format("INSERT INTO gap (session_id, from_ns, to_ns, source, reason, "
                    "detail) VALUES (1, 0, 1, 'tick', 'suspended', '{}')",
                    detail));
  };
  Redaction redaction{key_of("k"), {"cmdline"}};
  redaction.allow("tick");
  redaction.allow("suspended");
  const auto pseudonym = redaction.text("process", "user", "alice of the sales department");
  REQUIRE(pseudonym);
  insert(*pseudonym);
  CHECK_FALSE(find_originals(database, path, redaction.texts(), [] {}).original);

  SECTION("a cell that nobody meant to write") {
    insert("bob");
    CHECK(find_originals(database, path, redaction.texts(), [] {}).original == "gap.detail");
  }
  SECTION("a page that was freed") {
    database.exec("PRAGMA secure_delete = OFF");
    insert(std::string(3000, 'x') + "alice of the sales department" + std::string(3000, 'x'));
    database.exec("DELETE FROM gap WHERE detail LIKE 'x%'");
    CHECK(find_originals(database, path, redaction.texts(), [] {}).original == "process.user");
  }
  SECTION("what was kept may contain it, and that is said") {
    REQUIRE(redaction.text("process", "cmdline", "mail alice of the sales department"));
    insert("mail alice of the sales department");
    const auto findings = find_originals(database, path, redaction.texts(), [] {});
    CHECK_FALSE(findings.original);
    CHECK(findings.within_kept == std::set<std::string>{"user"});
  }
  SECTION("it may be stopped, and then nothing has been said") {
    CHECK_THROWS_WITH(
        find_originals(database, path, redaction.texts(), [] { throw StoreError{"stopped"}; }),
        contains_text("stopped"));
  }
}

TEST_CASE("phrases of netlog's own stay, others do not", "[store]") {
  for (const auto* const own : {"tick", "recorder was killed", "sock_diag+notices", "0.1.0"}) {
    CHECK(is_own_phrase(own));
  }
  for (const auto* const other : {"alice", "tick+alice", "10.0.0.5", "", "1.2.3-alice", "tick "}) {
    CHECK_FALSE(is_own_phrase(other));
  }
  // Each reason that the documentation names.
  const char* const root = std::getenv("NETLOG_SOURCE");
  REQUIRE(root != nullptr);
  const auto docs = bytes_of(std::filesystem::path{root} / "docs" / "database.md");
  const auto from = docs.find("| reason |");
  REQUIRE(from != std::string::npos);
  const auto table = docs.substr(from, docs.find("\n\n", from) - from);
  std::size_t reasons = 0;
  for (auto row = table.find("\n| `"); row != std::string::npos; row = table.find("\n| `", row)) {
    row += std::string_view{"\n| `"}.size();
    const auto reason = table.substr(row, table.find('`', row) - row);
    CAPTURE(reason);
    CHECK(is_own_phrase(reason));
    ++reasons;
  }
  CHECK(reasons >= 15);
}

}  // namespace netlog_tests::store_clip_test

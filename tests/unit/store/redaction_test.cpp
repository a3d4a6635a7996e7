// SPDX-License-Identifier: MIT
#include "store/clip/redaction.hpp"

#include "clips.hpp"
#include "report/check.hpp"
#include "store/db/migrate.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <cstdlib>
#include <set>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog_tests::store_redaction_test {

using namespace netlog;
using namespace netlog::store;
using namespace netlog_tests::clips;
using netlog::test::contains_text;
using netlog::test::rows;
using netlog::test::Scratch;

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
        "address,boot,cgroup,cmdline,container,container_name,detail,dns_name,exe,host,kernel,name,"
        "os,pod,pod_name,service,unit,user\n");
}

TEST_CASE("names are redacted label by label, answers as names and addresses elsewhere",
          "[store]") {
  Scenario scenario{kBegin};
  play(scenario, 8);
  scenario.finish();
  fill_other_tables(scenario.path());
  const Scratch scratch;
  const auto out = scratch / "clip.db";
  const auto wish = wish_for(window(scenario.ns(0), scenario.ns(120)));
  const auto totals = cut(scenario.path(), out, redacted(wish, "k", {}));
  CHECK(totals.lookups == 4);
  const auto bytes = bytes_of(out);
  for (const auto* const label : {"mail", "corp", "example", "elsewhere", "test."}) {
    CAPTURE(label);
    CHECK(bytes.find(label) == std::string::npos);
  }
  SQLite::Database clip{utf8(out), SQLite::OPEN_READONLY};
  const auto text = [&](int id) {
    return clip.execAndGet(fmt::format("SELECT text FROM name WHERE id = {}", id)).getString();
  };
  // n-3f9a0c51e2b7.n-… : what follows the first label is common.
  CHECK(text(1).size() == std::string_view{"n-3f9a0c51e2b7"}.size() * 3 + 2);
  CHECK(text(1) != text(2));
  CHECK(text(1).substr(text(1).find('.')) == text(2).substr(text(2).find('.')));
  CHECK(text(3).size() == std::string_view{"n-3f9a0c51e2b7"}.size() * 2 + 1);
  CHECK(text(4) == ".");
  CHECK(rows(clip, "SELECT answers FROM lookups WHERE type = 'CNAME'") == text(1) + "\n");
  for (const auto* const address : {"203.0.113.1", "203.0.113.2"}) {
    const auto id =
        rows(scenario.path(), fmt::format("SELECT id FROM address WHERE text = '{}'", address));
    auto pseudonym = rows(clip, "SELECT text FROM address WHERE id = " + id);
    pseudonym.pop_back();
    CHECK_THAT(rows(clip, "SELECT answers FROM lookups WHERE id = 1"), contains_text(pseudonym));
  }
  CHECK(rows(clip, "SELECT type, rcode, server <> '192.0.2.53:53' FROM lookups ORDER BY id") ==
        "A|NOERROR|1\nCNAME|NOERROR|1\nA|NXDOMAIN|1\nNS|NULL|1\n");
  for (const auto* const sql : {"SELECT id, name_source, remote_name IS NULL FROM peers",
                                "SELECT id, process_id, at_ns FROM lookups ORDER BY id"}) {
    CAPTURE(sql);
    CHECK(rows(clip, sql) == rows(scenario.path(), sql));
  }

  const auto kept = scratch / "kept.db";
  cut(scenario.path(), kept, redacted(wish, "k", {"dns_name"}));
  CHECK(rows(kept, "SELECT text FROM name ORDER BY id") ==
        "mail.corp.example\nwww.corp.example\nelsewhere.test\n.\n");
  CHECK(rows(kept, "SELECT answers <> '203.0.113.1, 203.0.113.2' FROM lookups WHERE id = 1") ==
        "1\n");
  const auto addresses = scratch / "addresses.db";
  cut(scenario.path(), addresses, redacted(wish, "k", {"address"}));
  CHECK(rows(addresses, "SELECT answers FROM lookups WHERE id = 1") ==
        "203.0.113.1, 203.0.113.2\n");
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
  SECTION("a pseudonym with an original label") {
    Redaction broken{key_of("k"), {}};
    const auto name = broken.text("name", "text", "corp.example");
    REQUIRE(name);
    auto texts = broken.texts();
    texts.allowed.insert({"tick", "suspended", *pseudonym});
    CHECK_FALSE(find_originals(database, path, texts, [] {}).original);
    texts.names.insert("n-3f9a0c51e2b7.corp");
    CHECK(find_originals(database, path, texts, [] {}).original == "name.text");
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

}  // namespace netlog_tests::store_redaction_test

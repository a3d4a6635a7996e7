// SPDX-License-Identifier: MIT
#include "store/db/schema.hpp"

#include "store/db/migrate.hpp"
#include "store/db/open_readonly.hpp"
#include "store/read/reader.hpp"
#include "store/salvage/salvage.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/load.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog_tests::store_schema_test {

using namespace netlog;
using namespace netlog::store;
using netlog::test::contains_text;
using netlog::test::rows;

namespace {

void record_into(const std::filesystem::path& path, std::int64_t session = 1) {
  test::Load load{1, session};
  Writer writer{path, load.session()};
  writer.push(load.batch(20));
  writer.finish(load.now_ns());
}

void run(const std::filesystem::path& path, const std::string& sql) {
  SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
  sqlite3_db_config(database.getHandle(), SQLITE_DBCONFIG_DEFENSIVE, 0, nullptr);
  database.exec(sql);
}

std::string bytes_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

std::int64_t number(Reader& reader, const char* sql) {
  return std::get<std::int64_t>(reader.query(sql).cells.at(0).at(0));
}

std::string refusal(const std::filesystem::path& path) {
  try {
    const Reader reader{path};
  } catch (const StoreError& error) {
    return error.what();
  }
  return "it was opened";
}

std::string writer_refusal(const std::filesystem::path& path) {
  try {
    record_into(path, 9);
  } catch (const StoreError& error) {
    return error.what();
  }
  return "it was opened";
}

}  // namespace

TEST_CASE("a file holds the views of the build and is of version 1", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  CHECK(rows(path, "PRAGMA application_id") == "1852600167\n");
  CHECK(rows(path, "PRAGMA user_version") == "1\n");
  std::string views;
  for (const auto& view : current_schema().views) {
    views += view.name + "|" + view.sql + "\n";
  }
  CHECK(rows(path, "SELECT name, sql FROM sqlite_schema WHERE type = 'view' ORDER BY rowid") ==
        views);
}

TEST_CASE("the recorder restores views and indexes that are missing or different", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const auto* const kSchema =
      "SELECT name, sql FROM sqlite_schema WHERE type IN ('view', 'index') ORDER BY name";
  const auto before = rows(path, kSchema);
  run(path,
      "DROP VIEW gaps; CREATE VIEW gaps AS SELECT * FROM missing; DROP VIEW peers; DROP INDEX "
      "event_of_owner");
  CHECK(rows(path, kSchema) != before);
  record_into(path, 2);
  CHECK(rows(path, kSchema) == before);
}

TEST_CASE("the recorder leaves the schema alone if it is as it should be", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const auto before = rows(path, "PRAGMA schema_version");
  record_into(path, 2);
  CHECK(rows(path, "PRAGMA schema_version") == before);
}

TEST_CASE("what a user adds stops neither a reader nor the recorder", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const std::string addition = GENERATE(
      as<std::string>{},
      "CREATE TABLE note (connection_id, text)",
      "CREATE TABLE _litestream_seq (id INTEGER PRIMARY KEY, seq "
      "INTEGER); CREATE TABLE _litestream_lock (id INTEGER)",
      "CREATE INDEX mine ON connection (local_port)",
      "CREATE INDEX \"my \"\"own\"\"\" ON event (at_ns DESC, error_ns COLLATE nocase)",
      "ALTER TABLE connection ADD COLUMN ticket TEXT",
      "ALTER TABLE service ADD COLUMN ticket TEXT; ALTER TABLE service ADD COLUMN b REAL DEFAULT 1",
      "ALTER TABLE flow_sum ADD COLUMN ticket TEXT; ALTER TABLE port_use ADD COLUMN x ANY",
      "ALTER TABLE connection ADD COLUMN \"my \"\"note\" TEXT; ALTER TABLE connection ADD COLUMN "
      "[another one] INTEGER DEFAULT 7; ALTER TABLE connection ADD COLUMN `x--` TEXT",
      "ALTER TABLE connection ADD COLUMN ticket TEXT DEFAULT 'it''s -- checked'; ALTER "
      "TABLE connection ADD COLUMN cost REAL /* cents, not (null) */ DEFAULT -1.5e-3; ALTER "
      "TABLE connection ADD COLUMN as_text TEXT COLLATE nocase NULL",
      "CREATE VIEW mine AS SELECT * FROM connections",
      "CREATE TABLE mine (a); CREATE TRIGGER t AFTER INSERT ON "
      "mine BEGIN DELETE FROM mine; END",
      "CREATE VIRTUAL TABLE words USING fts5(text)",
      "DROP INDEX event_of_owner",
      "ANALYZE");
  CAPTURE(addition);
  run(path, addition);
  const auto added = rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name");
  {
    Reader reader{path};
    CHECK(number(reader, "SELECT count(*) FROM connections") == 20);
    CHECK(number(reader, "SELECT count(*) > 20 FROM events") == 1);
  }
  record_into(path, 2);
  Reader reader{path};
  CHECK(number(reader, "SELECT count(*) FROM connections") == 40);
  if (addition.find("DROP") == std::string::npos) {
    CHECK(rows(path, "SELECT type, name, sql FROM sqlite_schema ORDER BY type, name") == added);
  }
}

TEST_CASE("salvage saves rows with columns of the user, and none of the user's tables", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path,
      "ALTER TABLE event ADD COLUMN ticket TEXT DEFAULT 'x'; UPDATE event SET ticket = "
      "'y'; CREATE TABLE mine AS SELECT id + 1000 AS id, session_id, netns, from_ns, to_ns, "
      "source, "
      "reason, lost, detail FROM gap");
  const auto events = rows(path, "SELECT count(*) FROM events");
  CHECK(salvage(path, scratch / "saved.db").damaged() == false);
  CHECK(rows(scratch / "saved.db", "SELECT count(*) FROM events") == events);
  CHECK(rows(scratch / "saved.db", "SELECT count(*) FROM gap") == "0\n");
}

TEST_CASE("a table of the user keeps its name, and does not answer for a view", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path, "DROP VIEW gaps; CREATE TABLE gaps (text); INSERT INTO gaps VALUES ('mine')");
  record_into(path, 2);
  CHECK(rows(path, "SELECT text FROM gaps") == "mine\n");
  Reader reader{path};
  CHECK(reader.query("SELECT reason FROM gaps").names == std::vector<std::string>{"reason"});
}

TEST_CASE("a reader takes nothing from the file's views", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path,
      "DROP VIEW connections; CREATE VIEW connections AS SELECT 7 AS id;"
      "CREATE VIEW mine AS SELECT 1 AS id;"
      "CREATE VIRTUAL TABLE words USING fts5(text)");
  Reader reader{path};
  CHECK(number(reader, "SELECT count(*) FROM connections") == 20);
  CHECK(number(reader, "SELECT count(local_port) FROM connections") == 20);
  for (const auto* const sql :
       {"SELECT id FROM mine",
        "SELECT count(*) FROM mine",
        "SELECT 1 FROM MINE",
        "WITH connections AS (SELECT id FROM mine) SELECT * FROM connections",
        "SELECT id FROM main.connections",
        "SELECT count(*) FROM main.connections"}) {
    CAPTURE(sql);
    CHECK_THROWS_WITH(reader.query(sql), contains_text("netlog runs only its own"));
  }
  CHECK_THROWS_WITH(reader.query("SELECT text FROM words"), contains_text("no such module: fts5"));
  CHECK(number(reader, "SELECT count(*) FROM main.connection") == 20);
}

TEST_CASE("a table that shadows SQLite's own does not hide what is in the file", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path,
      "CREATE TRIGGER t AFTER INSERT ON gap BEGIN DELETE FROM event; END;"
      "CREATE TABLE shadow (type, name, tbl_name, rootpage, sql)");
  const auto [name, why] = GENERATE(table<std::string, std::string>({
      {"pragma_table_xinfo", "trigger 't' on its table 'gap'"},
      {"sqlite_schema", "malformed database schema"},
  }));
  run(path,
      fmt::format(
          "PRAGMA writable_schema = ON; UPDATE sqlite_master SET name = '{0}', tbl_name = "
          "'{0}', sql = 'CREATE TABLE {0} (type, name, tbl_name, rootpage, sql)' WHERE name "
          "= 'shadow'",
          name));
  CHECK_THAT(refusal(path), contains_text(why));
  CHECK_THAT(writer_refusal(path), contains_text(why));
}

TEST_CASE("a schema that hides rows or contradicts itself is refused", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const auto [sql, why] = GENERATE(table<std::string, std::string>({
      {"CREATE UNIQUE INDEX i ON connection (iif(local_port = 443, 1, id))",
       "the unique index 'i' on its table connection"},
      {"ALTER TABLE connection ADD COLUMN x INTEGER CHECK (local_port <> 443)",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN x INTEGER AS (iif(local_port = 443, NULL, 1))",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE service ADD COLUMN x INTEGER CHECK (pid <> 443)",
       "table service is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN x INTEGER NOT NULL DEFAULT 1",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN x INTEGER DEFAULT 21777; PRAGMA writable_schema = ON; "
       "UPDATE sqlite_schema SET sql = replace(sql, '21777', '(abs(random()))') WHERE name = "
       "'connection'",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN \"x\" INTEGER AS (local_port)",
       "table connection is not defined as netlog does it"},
      // Comments within quotes are none, and quotes within comments are none.
      {"ALTER TABLE connection ADD COLUMN \"x--\" INTEGER NOT NULL ON CONFLICT IGNORE AS "
       "(iif(21777 "
       "IN (local_port, remote_port), NULL, 1)) VIRTUAL\n",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN [x/*] INTEGER AS (iif(local_port = 21777, NULL, 1)); "
       "ALTER "
       "TABLE connection ADD COLUMN `*/` TEXT",
       "table connection is not defined as netlog does it"},
      {"ALTER TABLE connection ADD COLUMN y TEXT DEFAULT 'it''s /*'; ALTER TABLE connection ADD "
       "COLUMN x INTEGER AS (iif(local_port = 21777, NULL, 1)); ALTER TABLE connection ADD COLUMN "
       "z "
       "TEXT DEFAULT '*/'",
       "table connection is not defined as netlog does it"},
      {"CREATE INDEX i ON connection (CASE WHEN 21777 IN (local_port, remote_port) THEN "
       "abs(-9223372036854775807 - 1 - id * 0) END)",
       "the index 'i' on its table connection has an expression"},
      {"CREATE INDEX \"i\"\"i\" ON event (abs(at_ns))",
       "the index 'i\"i' on its table event has an expression"},
      {"CREATE INDEX i ON connection (id) WHERE abs(local_port - 21777 - 9223372036854775807) > 0",
       "the index 'i' on its table connection has a condition"},
      {"DROP INDEX connection_by_flow; CREATE INDEX connection_by_flow ON connection (flow_id) "
       "WHERE abs(local_port) > 0",
       "the index 'connection_by_flow' on its table connection has a condition"},
      {"CREATE INDEX i ON connection (local_port); PRAGMA writable_schema = ON; UPDATE "
       "sqlite_schema SET sql = 'CREATE INDEX i ON connection (local_port COLLATE other)' WHERE "
       "name = 'i'",
       "the index 'i' on its table connection has a collation that netlog does not have"},
      {"PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = replace(sql, 'local_port "
       "INTEGER NOT NULL,', 'local_port INTEGER NOT NULL ON CONFLICT IGNORE,') WHERE name = "
       "'connection'",
       "table connection is not defined as netlog does it"},
      {"PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('table', 'x', 'x', 7, "
       "'CREATE TRIGGER t BEFORE INSERT ON connection BEGIN SELECT RAISE(IGNORE); END')",
       "malformed database schema (x)"},
      {"PRAGMA writable_schema = ON; INSERT INTO sqlite_schema VALUES ('index', 'x', 'x', 0, "
       "'CREATE VIEW x AS SELECT 1')",
       "malformed database schema (x)"},
      {"ANALYZE; PRAGMA writable_schema = ON; UPDATE sqlite_schema SET sql = 'CREATE TABLE "
       "sqlite_stat1(tbl,idx,stat AS (hex(tbl)))' WHERE name = 'sqlite_stat1'",
       "its schema says of 'sqlite_stat1' what it is not"},
  }));
  CAPTURE(sql);
  run(path, sql);
  for (const auto& message : {refusal(path), writer_refusal(path)}) {
    CHECK_THAT(message, contains_text("cannot open recording " + path.string()));
    CHECK_THAT(message, contains_text(why));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("a schema that changes while the file is read is checked again", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  Reader reader{path};
  CHECK(number(reader, "SELECT count(*) FROM gaps") == 0);
  const auto [sql, why] = GENERATE(table<std::string, std::string>({
      {"ALTER TABLE gap RENAME TO gap2; CREATE VIEW gap AS SELECT * FROM gap2",
       "gap is not an ordinary table"},
      {"CREATE TRIGGER t AFTER INSERT ON gap BEGIN DELETE FROM event; END", "trigger 't'"},
      {"DROP TABLE gap; CREATE VIRTUAL TABLE gap USING fts5(id)", "gap is not an ordinary table"},
      {"CREATE VIEW mine AS SELECT 1 AS id", ""},
  }));
  CAPTURE(sql);
  run(path, sql);
  if (why.empty()) {
    CHECK(number(reader, "SELECT count(*) FROM gaps") == 0);
    CHECK_THROWS_WITH(reader.query("SELECT id FROM mine"),
                      contains_text("netlog runs only its own"));
  } else {
    CHECK_THROWS_WITH(reader.query("SELECT count(*) FROM gaps"), contains_text(why));
  }
}

TEST_CASE("a trigger that comes while the file is written does not run", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  test::Load load{1, 2};
  Writer writer{path, load.session()};
  run(path,
      "CREATE TRIGGER hide BEFORE INSERT ON connection BEGIN SELECT RAISE(IGNORE); END; CREATE "
      "TRIGGER hide2 BEFORE INSERT ON event BEGIN SELECT RAISE(IGNORE); END");
  writer.push(load.batch(20));
  writer.finish(load.now_ns());
  CHECK(rows(path, "SELECT count(*) FROM connection") == "40\n");
}

TEST_CASE("a file with too many views is refused", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path,
      "PRAGMA writable_schema = ON; WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM "
      "n WHERE i < 25000) INSERT INTO sqlite_schema SELECT 'view', 'v' || i, 'v' || i, 0, 'CREATE "
      "VIEW v' || i || ' AS SELECT 1' FROM n");
  CHECK_THAT(refusal(path), contains_text("reading its schema takes too long"));
  CHECK_THAT(writer_refusal(path), contains_text("reading its schema takes too long"));
}

TEST_CASE("one long text of many connections does not fill the memory", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  run(path,
      "UPDATE process SET name = printf('%.*c', 1000000, 'A'); WITH RECURSIVE k (x) AS (SELECT 1 "
      "UNION ALL SELECT x + 1 FROM k WHERE x < 60) INSERT INTO connection (session_id, protocol, "
      "local_address_id, local_port, direction, process_id, owner_source, first_seen_ns, "
      "last_seen_after_ns, gone, outcome, seen_by) SELECT session_id, protocol, local_address_id, "
      "local_port, direction, process_id, owner_source, first_seen_ns, last_seen_after_ns, gone, "
      "outcome, seen_by FROM (SELECT * FROM connection WHERE process_id IS NOT NULL LIMIT 1), k");
  Reader reader{path};
  const auto answer = reader.query("SELECT process FROM connections WHERE process IS NOT NULL");
  CHECK(answer.cells.size() >= 60);
  for (const auto& row : answer.cells) {
    REQUIRE(std::get<std::string>(row.at(0)).size() == 1'024);
  }
}

TEST_CASE("what stands in the place of our tables is refused in one line", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const auto [sql, why] = GENERATE(table<std::string, std::string>({
      {"CREATE TRIGGER t AFTER INSERT ON gap BEGIN DELETE FROM event; END",
       "trigger 't' on its table 'gap'; netlog runs nothing of a file's own, drop it with sqlite3"},
      {"CREATE TRIGGER t BEFORE UPDATE ON SESSION BEGIN SELECT 1; END",
       "trigger 't' on its table 'SESSION'"},
      {"ALTER TABLE gap RENAME TO gap2; CREATE VIEW gap AS SELECT * FROM gap2",
       "gap is not an ordinary table"},
      {"DROP TABLE gap; CREATE VIRTUAL TABLE gap USING fts5(id)", "gap is not an ordinary table"},
      {"DROP TABLE gap", "it has no table gap"},
      {"DROP VIEW blind_gaps; DROP VIEW gaps; ALTER TABLE gap DROP COLUMN lost",
       "table gap has no column lost"},
      // SQLite takes a byte-order mark for a blank.
      {"ALTER TABLE gap ADD COLUMN mine INTEGER \xEF\xBB\xBF"
       "CHECK (mine > 0)",
       "table gap"},
      {"DROP VIEW blind_gaps; DROP VIEW gaps; ALTER TABLE gap DROP COLUMN lost; ALTER TABLE gap "
       "ADD COLUMN lost TEXT",
       "column lost of gap has another type"},
      {"DROP VIEW blind_gaps; DROP VIEW gaps; ALTER TABLE gap DROP COLUMN lost; ALTER TABLE gap "
       "ADD COLUMN lost INTEGER "
       "AS (abs(id))",
       "column lost of gap is generated"},
      {"DROP TABLE long_dwell; CREATE TABLE long_dwell (connection_id INTEGER PRIMARY KEY, state "
       "INTEGER, from_ns INTEGER, to_ns INTEGER, clock_adjust_ns INTEGER)",
       "column state of long_dwell has another place in the primary key"},
  }));
  CAPTURE(sql);
  run(path, sql);
  for (const auto& message : {refusal(path), writer_refusal(path)}) {
    CHECK_THAT(message, contains_text("cannot open recording " + path.string() + ": " + why));
    CHECK(message.find('\n') == std::string::npos);
  }
}

TEST_CASE("the recorder refuses a file whose numbers are used up", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  const std::string table = GENERATE("session", "address", "process", "connection", "event");
  run(path,
      "UPDATE " + table + " SET id = 4611686018427387903 WHERE id = (SELECT max(id) FROM " + table +
          ")");
  CHECK(writer_refusal(path) == "it was opened");
  run(path,
      "UPDATE " + table + " SET id = 9223372036854775807 WHERE id = (SELECT max(id) FROM " + table +
          ")");
  CHECK(refusal(path) == "it was opened");
  CHECK(writer_refusal(path) == "cannot open recording " + path.string() +
                                    ": its numbers are used up, a row of " + table +
                                    " has the id 9223372036854775807; record into a new file");
}

TEST_CASE("a transaction of another program that was cut off has to be undone first", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto copy = scratch / "copy.db";
  record_into(path);
  {
    SQLite::Database other{path.string(), SQLite::OPEN_READWRITE};
    other.exec(
        "PRAGMA cache_size = 1; CREATE TABLE filler (bytes); BEGIN; INSERT INTO filler WITH "
        "RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 100) SELECT "
        "zeroblob(4000) FROM n");
    std::filesystem::copy_file(path, copy);
    std::filesystem::copy_file(path.string() + "-journal", copy.string() + "-journal");
  }
  CHECK(refusal(copy) ==
        "cannot open recording " + copy.string() +
            ": another program was interrupted while it wrote into it; undo that, on a copy of it "
            "and its -journal if it is evidence, with: sqlite3 " +
            copy.string() + " 'PRAGMA user_version'");
  run(copy, "PRAGMA user_version");
  CHECK(refusal(copy) == "it was opened");
}

TEST_CASE("the recorder refuses a column whose DEFAULT no row could have", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  SECTION("no value of the type") {
    const auto [on, column] = GENERATE(table<const char*, const char*>({
        {"session", "INTEGER DEFAULT 'abc'"},
        {"gap", "INTEGER DEFAULT 1.5"},
        {"counter_sample", "BLOB DEFAULT 3"},
        {"event", "REAL DEFAULT CURRENT_TIMESTAMP"},
    }));
    // SQLite itself refuses it where the table has rows that it reads.
    run(path, fmt::format("DELETE FROM {0}; ALTER TABLE {0} ADD COLUMN note {1}", on, column));
    CHECK(refusal(path) == "it was opened");
    CHECK_THAT(writer_refusal(path),
               contains_text(fmt::format("column 'note' of {} takes only ", on)) &&
                   contains_text("drop the column with sqlite3"));
  }
  SECTION("so long that it defeats --max-size") {
    const std::string text(600, 'x');
    const auto number = GENERATE(1, 2, 20);  // of columns
    for (int i = 0; i < number; ++i) {
      run(path, fmt::format("ALTER TABLE event ADD COLUMN note{} TEXT DEFAULT '{}'", i, text));
    }
    CHECK(refusal(path) == "it was opened");
    if (number == 1) {
      CHECK(writer_refusal(path) == "it was opened");
    } else {
      CHECK_THAT(writer_refusal(path),
                 contains_text("column 'note1' of event has a DEFAULT that makes each new row "
                               "larger by 602 bytes; drop the column with sqlite3"));
    }
  }
  SECTION("a value of the type") {
    for (const auto* const column : {"a INTEGER DEFAULT '12'",
                                     "b TEXT DEFAULT 12",
                                     "c ANY DEFAULT x",
                                     "d REAL DEFAULT -1",
                                     "e INTEGER DEFAULT NULL",
                                     "f INTEGER DEFAULT TRUE"}) {
      run(path, fmt::format("ALTER TABLE session ADD COLUMN {}", column));
    }
    CHECK(writer_refusal(path) == "it was opened");
  }
}

TEST_CASE("a file of an unreleased version is refused, which says so", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "old.db";
  const auto version = GENERATE(1, 2, 3, 4, 5);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE}.exec(fmt::format(
      "CREATE TABLE code_name (kind TEXT NOT NULL, code INTEGER NOT NULL, name TEXT NOT NULL, "
      "PRIMARY KEY (kind, code)) STRICT, WITHOUT ROWID; CREATE TABLE session (id INTEGER PRIMARY "
      "KEY) STRICT; PRAGMA application_id = 1852600167; PRAGMA user_version = {}",
      version));
  const auto before = bytes_of(path);
  const auto expected = fmt::format(
      "cannot open recording {}: it was made by a netlog that was never released (its "
      "schema version {}); record into a new file",
      path.string(),
      version);
  CHECK(refusal(path) == expected);
  CHECK(writer_refusal(path) == expected);
  CHECK(bytes_of(path) == before);
}

TEST_CASE("a file of an older version is read without being changed", "[store]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record_into(path);
  // As a later version of netlog could be.
  std::string views;
  for (const auto& view : current_schema().views) {
    views += "\n" + view.sql + ";\n";
  }
  const auto later =
      make_schema(current_schema().creation +
                      "ALTER TABLE gap ADD COLUMN severity INTEGER;"
                      "ALTER TABLE gap ADD COLUMN checked INTEGER NOT NULL DEFAULT 7;"
                      "CREATE TABLE remark (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;",
                  {"ALTER TABLE gap ADD COLUMN severity INTEGER;"
                   "ALTER TABLE gap ADD COLUMN checked INTEGER NOT NULL DEFAULT 7;"
                   "CREATE TABLE remark (id INTEGER PRIMARY KEY, name TEXT NOT NULL) STRICT;"},
                  views +
                      "\nCREATE VIEW severities AS SELECT id, severity, checked, reason FROM gap;\n"
                      "\nCREATE VIEW remarks AS SELECT id, name FROM remark;\n");
  REQUIRE(later.version == 2);
  run(path,
      "INSERT INTO gap (session_id, from_ns, to_ns, source, reason) VALUES (1, 2, 3, 's', 'r')");
  const auto before = bytes_of(path);
  const auto answers = [&](const std::filesystem::path& file) {
    auto database = open_readonly(file, later);
    const auto text = [&](const char* sql) { return database.execAndGet(sql).getString(); };
    return text(
               "SELECT id || ' ' || coalesce(severity, 'NULL') || ' ' || checked || ' ' || reason "
               "FROM severities") +
           ", " + text("SELECT count(*) FROM remarks") + " remarks, " +
           text("SELECT count(*) FROM connections") + " connections";
  };
  CHECK(answers(path) == "1 NULL 7 r, 0 remarks, 20 connections");
  SECTION("the recorder migrates it") {
    SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
    migrate(database, path, later);
    CHECK(answers(path) == "1 NULL 7 r, 0 remarks, 20 connections");
    CHECK(rows(path, "SELECT severity, checked FROM severities") == "NULL|7\n");
    CHECK_THAT(refusal(path),
               contains_text("schema version 2 is newer than this build's 1; use a newer netlog"));
  }
  SECTION("nothing is written") {
    CHECK(bytes_of(path) == before);
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator{path.parent_path()}) {
      names.push_back(entry.path().filename().string());
    }
    CHECK(names == std::vector<std::string>{"a.db"});
  }
}

}  // namespace netlog_tests::store_schema_test

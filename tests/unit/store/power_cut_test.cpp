// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/power_cuts.hpp"
#include "support/scratch.hpp"

#include <filesystem>
#include <random>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>

namespace netlog_tests::store_power_cut_test {

using namespace netlog;

namespace {

/// Cuts the power of a database whose writer does not wait for the disk.
bool survives(std::uint64_t seed, const char* synchronous) {
  const test::Scratch scratch;
  const auto before = scratch / "before";
  const auto after = scratch / "after";
  std::filesystem::create_directory(before);
  std::filesystem::create_directory(after);
  std::mt19937_64 random{seed};
  test::FaultVfs vfs;
  vfs.watch(before);
  {
    SQLite::Database database{(before / "a.db").string(),
                              SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    database.exec("PRAGMA journal_mode = DELETE");
    database.exec(std::string{"PRAGMA synchronous = "} + synchronous);
    database.exec("CREATE TABLE t (id INTEGER PRIMARY KEY, x TEXT); CREATE INDEX i ON t (x)");
    vfs.cut_after(1 + static_cast<std::int64_t>(seed * 7 % 300), nullptr);
    for (int i = 0; i < 30; ++i) {
      database.exec(
          "INSERT INTO t (x) WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE "
          "i < 15) SELECT hex(randomblob(100)) FROM n");
    }
    vfs.cut();
  }
  vfs.restore(random, after);
  try {
    SQLite::Database database{(after / "a.db").string(), SQLite::OPEN_READWRITE};
    return database.execAndGet("PRAGMA integrity_check").getString() == "ok";
  } catch (const SQLite::Exception&) {
    return false;
  }
}

}  // namespace

TEST_CASE("what a power cut may leave destroys a database that is not synced", "[store][faults]") {
  int synced = 0;
  int careless = 0;
  for (std::uint64_t seed = 1; seed <= 12; ++seed) {
    synced += survives(seed, "FULL") ? 1 : 0;
    careless += survives(seed, "OFF") ? 1 : 0;
  }
  CHECK(synced == 12);
  CHECK(careless < 12);
}

TEST_CASE("after a power cut the recording is whole, and what is missing is on record",
          "[store][faults]") {
  const test::Scratch scratch;
  test::PowerCuts cuts{1, scratch / "cuts"};
  const auto& totals = cuts.totals();
  const auto came_at_every_time = [&] {
    return totals.while_beginning > 0 && totals.while_writing > 0 && totals.while_ending > 0 &&
           totals.with_loss > 0;
  };
  for (int i = 0; i < 15 || (i < 100 && !came_at_every_time()); ++i) {
    cuts.cut();
  }
  CAPTURE(totals.first_fault);
  CHECK(totals.corrupt == 0);
  CHECK(totals.lost == 0);
  CHECK(totals.gaps == totals.gaps_due);
  CHECK(totals.good());
  // They came at every time of a recorder's life, and some cost what was not committed yet. The
  // suite `crash` cuts more often, and tools/crash-test as often as wanted.
  CHECK(came_at_every_time());
}

}  // namespace netlog_tests::store_power_cut_test

// SPDX-License-Identifier: MIT
// What is said of a recording without its -wal.
#include "cli/options/query_progress.hpp"

#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <iostream>
#include <sstream>
#include <string>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::cli_query_progress_test {

using namespace netlog;
using netlog::test::contains_text;

namespace {

/// What warn_of_missing_wal() writes to standard error.
std::string warning(const std::filesystem::path& path) {
  store::Reader reader{path};
  std::ostringstream text;
  auto* const before = std::cerr.rdbuf(text.rdbuf());
  cli::warn_of_missing_wal(reader);
  std::cerr.rdbuf(before);
  return text.str();
}

}  // namespace

TEST_CASE("a file without its -wal lacks rows only if no end of its session is in it", "[cli]") {
  test::GivenRecording recording;
  static_cast<void>(recording.rows("connections", {"id"}));
  CHECK(warning(recording.path()).empty());
  // As a program leaves it that closes it last.
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "PRAGMA journal_mode = WAL");
  CHECK_THAT(warning(recording.path()),
             contains_text("-wal beside it: nothing is missing, unless"));
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE session SET ended_ns = NULL");
  CHECK_THAT(warning(recording.path()), contains_text("its newest rows are missing"));
}

}  // namespace netlog_tests::cli_query_progress_test

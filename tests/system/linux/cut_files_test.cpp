// SPDX-License-Identifier: MIT
// A file that the recorder and its readers have mapped is cut short.
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"
#include "util/text.hpp"

#include <csignal>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

#include <fmt/format.h>

namespace netlog_tests::system_cut_files_test {

using namespace netlog;
using namespace netlog::test;
namespace fs = std::filesystem;

TEST_CASE("a -shm that is cut short ends a reader in one line, and not the recorder", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "r.db";
  Command recorder{{"record", "--db", path.string(), "--source", "poll"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  REQUIRE(eventually([&] { return rows(path, "SELECT sum(ticks) > 2 FROM session") == "1\n"; }));
  Command reader{{"tail", "-f", "--db", path.string()}};
  REQUIRE(eventually([&] {
    std::ifstream maps{fmt::format("/proc/{}/maps", reader.pid())};
    return std::string{std::istreambuf_iterator<char>{maps}, {}}.find("r.db-shm") !=
           std::string::npos;
  }));
  fs::resize_file(with_suffix(path, "-shm"), 0);
  REQUIRE(recorder.wait_for_error_text("nothing is lost, and it is whole again"));
  const auto ticks = rows(path, "SELECT sum(ticks) FROM session");
  CHECK(eventually([&] {
    return rows(path, ("SELECT sum(ticks) > 5 + " + ticks + " FROM session").c_str()) == "1\n";
  }));
  // It ends at its next look at the -shm, unless the recorder has made that whole before.
  reader.send(SIGINT);
  const auto read = reader.wait();
  CHECK((read.err.empty() ||
         read.err.find("was cut short; what was committed is safe") != std::string::npos));
  recorder.send(SIGTERM);
  CHECK(recorder.wait().exit_code == 0);
  CHECK(rows(path, "SELECT count(*) FROM session") == "1\n");
  CHECK(run({"check", "--db", path.string()}).exit_code == 0);
}

}  // namespace netlog_tests::system_cut_files_test

// SPDX-License-Identifier: MIT
// Names that somebody chose to mislead a reader, from a process to every output.
#include "support/catch.hpp"
#include "support/child.hpp"
#include "support/command.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <netinet/in.h>
#include <sys/prctl.h>
#include <sys/socket.h>

#include <unistd.h>

namespace netlog_tests::system_names_test {

using namespace netlog;
using namespace netlog::test;

namespace {

// Clears the screen, C1's CSI, turns what follows around, ends the line.
constexpr const char* kName = "\x1b[2J\xC2\x9B\xE2\x80\xAE\nx";
constexpr const char* kInSql = "char(27)||'[2J'||char(155)||char(8238)||char(10)";

void listen_under_that_name() {
  const int fd = ::socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  if (::prctl(PR_SET_NAME, kName) != 0 ||
      ::bind(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::listen(fd, 8) != 0) {
    ::_exit(1);
  }
}

/// The first of those bytes in what was written; a line may end, and a CSV line with CR LF.
std::string harm_in(const std::string& text) {
  for (const auto* const harm : {"\x1b", "\xC2\x9B", "\xE2\x80\xAE", "\x7F", "\b"}) {
    if (const auto at = text.find(harm); at != std::string::npos) {
      return text.substr(at > 40 ? at - 40 : 0, 80);
    }
  }
  return {};
}

}  // namespace

TEST_CASE("whatever a process is called, no output changes a terminal", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / "a.db";
  const Child child{listen_under_that_name};
  Command recorder{{"record", "--db", path.string(), "--source", "poll"}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  const auto seen =
      fmt::format("SELECT 1 FROM connections WHERE pid = {} AND process <> ''", child.pid());
  REQUIRE(eventually([&] { return !rows(path, seen).empty(); }));
  recorder.send(SIGTERM);
  REQUIRE(recorder.wait().exit_code == 0);
  REQUIRE(rows(path, seen) == "1\n");
  // Nor whatever a stranger has written into the file.
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(fmt::format(
      "UPDATE session SET host = {0}, sources = {0}, netlog_version = {0}; UPDATE process SET exe "
      "= "
      "{0}, cmdline = {0}, user = {0}, cgroup = {0}, service = {0}, container = {0}; INSERT INTO "
      "gap (session_id, from_ns, to_ns, source, reason, detail) SELECT 1, started_ns, started_ns, "
      "{0}, {0}, {0} FROM session; UPDATE address SET text = {0} || text",
      kInSql));
  const auto pid = std::to_string(child.pid());
  const std::vector<std::vector<std::string>> questions{
      {"report"},
      {"report", "connections"},
      {"report", "--pid", pid},
      {"report", "listeners"},
      {"report", "gaps"},
      {"at", "now"},
      {"tail"},
      {"sql", "SELECT * FROM connections"},
      {"sql", "SELECT * FROM processes"},
      {"sql", "SELECT name AS \"\x1b[2J\" FROM processes"},
      {"info"},
      {"check"},
  };
  for (const auto& question : questions) {
    for (const auto* const format : {"text", "json"}) {
      CAPTURE(question, format);
      auto words = question;
      words.insert(words.end(), {"--db", path.string(), "--format", format});
      const auto answer = run(words);
      CHECK(answer.exit_code == 0);
      CHECK(harm_in(answer.out).empty());
      CHECK(harm_in(answer.err).empty());
    }
  }
}

TEST_CASE("an error that quotes a hostile name is one harmless line", "[cli]") {
  const Scratch scratch;
  const auto path = scratch / kName;
  const std::vector<std::vector<std::string>> commands{
      {"report", "--db", path.string()},
      {"sql", "--db", path.string(), "SELECT 1"},
      {"sql", "--file", path.string()},
      {"record", "--source", "capture:" + path.string(), "--db", (scratch / "b.db").string()},
      {"record", "--config", path.string()},
      {"record", "--db", (path / "a.db").string()},
  };
  for (const auto& words : commands) {
    CAPTURE(words);
    const auto answer = run(words);
    CHECK(answer.exit_code == 1);
    CHECK(harm_in(answer.err).empty());
    CHECK(answer.err.find("\\x1b[2J\\u{9b}\\u{202e}\\x0ax") != std::string::npos);
    CHECK(std::count(answer.err.begin(), answer.err.end(), '\n') == 1);
  }
}

}  // namespace netlog_tests::system_names_test

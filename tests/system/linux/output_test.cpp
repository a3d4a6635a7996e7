// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/command.hpp"
#include "support/loopback.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <functional>
#include <memory>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <poll.h>
#include <pty.h>
#include <unistd.h>

namespace netlog_tests::output_test {

using namespace netlog;
using netlog::test::contains_text;
using netlog::test::run;

namespace {

struct Ended {
  int exit_code = -1;
  std::string out;
};

/// A script for sh, in which `netlog` is the real binary.
Ended shell(const std::string& script) {
  const auto whole = "netlog() { \"$NETLOG_BIN\" \"$@\"; }; " + script;
  Ended ended;
  auto* const pipe = ::popen(whole.c_str(), "re");
  std::array<char, 4096> buffer{};
  for (std::size_t got = 0; (got = std::fread(buffer.data(), 1, buffer.size(), pipe)) > 0;) {
    ended.out.append(buffer.data(), got);
  }
  const int status = ::pclose(pipe);
  ended.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return ended;
}

struct OnTerminal {
  int terminal = -1;
  pid_t pid = 0;
};

/// Starts the real binary on a terminal of so many columns. `environment`: NAME=value.
OnTerminal start_on_terminal(std::vector<std::string> arguments,
                             std::uint16_t columns,
                             const std::vector<std::string>& environment) {
  winsize size{};
  size.ws_row = 24;
  size.ws_col = columns;
  OnTerminal started;
  started.pid = ::forkpty(&started.terminal, nullptr, nullptr, &size);
  if (started.pid == 0) {
    for (const auto& each : environment) {
      const auto equals = each.find('=');
      ::setenv(each.substr(0, equals).c_str(), each.substr(equals + 1).c_str(), 1);
    }
    std::vector<char*> argv{std::getenv("NETLOG_BIN")};
    for (auto& argument : arguments) {
      argv.push_back(argument.data());
    }
    argv.push_back(nullptr);
    ::execv(argv[0], argv.data());
    ::_exit(127);
  }
  return started;
}

/// What it writes until its end. `seen` gets all that it has written up to now.
/// @return its text and its exit status, as of wait(2)
std::pair<std::string, int> read_terminal(
    const OnTerminal& started, const std::function<void(const std::string&)>& seen = {}) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::minutes{1};
  std::string out;
  std::array<char, 4096> buffer{};
  while (true) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(
        deadline - std::chrono::steady_clock::now());
    pollfd output{started.terminal, POLLIN, 0};
    if (left.count() <= 0 || ::poll(&output, 1, static_cast<int>(left.count())) == 0) {
      ::kill(started.pid, SIGKILL);
      break;
    }
    const auto got = ::read(started.terminal, buffer.data(), buffer.size());
    if (got <= 0) {
      break;
    }
    out.append(buffer.data(), static_cast<std::size_t>(got));
    if (seen) {
      seen(out);
    }
  }
  int status = -1;
  ::waitpid(started.pid, &status, 0);
  ::close(started.terminal);
  return {out, status};
}

/// What the real binary writes to a terminal of so many columns.
std::string on_terminal(const std::vector<std::string>& arguments,
                        std::uint16_t columns,
                        const std::vector<std::string>& environment) {
  return read_terminal(start_on_terminal(arguments, columns, environment)).first;
}

/// A short recording of four listeners and a connection at least, made once.
const std::string& recording() {
  static const test::Scratch scratch;
  static const auto db = [] {
    std::array<os::UniqueFd, 4> listeners;
    sockaddr_in address{};
    for (auto& listener : listeners) {
      listener = test::listen_on_loopback(address);
    }
    const auto connection = test::connect_on_loopback(address);
    auto path = (scratch / "a.db").string();
    REQUIRE(run({"record", "--db", path, "--source", "poll", "--duration", "300ms"}).exit_code ==
            0);
    return path;
  }();
  return db;
}

std::size_t lines_in(const std::string& text) {
  return static_cast<std::size_t>(std::count(text.begin(), text.end(), '\n'));
}

bool has_other_than_ascii(const std::string& text) {
  return std::any_of(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
}

}  // namespace

TEST_CASE("an answer that cannot be written is an error of every command", "[cli]") {
  const auto* const command = GENERATE("report",
                                       "report connections --format csv",
                                       "report --format json",
                                       "report failed --sql",
                                       "at now",
                                       "diff -2h..-1h -1h..now",
                                       "tail",
                                       "tail -f",
                                       "tail --format csv",
                                       "sql 'SELECT * FROM sessions'",
                                       "sql --format json 'SELECT * FROM sessions'",
                                       "export --as zeek",
                                       "export --as prometheus",
                                       "info",
                                       "check");
  CAPTURE(command);
  for (const auto* const output : {">/dev/full", ">&-"}) {
    CAPTURE(output);
    const auto ended =
        shell(std::string{"netlog "} + command + " --db " + recording() + " 2>&1 " + output);
    CHECK(ended.exit_code == 1);
    const auto said = shell("{ netlog " + std::string{command} + " --db " + recording() + " " +
                            output + "; } 2>&1");
    CHECK(said.exit_code == 1);
    CHECK(lines_in(said.out) == 1);
    CHECK_THAT(said.out, contains_text("cannot write the answer to standard output: "));
  }
}

TEST_CASE("so it is of commands that read no recording", "[cli]") {
  const auto* const command = GENERATE("help",
                                       "help times",
                                       "help --man",
                                       "--help",
                                       "--version",
                                       "report --help",
                                       "report --list",
                                       "completion bash",
                                       "doctor",
                                       "doctor --format csv");
  CAPTURE(command);
  const auto ended = shell("{ netlog " + std::string{command} + " >/dev/full; } 2>&1");
  CHECK(ended.exit_code == 1);
  CHECK(lines_in(ended.out) == 1);
  CHECK_THAT(ended.out, contains_text("No space left on device"));
}

TEST_CASE("a file that may not grow ends the answer with an error", "[cli]") {
  const test::Scratch scratch;
  const auto ended =
      shell("ulimit -f 1; netlog sql --db " + recording() +
            " 'WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 99999) "
            "SELECT i FROM n' 2>&1 >" +
            (scratch / "out").string());
  CHECK(ended.exit_code == 1);
  CHECK_THAT(ended.out, contains_text("File too large"));
}

TEST_CASE("a reader that has enough is no error", "[cli]") {
  const auto ended =
      shell("{ netlog report --db " + recording() +
            "; echo $? >&2; } 2>&1 >/dev/null | cat; netlog help words | head -1 >/dev/null");
  CHECK(ended.out == "0\n");
}

TEST_CASE("a terminal gets colours if it understands them and nobody refuses them", "[cli]") {
  const auto colours = [](const std::vector<std::string>& environment) {
    const auto text = on_terminal({"report", "--db", recording()}, 80, environment);
    CHECK_THAT(text, contains_text("window "));
    return text.find('\x1b') != std::string::npos;
  };
  CHECK(colours({"TERM=xterm", "NO_COLOR="}));
  CHECK_FALSE(colours({"TERM=xterm", "NO_COLOR=1"}));
  CHECK_FALSE(colours({"TERM=dumb", "NO_COLOR="}));
  CHECK_FALSE(colours({"TERM=", "NO_COLOR="}));
}

TEST_CASE("without UTF-8 there is only ASCII", "[cli]") {
  const auto arguments = GENERATE(values<std::vector<std::string>>({
      {"report", "connections", "--db", recording()},
      {"report", "lifetimes", "--db", recording()},
      {"tail", "--db", recording()},
      {"info", "--db", recording()},
      {"doctor", "--db", recording()},
      {"help", "words"},
      {"help", "times"},
      {"help", "connections"},
      {"report", "--help"},
      {"report", "--since", "caf\xC3\xA9"},
      {"record", "--db", "/nonexistent/caf\xC3\xA9.db"},
  }));
  CAPTURE(arguments);
  const auto text = on_terminal(arguments, 60, {"LC_ALL=C", "TERM=xterm"});
  CHECK_FALSE(text.empty());
  CHECK_FALSE(has_other_than_ascii(text));
}

TEST_CASE("--ascii means the headings, too, and no data in JSON", "[cli]") {
  const auto db = recording();
  CHECK_FALSE(has_other_than_ascii(
      on_terminal({"report", "who", "--ascii", "--db", db}, 200, {"LC_ALL=C.UTF-8"})));
  const auto json = shell("LC_ALL=C netlog sql --ascii --format json --db " + db +
                          " \"SELECT 'caf\xC3\xA9' AS name\"");
  CHECK(json.out == "{\"name\":\"caf\xC3\xA9\"}\n");
}

TEST_CASE("the status line fits its terminal", "[cli][threads]") {
  const auto width = GENERATE(std::uint16_t{20}, std::uint16_t{40}, std::uint16_t{80});
  const test::Scratch scratch;
  const auto* const term = GENERATE("TERM=xterm", "TERM=dumb");
  const auto text = on_terminal({"record",
                                 "--db",
                                 (scratch / "a.db").string(),
                                 "--source",
                                 "poll",
                                 "--duration",
                                 "1200ms",
                                 "--log-level",
                                 "off"},
                                width,
                                {term});
  std::size_t shown = 0;
  std::istringstream pieces{text};
  for (std::string piece; std::getline(pieces, piece, '\r');) {
    const auto begin = piece.find("recording ");
    if (begin != std::string::npos) {
      ++shown;
      CHECK(piece.size() - begin < width);
    }
  }
  CHECK(shown > 0);
  CHECK((std::string_view{term} == "TERM=xterm") == (text.find('\x1b') != std::string::npos));
}

TEST_CASE("every line of text fits a terminal", "[cli]") {
  const auto* const command =
      GENERATE("connections", "who", "failed", "peers", "listeners", "gaps");
  const auto text =
      on_terminal({"report", command, "--db", recording()}, 80, {"TERM=dumb", "LC_ALL=C"});
  std::istringstream lines{text};
  for (std::string line; std::getline(lines, line);) {
    CAPTURE(command, line);
    CHECK(line.size() <= 81);  // with its \r
  }
}

TEST_CASE("a configuration is a regular file that can be read", "[cli]") {
  static const test::Scratch scratch;
  const auto directory = (scratch / "conf.d").string();
  const auto fifo = (scratch / "fifo").string();
  ::mkdir(directory.c_str(), 0700);
  ::mkfifo(fifo.c_str(), 0600);
  const auto [path, reason] = GENERATE_COPY(table<std::string, const char*>({
      {directory, "Is a directory"},
      {fifo, "it is not a regular file"},
      {"/dev/null", "it is not a regular file"},
      {(scratch / "missing").string(), "No such file or directory"},
      {directory + "/x/y", "No such file or directory"},
  }));
  const auto ended = run({"record", "--config", path, "--db", (scratch / "a.db").string()});
  CHECK(ended.exit_code == 1);
  CHECK(ended.err == "netlog record: cannot read configuration " + path + ": " + reason + "\n");
  CHECK_FALSE(std::filesystem::exists(scratch / "a.db"));
}

TEST_CASE("what is wrong in a configuration is named by its file and line", "[cli]") {
  const test::Scratch scratch;
  const auto path = (scratch / "a.toml").string();
  const auto [text, message] = GENERATE(table<const char*, const char*>({
      {"\ninterval = 1", ":2: --interval '1' is not a duration"},
      {"[record]\nmax-size = \"many\"", ":2: "},
      {"[record]\n\nintervall = \"1s\"", ":3: unknown option 'record.intervall', did you mean"},
      {"[other]\ninterval = \"1s\"", ":2: unknown option 'other.interval'"},
      {"interval = \"1s\"\nrecord.interval = \"2s\"", ":2: 'interval' is set twice"},
      {"sync = \"never\"", ":1: --sync 'never' is neither batch nor checkpoint"},
      {"config = \"b.toml\"", ":1: unknown option 'config'"},
      {"interval = 1s", ":1: "},
  }));
  std::ofstream{path} << text;
  const auto ended = run({"record", "--config", path, "--db", (scratch / "a.db").string()});
  CAPTURE(ended.err);
  CHECK(ended.exit_code == 2);
  CHECK(lines_in(ended.err) == 1);
  CHECK_THAT(ended.err, contains_text("netlog record: configuration " + path + message));
}

TEST_CASE("one statement may have comments around it", "[cli]") {
  const auto* const sql = GENERATE("SELECT 1 AS a; -- done",
                                   "SELECT 1 AS a;\n-- one\n-- two\n",
                                   "/* before */ SELECT 1 AS a; /* after */ ;",
                                   "SELECT 1 AS a; /* open");
  CHECK(run({"sql", "--db", recording(), sql}).out == "a\n1\n");
}

TEST_CASE("a statement is read from a file or a pipe", "[cli]") {
  const auto from_pipe =
      shell("echo 'SELECT 1 AS a' | netlog sql --file /dev/stdin --db " + recording());
  CHECK(from_pipe.out == "a\n1\n");
  const auto from_directory = run({"sql", "--file", "/tmp", "--db", recording()});
  CHECK(from_directory.exit_code == 1);
  CHECK(from_directory.err == "netlog sql: cannot read /tmp: it is a directory\n");
}

TEST_CASE("a second statement is refused, wherever it stands", "[cli]") {
  const auto* const sql =
      GENERATE("SELECT 1; SELECT 2", "SELECT 1; -- done\nSELECT 2", "SELECT 1; /* a */ SELECT 2");
  const auto ended = run({"sql", "--db", recording(), sql});
  CHECK(ended.exit_code == 1);
  CHECK_THAT(ended.err, contains_text("more than one statement, the second begins '"));
}

TEST_CASE("tables and views can be described", "[cli]") {
  const auto [sql, expected] = GENERATE(table<const char*, const char*>({
      {"PRAGMA table_info(connections)", "protocol"},
      {"PRAGMA table_xinfo('events')", "connection_id"},
      {"PRAGMA index_list(connection)", "connection"},
      {"PRAGMA table_info(\"sessions\")", "boot_id"},
      {"PRAGMA user_version", "1"},
  }));
  const auto ended = run({"sql", "--db", recording(), sql});
  CAPTURE(sql, ended.err);
  CHECK(ended.exit_code == 0);
  CHECK_THAT(ended.out, contains_text(expected));
  CHECK(run({"sql", "--db", recording(), "PRAGMA query_only(0)"}).exit_code == 1);
  CHECK(run({"sql", "--db", recording(), "PRAGMA user_version(7)"}).exit_code == 1);
}

TEST_CASE("a name that occurs twice is another one in every format", "[cli]") {
  const auto [format, expected] = GENERATE(table<const char*, const char*>({
      {"text", "id  id_2\n1  2\n"},
      {"json", "{\"id\":1,\"id_2\":2}\n"},
      {"csv", "id,id_2\r\n1,2\r\n"},
  }));
  CHECK(run({"sql", "--db", recording(), "--format", format, "SELECT 1 AS id, 2 AS id"}).out ==
        expected);
}

TEST_CASE("one section is one table", "[cli]") {
  const auto db = recording();
  const auto csv =
      run({"report", "--db", db, "--section", "recordings", "--format", "csv", "--utc"});
  CHECK(csv.err.empty());
  CHECK(csv.out.starts_with("host,"));
  CHECK(csv.out.find("\r\n\r\n") == std::string::npos);
  const auto json = run({"report", "--db", db, "--section", "recordings", "--format", "json"});
  CHECK(lines_in(json.out) == 1);
  CHECK_THAT(json.out, Catch::Matchers::StartsWith("{\"section\":\"recordings\","));
  const auto text = run({"report", "--db", db, "--section", "recordings"});
  CHECK_THAT(text.out, Catch::Matchers::StartsWith("Recorded\n") && contains_text("\nwindow "));
  const auto all = run({"report", "--db", db, "--format", "csv"});
  CHECK(all.exit_code == 0);
  CHECK_THAT(
      all.err,
      contains_text("--section recordings|") && contains_text(" tables, with an empty line"));
  const auto wrong = run({"report", "--db", db, "--section", "recording"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, contains_text("--section 'recording' is none of recordings, "));
  CHECK_THAT(run({"report", "--sql", "--db", db, "--section", "recordings"}).out,
             contains_text("-- Recorded") && !contains_text("-- Connections"));
}

TEST_CASE("--sort shows the largest values of a column first", "[cli]") {
  const auto db = recording();
  const auto ids = [&](const std::vector<std::string>& more) {
    std::vector<std::string> command{"report", "connections", "--db", db, "--format", "json"};
    command.insert(command.end(), more.begin(), more.end());
    std::istringstream lines{run(command).out};
    std::vector<int> found;
    for (std::string line; std::getline(lines, line);) {
      constexpr std::string_view kKey = ",\"id\":";
      if (const auto at = line.find(kKey); at != std::string::npos) {
        found.push_back(std::stoi(line.substr(at + kKey.size())));
      }
    }
    return found;
  };
  const auto all = ids({});
  REQUIRE(all.size() > 2);
  const auto sorted = ids({"--sort", "id"});
  CHECK(sorted.size() == all.size());
  CHECK(std::is_sorted(sorted.begin(), sorted.end(), std::greater{}));
  // The largest of all, not of the first rows.
  CHECK(ids({"--sort", "id", "--limit", "1"}) == std::vector{sorted.front()});
  const auto wrong = run({"report", "peers", "--db", db, "--sort", "bytes"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, contains_text("--sort 'bytes' is none of "));
  CHECK_THAT(run({"report", "peers", "--db", db, "--sort", "bytes_sent", "--sql"}).out,
             contains_text("ORDER BY \"bytes_sent\" DESC"));
}

/// How often the screen was drawn.
int frames_in(const std::string& text) {
  constexpr std::string_view kUpdate = "\x1b[?2026h";
  int count = 0;
  for (auto at = text.find(kUpdate); at != std::string::npos; at = text.find(kUpdate, at + 1)) {
    ++count;
  }
  return count;
}

TEST_CASE("--watch shows a report again and again, and its last answer stays", "[cli]") {
  const auto db = recording();
  const auto started = start_on_terminal(
      {"report", "connections", "--watch=200ms", "--db", db}, 100, {"TERM=xterm"});
  bool interrupted = false;
  const auto [text, status] = read_terminal(started, [&](const std::string& shown) {
    if (!interrupted && frames_in(shown) >= 3) {
      interrupted = true;
      ::kill(started.pid, SIGINT);
    }
  });
  CHECK(status == 0);
  CHECK(frames_in(text) >= 3);
  CHECK_THAT(text, contains_text("every ") && contains_text("s | q ends, "));
  const auto left = text.find("\x1b[?1049l");
  REQUIRE(left != std::string::npos);
  CHECK(text.find("\x1b[?1049h") < left);
  CHECK_THAT(text.substr(left), contains_text("Connections") && contains_text("window "));
}

TEST_CASE("keys change what --watch shows", "[cli]") {
  struct Step {
    std::string keys;
    std::string then_shown;
  };
  const std::vector<Step> steps{{" ", "paused | q ends"},
                                {" /no sucx\x7fh", "rows with: no such_"},
                                {"\r", "rows with: no such |"},
                                {"\x1b", "s | q ends"},
                                {">", "| by opened_ns |"},
                                {"<<", "| by "},
                                {"\x1b[D\x1b[D", "4s earlier"},
                                {"\x1b[C", "2s earlier"},
                                {"q", ""}};
  const auto started = start_on_terminal({"report", "connections", "--watch", "--db", recording()},
                                         100,
                                         {"TERM=xterm", "LC_ALL=C.UTF-8"});
  std::size_t step = 0;
  std::size_t from = 0;
  std::string expected = "every ";
  const auto [text, status] = read_terminal(started, [&](const std::string& shown) {
    if (step < steps.size() && shown.find(expected, from) != std::string::npos) {
      from = shown.size();
      expected = steps[step].then_shown;
      const auto& keys = steps[step++].keys;
      REQUIRE(::write(started.terminal, keys.data(), keys.size()) ==
              static_cast<ssize_t>(keys.size()));
    }
  });
  CHECK(step == steps.size());
  CHECK(status == 0);
}

TEST_CASE("--watch in a pipe writes one block after the other", "[cli]") {
  const auto db = recording();
  const auto blocks =
      shell("netlog report gaps --watch=100ms --db " + db + " | grep -c -m 3 '^window '");
  CHECK(blocks.out == "3\n");
  const auto rates = shell("netlog top --watch=100ms --since 1970-01-01T00:00:00Z --db " + db +
                           " | timeout 60 grep -c -m 1 '^opened/s .*process'");
  CHECK(rates.out == "1\n");
  const auto missing = run({"report", "--watch", "--db", "/nonexistent/a.db"});
  CHECK(missing.exit_code == 1);
  const auto wrong = run({"report", "--watch=soon", "--db", db});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err, contains_text("--watch 'soon' is not a duration of 100ms or more"));
}

TEST_CASE("a pid that no process had is said in one sentence", "[cli]") {
  const auto db = recording();
  for (const auto* const report : {"overview", "connections", "who", "failed"}) {
    const auto ended = run({"report", report, "--db", db, "--pid", "4194304"});
    CHECK(ended.exit_code == 0);
    CHECK_THAT(ended.out,
               Catch::Matchers::StartsWith(
                   "No process with the pid 4194304 is in the recording.\nwindow "));
    CHECK(lines_in(ended.out) == 2);
  }
  const auto tail = run({"tail", "--db", db, "--pid", "4194304"});
  CHECK(tail.out.empty());
  CHECK(tail.err == "No process with the pid 4194304 is in the recording.\n");
}

TEST_CASE("a name that no process had is said in one sentence", "[cli]") {
  const auto db = recording();
  for (const auto& [name, sentence] :
       {std::pair{"nosuch", "No process with the name or script 'nosuch' is in the recording.\n"},
        std::pair{"nosuch*",
                  "No process with a name or script like 'nosuch*' is in the recording.\n"}}) {
    const auto ended = run({"report", "--db", db, "--process", name});
    CHECK(ended.exit_code == 0);
    CHECK_THAT(ended.out, Catch::Matchers::StartsWith(sentence + std::string{"window "}));
    CHECK(lines_in(ended.out) == 2);
    CHECK(run({"tail", "--db", db, "--process", name}).err == sentence);
  }
  CHECK_THAT(run({"report", "--db", db, "--user", "nosuch"}).out,
             Catch::Matchers::StartsWith("No process with the user 'nosuch' is in"));
}

TEST_CASE("events and connections can be picked by what happened", "[cli]") {
  const auto db = recording();
  const auto present = run({"tail", "--db", db, "-n", "1000", "--kind", "present"});
  CHECK(present.exit_code == 0);
  CHECK(present.out.find(" state ") == std::string::npos);
  const auto wrong = run({"tail", "--db", db, "--kind", "opne"});
  CHECK(wrong.exit_code == 2);
  CHECK_THAT(wrong.err,
             contains_text("--kind 'opne' is none of present, open, ") &&
                 contains_text("did you mean open?"));
  CHECK(run({"report", "connections", "--db", db, "--outcome", "refused,timed-out"}).exit_code ==
        0);
  CHECK_THAT(run({"report", "--db", db, "--outcome", "refusd"}).err,
             contains_text("did you mean refused?"));
}

}  // namespace netlog_tests::output_test

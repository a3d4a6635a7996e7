// SPDX-License-Identifier: MIT
#include "support/command.hpp"

#include "store/read/reader.hpp"
#include "support/catch.hpp"
#include "support/scratch.hpp"
#include "support/wait.hpp"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <set>

#include <SQLiteCpp/Database.h>
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <unistd.h>

namespace netlog_tests::command_test {

using namespace netlog;
using netlog::test::Command;
using netlog::test::contains_text;
using netlog::test::run;

namespace {

/// Both ends of one TCP connection over loopback, and the listener.
class Pair {
 public:
  explicit Pair(int family = AF_INET) {
    listener_ = ::socket(family, SOCK_STREAM, 0);
    sockaddr_storage address{};
    socklen_t size = 0;
    if (family == AF_INET) {
      auto* const v4 = reinterpret_cast<sockaddr_in*>(&address);
      v4->sin_family = AF_INET;
      v4->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
      size = sizeof *v4;
    } else {
      auto* const v6 = reinterpret_cast<sockaddr_in6*>(&address);
      v6->sin6_family = AF_INET6;
      v6->sin6_addr = in6addr_loopback;
      size = sizeof *v6;
    }
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    good_ = ::bind(listener_, any, size) == 0 && ::listen(listener_, 1) == 0;
    ::getsockname(listener_, any, &size);
    port_ = ntohs(family == AF_INET ? reinterpret_cast<sockaddr_in*>(&address)->sin_port
                                    : reinterpret_cast<sockaddr_in6*>(&address)->sin6_port);
    client_ = ::socket(family, SOCK_STREAM, 0);
    good_ = good_ && ::connect(client_, any, size) == 0;
    server_ = good_ ? ::accept(listener_, nullptr, nullptr) : -1;
  }
  Pair(const Pair&) = delete;
  Pair& operator=(const Pair&) = delete;
  ~Pair() {
    for (const int fd : {client_, server_, listener_}) {
      ::close(fd);
    }
  }
  [[nodiscard]] bool good() const { return good_ && server_ >= 0; }
  [[nodiscard]] std::int64_t port() const { return port_; }

 private:
  int listener_ = -1;
  int client_ = -1;
  int server_ = -1;
  std::uint16_t port_ = 0;
  bool good_ = false;
};

std::int64_t number(const std::filesystem::path& path,
                    const std::string& sql,
                    const store::Parameters& parameters = {}) {
  store::Reader reader{path};
  return std::get<std::int64_t>(reader.query(sql, parameters).cells.at(0).at(0));
}

bool one_line(const std::string& text) {
  return !text.empty() && text.find('\n') == text.size() - 1;
}

}  // namespace

TEST_CASE("input that is not understood ends with 2 and one line", "[cli]") {
  static const test::Scratch scratch;
  const auto db = (scratch / "never.db").string();
  const auto [arguments, message] = GENERATE_COPY(table<std::vector<std::string>, std::string>({
      {{"reprot"}, "netlog: unknown command 'reprot', did you mean report?"},
      {{"who"}, "netlog: unknown command 'who', it is a report: netlog report who"},
      {{"report", "who", "8085"}, "netlog report: unexpected argument '8085'; a port, a pid or"},
      {{"doctor", "8085"}, "netlog doctor: unexpected argument '8085'; see --help"},
      {{"report", "--prot", "80"},
       "netlog report: unknown option '--prot', did you mean --protocol?"},
      {{"report", "overveiw"}, "netlog report: unknown report 'overveiw', did you mean overview?"},
      {{"report", "--since", "25:00"}, "netlog report: --since '25:00' is not a time"},
      {{"report", "--at", "14:00", "--since", "13:00"}, "netlog report: --at is an instant"},
      {{"report", "--since", ""}, "netlog report: --since: an empty value: give one, or leave"},
      {{"tail", "--port", ""},
       "netlog tail: --port: an empty value: give one, or leave the option"},
      {{"sql", "--db", ""}, "netlog sql: --db: an empty value: give one, or leave the option out"},
      {{"report", "--pid", "0"},
       "netlog report: --pid '0' is not a process number from 1 to 4294967295"},
      {{"report", "--pid=-1"}, "netlog report: --pid '-1' is not a process number"},
      {{"report", "--pid", "99999999999"},
       "netlog report: --pid '99999999999' is not a process number"},
      {{"report", "--pid", "abc"}, "netlog report: --pid 'abc' is not a process number"},
      {{"report", "--port", "70000"},
       "netlog report: --port '70000' is not a port from 1 to 65535"},
      {{"report", "--remote", "10.0.0.0/33"},
       "netlog report: --remote '10.0.0.0/33' is not an address, a block, a name or an endpoint"},
      {{"report", "--remote", "10.0.0.1:99999"},
       "netlog report: --remote '99999' is not a port from 1 to 65535"},
      {{"report", "--remote", "192.0.2.256"},
       "netlog report: --remote '192.0.2.256' is not an address, a block, a name or an endpoint"},
      {{"report", "--port", ":80"}, "netlog report: --port ':80' is not a port from 1 to 65535"},
      {{"report", "--since", "13:00..14:00", "--until", "15:00"},
       "netlog report: --since '13:00..14:00' sets the window's end; leave out --until"},
      {{"report", "--port", "no-such-service"},
       "netlog report: --port 'no-such-service' is not a port from 1 to 65535, nor a service in "
       "/etc/services"},
      {{"report", "--remote", "[::1]:80", "--remote-port", "80"},
       "netlog report: --remote '[::1]:80' names a port, and so does --remote-port"},
      {{"report", "diff"}, "netlog report: diff compares two windows: netlog diff"},
      {{"diff", "13:55", "14:00..14:05"},
       "netlog diff: '13:55' and '14:00..14:05' are not two windows"},
      {{"report", "--state", "closewiat"},
       "netlog report: --state 'closewiat' is no TCP state, did you mean CLOSE_WAIT?"},
      {{"report", "--protocol", "sctp"}, "netlog report: --protocol 'sctp' is neither tcp nor udp"},
      {{"report", "--format", "jsn"},
       "netlog report: --format 'jsn' is none of text, json, csv, did you mean json?"},
      {{"report", "--limit", "0"}, "netlog report: --limit '0' is not a number of rows above 0"},
      {{"tail", "-n", "many"}, "netlog tail: -n 'many' is not a number of events"},
      {{"join", "one.db"}, "netlog join: B is required"},
      {{"export"}, "netlog export: --as is required"},
      {{"export", "--as", "zeke"},
       "netlog export: --as 'zeke' is none of ecs, zeek, zeek-json, csv, perfetto, dot, mermaid, "
       "pcap-filter, display-filter, prometheus, did you mean zeek?"},
      {{"export", "--as", "prometheus", "--limit", "3"},
       "netlog export: --limit is for formats that have connections; prometheus has sums"},
      {{"sql"}, "netlog sql: no statement; give one"},
      {{"help", "chrun"},
       "netlog help: unknown topic 'chrun', did you mean churn?; `netlog help` lists them all"},
      {{"help", "--man", "exit-codes"}, "netlog help: unknown command 'exit-codes'"},
      {{"doctor", "--witness", "facts.txt"}, "netlog doctor: --witness: it is for Windows"},
      {{"completion", "csh"}, "netlog completion: no completion for 'csh'; there is bash, fish"},
      {{"complet"}, "netlog: unknown command 'complet', did you mean completion?"},
      {{"record", "--db", db, "--interval", "0"},
       "netlog record: --interval '0' is not a duration from 1ms to 1h"},
      {{"record", "--db", db, "--udp-timeout", "10ms"},
       "netlog record: --udp-timeout '10ms' is not a duration from 1s to 1h"},
      {{"record", "--db", db, "--cpu-budget", "3"},
       "netlog record: --cpu-budget '3' is not a share of one processor such as 2% or 25%"},
      {{"record", "--db", db, "--interval", "2h"},
       "netlog record: --interval '2h' is not a duration from 1ms to 1h"},
      {{"record", "--db", db, "--duration", "never"},
       "netlog record: --duration 'never' is not a duration above 0"},
      {{"record", "--db", db, "--source", "notices"},
       "netlog record: --source 'notices' is none of auto, trace, notice, poll, procfs, "
       "capture:FILE, did "
       "you mean notice?"},
      {{"record", "--db", db, "--log-level", "loud"},
       "netlog record: --log-level 'loud' is none of"},
      {std::vector<std::string>{}, "netlog: "},
  }));
  CAPTURE(arguments, message);
  const auto finished = run(arguments);
  CHECK(finished.exit_code == 2);
  CHECK(one_line(finished.err));
  CHECK_THAT(finished.err, contains_text(message));
  CHECK(finished.out.empty());
  CHECK_FALSE(std::filesystem::exists(db));
}

TEST_CASE("what does not work ends with 1 and one line", "[cli]") {
  static const test::Scratch scratch;
  const auto missing = (scratch / "missing.db").string();
  const auto text = (scratch / "text.db").string();
  std::ofstream{text} << "words, not rows";
  const auto song = (scratch / "song.db").string();
  SQLite::Database{song, SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE}.exec(
      "CREATE TABLE IF NOT EXISTS song (title TEXT)");
  const auto [arguments, message] = GENERATE_COPY(table<std::vector<std::string>, std::string>({
      {{"report", "--db", missing},
       "netlog report: cannot open recording " + missing + ": no such file"},
      {{"tail", "--db", text}, "not an SQLite database"},
      {{"info", "--db", song}, "another program's SQLite database"},
      {{"sql", "--db", song, "SELECT 1"}, "another program's SQLite database"},
      {{"sql", "--file", missing, "--db", song}, "cannot read " + missing},
      {{"record", "--db", text, "--duration", "1s"}, "file is not a database"},
      {{"record", "--db", song, "--duration", "1s"}, "another program's SQLite database"},
      {{"record", "--db", "/nonexistent/a.db"},
       "cannot record into /nonexistent/a.db: open for writing: No such file or directory"},
      {{"record", "--db", missing, "--source", "capture:" + text},
       "not a netlog capture of version 1"},
      {{"record", "--db", missing, "--capture", text},
       "cannot capture into " + text + ": create: File exists"},
  }));
  CAPTURE(arguments, message);
  const auto finished = run(arguments);
  CHECK(finished.exit_code == 1);
  CHECK(one_line(finished.err));
  CHECK_THAT(finished.err, contains_text(message));
  CHECK(finished.out.empty());
  CHECK_FALSE(std::filesystem::exists(missing));  // no partial database is left behind
}

TEST_CASE("our own sockets are recorded with our pid until SIGTERM, and everything is flushed",
          "[cli][threads]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  const auto capture = scratch / "a.nlcap";
  Pair old;
  REQUIRE(old.good());
  Command recorder{
      {"record", "--db", db.string(), "--interval", "10ms", "--capture", capture.string()}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  const store::Parameters us{{"pid", static_cast<std::int64_t>(::getpid())}, {"port", old.port()}};
  constexpr const char* kOurs =
      "SELECT count(*) FROM connections WHERE pid = :pid AND (local_port = :port OR remote_port = "
      ":port)";
  REQUIRE(test::eventually([&] { return number(db, kOurs, us) >= 3; }));
  recorder.send(SIGTERM);
  const auto finished = recorder.wait();
  CHECK(finished.exit_code == 0);
  CHECK_THAT(finished.err, contains_text("recorded"));
  CHECK(number(db, kOurs, us) == 3);  // listener, client, server
  CHECK(number(db, "SELECT count(*) FROM sessions WHERE ended_at IS NOT NULL") == 1);
  CHECK(number(db, "SELECT count(*) FROM events WHERE kind = 'present' AND pid = :pid", us) >= 3);
  struct stat mode {};
  REQUIRE(::stat(db.c_str(), &mode) == 0);
  CHECK((mode.st_mode & 0777) == 0600);

  SECTION("the capture replays to the same events") {
    const auto again = scratch / "again.db";
    REQUIRE(run({"record", "--db", again.string(), "--source", "capture:" + capture.string()})
                .exit_code == 0);
    constexpr const char* kEvents =
        "SELECT at, at_ns, error_ns, kind, old, new, pid, process, protocol, local_address, "
        "local_port, remote_address, remote_port FROM events "
        "ORDER BY id";
    const auto first = run({"sql", "--db", db.string(), kEvents});
    CHECK(first.out.size() > 200);
    CHECK(run({"sql", "--db", again.string(), kEvents}).out == first.out);
  }
  SECTION("reports answer in every format") {
    for (const auto* format : {"text", "json", "csv"}) {
      const auto answer = run({"report",
                               "connections",
                               "--db",
                               db.string(),
                               "--format",
                               format,
                               "--pid",
                               std::to_string(::getpid())});
      CHECK(answer.exit_code == 0);
      CHECK_THAT(answer.out, contains_text("127.0.0.1:" + std::to_string(old.port())));
    }
    CHECK_THAT(run({"report", "--db", db.string(), "--pid", std::to_string(::getpid())}).out,
               contains_text("Listened on"));
  }
  SECTION("a remote host may be given by a name, which netlog does not resolve") {
    CHECK_THAT(run({"report", "connections", "--db", db.string(), "--remote", "localhost:80"}).out,
               contains_text("No name 'localhost' is in the recording."));
  }
  SECTION("the other commands answer") {
    CHECK_THAT(run({"info", "--db", db.string()}).out, contains_text("connections"));
    CHECK_THAT(run({"tail", "--db", db.string(), "--pid", std::to_string(::getpid())}).out,
               contains_text("present ESTABLISHED"));
    const auto at_now = run({"at", "now", "--db", db.string()}).out;
    CHECK_THAT(at_now, contains_text("This moment is after the recording, which holds"));
    CHECK_THAT(at_now, contains_text("Connections"));
  }
}

TEST_CASE("kill -9 leaves a whole file that the next recorder goes on with", "[cli][threads]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  {
    Command recorder{{"record", "--db", db.string(), "--interval", "5ms"}};
    REQUIRE(recorder.wait_for_error_text("recording into"));
    REQUIRE(test::eventually([&] { return number(db, "SELECT count(*) FROM events") > 0; }));
    recorder.send(SIGKILL);
    CHECK(recorder.wait().exit_code == -1);
  }
  CHECK(run({"sql", "--db", db.string(), "PRAGMA integrity_check"}).out == "integrity_check\nok\n");
  CHECK(number(db, "SELECT count(*) FROM sessions WHERE ended_at IS NULL") == 1);
  CHECK(run({"report", "--db", db.string()}).exit_code == 0);
  REQUIRE(run({"record", "--db", db.string(), "--duration", "100ms"}).exit_code == 0);
  CHECK(number(db, "SELECT count(*) FROM gaps WHERE reason = 'recorder was killed'") == 1);
  CHECK(run({"sql", "--db", db.string(), "PRAGMA integrity_check"}).out == "integrity_check\nok\n");
}

TEST_CASE("a recording ends in time also when other timers fire at that moment", "[cli][threads]") {
  const test::Scratch scratch;
  const auto db = (scratch / "a.db").string();
  // Progress is reported every 500 ms.
  for (int i = 0; i < 3; ++i) {
    CHECK(run({"record", "--db", db, "--duration", "500ms"}).exit_code == 0);
  }
}

TEST_CASE("two recorders do not share a file", "[cli][threads]") {
  const test::Scratch scratch;
  const auto db = (scratch / "a.db").string();
  Command recorder{{"record", "--db", db}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  const auto second = run({"record", "--db", db, "--duration", "1s"});
  CHECK(second.exit_code == 1);
  CHECK(second.err ==
        "netlog record: cannot record into " + db +
            ": another recorder is writing it, or somebody has locked it; stop that one or name "
            "another file with --db\n");
  recorder.send(SIGINT);
  CHECK(recorder.wait().exit_code == 0);
}

TEST_CASE("what opens and closes between two looks is recorded with its end", "[cli][threads]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  const auto* const source = GENERATE("notice", "poll");
  CAPTURE(source);
  Command recorder{{"record", "--db", db.string(), "--interval", "300ms", "--source", source}};
  REQUIRE(recorder.wait_for_error_text("recording into"));
  REQUIRE(test::eventually([&] { return number(db, "SELECT count(*) FROM counters") > 0; }));
  std::set<std::int64_t> ports;  // one can be given out twice
  for (int i = 0; i < 20; ++i) {
    const Pair pair;
    REQUIRE(pair.good());
    ports.insert(pair.port());
  }
  const auto found = [&] {
    std::int64_t ends = 0;
    for (const auto port : ports) {
      ends += number(
          db,
          "SELECT count(*) FROM connections WHERE protocol = 'tcp' AND direction <> 'listen' AND "
          "closed_ns IS NOT NULL AND (local_port = :port OR remote_port = :port)",
          {{"port", port}});
    }
    return ends;
  };
  const bool notices = std::string_view{source} == "notice";
  // On a busy host the kernel sends a notice late.
  REQUIRE(test::eventually([&] {
    return (!notices || found() >= 40) &&
           number(db, "SELECT count(DISTINCT at_ns) FROM counters") >= 3;
  }));
  recorder.send(SIGTERM);
  REQUIRE(recorder.wait().exit_code == 0);
  if (notices) {
    CHECK(found() == 40);  // both ends, each once
    CHECK(number(db, "SELECT count(*) FROM connections WHERE seen_by LIKE '%notice%'") >= 40);
  } else {
    CHECK(found() < 40);  // polling meets what is left in TIME_WAIT at best
  }
}

TEST_CASE("procfs says that it is not the best source, and sees the same sockets", "[cli][ipv6]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  Pair old{AF_INET6};
  REQUIRE(old.good());
  const auto finished =
      run({"record", "--db", db.string(), "--source", "procfs", "--duration", "300ms"});
  CHECK(finished.exit_code == 0);
  CHECK_THAT(finished.err, contains_text("using procfs, which is not the best source"));
  CHECK(number(db,
               "SELECT count(*) FROM connections WHERE pid = :pid AND family = 'ipv6' AND "
               "(local_port = :port OR remote_port = :port)",
               {{"pid", static_cast<std::int64_t>(::getpid())}, {"port", old.port()}}) == 3);
}

TEST_CASE("a configuration file sets the options of record", "[cli]") {
  const test::Scratch scratch;
  const auto db = scratch / "a.db";
  const auto config = scratch / "netlog.toml";
  std::ofstream{config}
      << "db = \"" << db.string()
      << "\"\ninterval = \"20ms\"\nduration = \"200ms\"\nsource = \"poll\"\nlog-level = \"warn\"\n";
  const auto finished = run({"record", "--config", config.string()});
  CHECK(finished.exit_code == 0);
  CHECK(finished.err.empty());
  CHECK(number(db, "SELECT interval_ns FROM sessions") == 20'000'000);
  std::ofstream{config, std::ios::app} << "intervall = \"1s\"\n";
  const auto wrong = run({"record", "--config", config.string()});
  CHECK(wrong.exit_code == 2);
  CHECK(one_line(wrong.err));
}

TEST_CASE("the doctor tries what a recorder needs", "[cli]") {
  const test::Scratch scratch;
  const auto db = (scratch / "a.db").string();
  const auto text = run({"doctor", "--db", db});
  CHECK(text.exit_code == 0);
  CHECK_THAT(text.out,
             contains_text("tables") && contains_text("notices") && contains_text("owners"));
  const auto csv = run({"doctor", "--db", db, "--format", "csv"});
  CHECK(csv.exit_code == 0);
  CHECK(csv.out.starts_with("check,allowed,found,means,remedy\r\ntables,"));
  CHECK_FALSE(std::filesystem::exists(db));
}

TEST_CASE("a pipe that is closed early is no error", "[cli]") {
  const test::Scratch scratch;
  const auto db = (scratch / "a.db").string();
  REQUIRE(run({"record", "--db", db, "--duration", "100ms"}).exit_code == 0);
  const auto rows =
      "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < "
      "1000000) SELECT i, 'so that it does not fit a pipe' FROM n";
  const auto* const format = GENERATE("text", "json", "csv");
  for (const auto& arguments :
       {std::vector<std::string>{"sql", "--db", db, "--format", format, rows},
        {"report", "connections", "--db", db, "--format", format},
        {"tail", "-f", "--db", db, "--format", format},
        {"--help"}}) {
    CAPTURE(arguments);
    Command command{arguments};
    command.close_output();
    const auto finished = command.wait();
    CHECK(finished.exit_code == 0);
    CHECK(finished.err.empty());
  }
}

TEST_CASE("following ends with a signal", "[cli]") {
  const test::Scratch scratch;
  const auto db = (scratch / "a.db").string();
  REQUIRE(run({"record", "--db", db, "--duration", "100ms"}).exit_code == 0);
  Command tail{{"tail", "-f", "-n", "0", "--db", db}};
  tail.send(SIGINT);
  CHECK(tail.wait().exit_code == -1);
}

}  // namespace netlog_tests::command_test

// SPDX-License-Identifier: MIT
// Which script an interpreter runs: by its command line, in reports and as a filter.
#include "render/render.hpp"
#include "report/report.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <algorithm>
#include <regex>
#include <sstream>
#include <string>
#include <vector>

namespace netlog_tests::report_scripts_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::report::Granularity;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

constexpr std::uint32_t kWorker = 10;
constexpr std::uint32_t kOther = 11;
constexpr std::uint32_t kPlain = 12;

/// A worker in python that listens, connects, fails and leaks; another script; a program.
GivenRecording& scripts(GivenRecording& recording) {
  recording.process(kWorker, "python3", 0).called("python3 -u /srv/app/worker.py --all");
  recording.process(kOther, "python3", 0).called("python3 other.py");
  recording.process(kPlain, "app", 0).called("/usr/bin/app worker.py");
  recording.add(listener(1, 80).by(kWorker).from(1));
  recording.add(closed_connection(2)
                    .by(kWorker)
                    .from(10)
                    .to(12)
                    .through({syn_sent})
                    .ending(Outcome::refused));
  recording.add(open_connection(3).by(kWorker).from(20).through({established, close_wait}));
  recording.add(listener(4, 80).by(kOther).local("192.0.2.1", 80).from(1));
  recording.add(closed_connection(5).by(kOther).from(30).to(31));
  recording.add(listener(6, 80).by(kPlain).local("192.0.2.2", 80).from(1));
  return recording;
}

Filter of_program(const char* name) {
  Filter filter;
  filter.process = name;
  return filter;
}

/// The titles of the columns that people see of a report's first table.
std::vector<std::string> titles(const GivenRecording& recording, const Filter& filter) {
  store::Reader reader{recording.path()};
  std::vector<std::string> all;
  const auto answer = report::run_report(reader, "who", filter, -1);
  for (const auto& column : answer.tables.at(1).columns) {
    all.push_back(column.title);
  }
  return all;
}

}  // namespace

TEST_CASE("the script is the first argument of an interpreter that is no option", "[report]") {
  const auto [command_line, script] = GENERATE(table<const char*, const char*>({
      {"python3 worker.py", "worker.py"},
      {"/usr/bin/python3.11 -u /srv/app/worker.py --port 80", "worker.py"},
      {"python3 -W ignore -X dev w.py a.py", "w.py"},
      {"python3 -m http.server 8000", "http.server"},
      {"python3 -um http.server", "http.server"},
      {"python3 -mhttp.server 8000", "http.server"},
      {"python3 -uW ignore -Xdev w.py", "w.py"},
      {"python3 -Wignore w.py", "w.py"},
      {"perl -Mstrict -i.bak p.pl", "p.pl"},
      {"python3 -- -odd.py", "-odd.py"},
      {"python3 w.py -c conf", "w.py"},
      {"bash -euo pipefail run.sh x", "run.sh"},
      {"sh -e /etc/init.d/s.sh", "s.sh"},
      {"bash --rcfile a b.sh", "b.sh"},
      {"perl -w -I lib p.pl", "p.pl"},
      {"ruby -Ilib -r json r.rb", "r.rb"},
      {"node --inspect --require x app.js", "app.js"},
      {"php8.2 -f f.php", "f.php"},
      {"java -Xmx1g -cp a:b com.example.Main x", "com.example.Main"},
      {"java -jar /opt/x/app.jar --foo", "app.jar"},
      {R"("C:\Program Files\Python\python.exe" "C:\my scripts\worker.py" arg)", "worker.py"},
      {R"(C:\Python\Python.EXE -u C:\x\w.py)", "w.py"},
      // Code, or nothing, in the place of a script.
      {"python3 -c import socket", "-"},
      {"python3 -cimport socket; x.y()", "-"},
      {"python3 -ucimport socket", "-"},
      {"python3 -u -Wignore -Ecfor x in y: z", "-"},
      {"perl -eprint 1", "-"},
      {"perl -lneprint x", "-"},
      {"ruby -neputs 1", "-"},
      {"node --eval=code x", "-"},
      {"php -recho 1;", "-"},
      {"python3 -uc import x", "-"},
      {"python3", "-"},
      {"python3 -", "-"},
      {"-bash", "-"},
      {"bash -c while curl x; do sleep 1; done", "-"},
      {"bash -ec foo bar", "-"},
      {"perl -ne print x", "-"},
      {"node -e code", "-"},
      {"php -S localhost:80 router.php", "-"},
      // No interpreter, or named after its script.
      {"curl http://python/x.sh", "-"},
      {"ssh -T host.example bash x.sh", "-"},
      {"gunicorn: master [app]", "-"},
      {"php-fpm: pool www", "-"},
      {"python3 /srv/named.py", "-"},
      // In a redacted clip.
      {"cmdline-3f9a0c51e2b7", "-"},
  }));
  GivenRecording recording;
  recording.process(kWorker, "named.py", 0).called(command_line);
  Filter filter;
  filter.pids = {kWorker};
  CAPTURE(command_line);
  CHECK(recording.rows("process", {"name", "script"}, filter) ==
        std::string{"named.py|"} + script + "\n");
}

TEST_CASE("--process finds the script of an interpreter", "[report]") {
  GivenRecording recording;
  scripts(recording);
  const auto found = [&](const char* name) {
    const auto by_connections = recording.rows("listeners", {"pid"}, of_program(name));
    for (const auto granularity : {Granularity::peers, Granularity::processes}) {
      CAPTURE(name, static_cast<int>(granularity));
      CHECK(recording.rows("listeners", {"pid"}, of_program(name), granularity) == by_connections);
    }
    return by_connections;
  };
  CHECK(found("worker.py") == "10\n");
  CHECK(found("work*.py") == "10\n");
  CHECK(found("*.py") == "10\n11\n");
  CHECK(found("python3") == "10\n11\n");
  CHECK(found("app") == "12\n");
  CHECK(found("other.p") == "");
  CHECK(recording.rows("connections", {"id"}, of_program("worker.py")) == "1\n2\n3\n");
  CHECK(recording.rows("connections", {"id"}, of_program("worker.py"), Granularity::processes) ==
        "1\n2\n3\n");
}

TEST_CASE("--process is met by a script", "[report]") {
  GivenRecording recording;
  scripts(recording).rows("who", {"pid"});
  store::Reader reader{recording.path()};
  CHECK(report::unmet_conditions(reader, of_program("worker.py")).empty());
  CHECK(report::unmet_conditions(reader, of_program("wor*")).empty());
  const auto unmet = report::unmet_conditions(reader, of_program("nosuch.py"));
  REQUIRE(unmet.size() == 1);
  CHECK(unmet[0].what == "name or script");
}

TEST_CASE("reports show the script beside the process", "[report]") {
  GivenRecording recording;
  scripts(recording);
  const auto script_in = [&](const char* report, const char* column) {
    return recording.rows(report, {"process", "script", column}, of_program("worker.py"));
  };
  CHECK(script_in("connections", "id") ==
        "python3|worker.py|1\npython3|worker.py|2\npython3|worker.py|3\n");
  CHECK(script_in("who", "cmdline") ==
        "python3|worker.py|python3 -u /srv/app/worker.py --all\n"
        "python3|worker.py|python3 -u /srv/app/worker.py --all\n"
        "python3|worker.py|python3 -u /srv/app/worker.py --all\n");
  CHECK(script_in("who", "connections") == "python3|worker.py|1\npython3|worker.py|2\n");
  CHECK(script_in("leaks", "now") == "python3|worker.py|1\n");
  CHECK(script_in("failed", "outcome") == "python3|worker.py|refused\n");
  Filter worker;
  worker.pids = {kWorker};
  CHECK(recording.section("process", "peers", {"process", "script"}, worker) ==
        "python3|worker.py\n");
  CHECK(recording.section("process", "connections", {"script", "outcome"}, worker) ==
        "worker.py|refused\nworker.py|open\n");
}

TEST_CASE("one row for several processes has a script only if it is that of all", "[report]") {
  GivenRecording recording;
  for (const std::uint32_t pid : {20U, 21U, 22U}) {
    const auto remote = pid == 22 ? "203.0.113.10" : "203.0.113.9";
    recording.process(pid, "python3", 10, 12).called("python3 probe.py");
    recording.process(pid + 10, "python3", 10, 12)
        .called("python3 probe" + std::to_string(pid) + ".py");
    recording.add(closed_connection(pid).by(pid).from(10).to(11).ending(Outcome::refused));
    recording.add(closed_connection(pid + 10)
                      .by(pid + 10)
                      .remote(remote, 80)
                      .from(10)
                      .to(11)
                      .ending(Outcome::refused));
  }
  CHECK(recording.rows("failed", {"connections", "peer", "script"}) ==
        "3|203.0.113.9:443|probe.py\n2|203.0.113.9:80|-\n1|203.0.113.10:80|probe22.py\n");
}

TEST_CASE("the overview has a row for each script of an interpreter", "[report]") {
  GivenRecording recording;
  for (std::uint32_t pid = 20; pid < 26; ++pid) {
    const auto* const script = pid % 3 == 0 ? "backup.py" : "probe.py";
    recording.process(pid, "python3", 10, 12)
        .called("python3 " + std::string{script} + " --host " + std::to_string(pid));
    recording.add(closed_connection(pid).by(pid).from(10).to(11));
  }
  recording.process(30, "python3", 10, 12).called("python3 -c pass");
  recording.add(closed_connection(30).by(30).from(10).to(11));
  CHECK(recording.section(
            "overview", "processes", {"connections", "process", "script", "processes"}) ==
        "4|python3|probe.py|4\n2|python3|backup.py|2\n1|python3|-|1\n");
}

TEST_CASE("the column of scripts is shown only where a row has one", "[report]") {
  GivenRecording recording;
  scripts(recording).rows("who", {"pid"});
  const auto shown = [&](const char* name) {
    const auto all = titles(recording, of_program(name));
    return std::find(all.begin(), all.end(), "script") != all.end();
  };
  CHECK(shown("worker.py"));
  CHECK(!shown("app"));
}

TEST_CASE("no more of a command line is looked at than a file's name needs", "[report]") {
  GivenRecording recording;
  const std::string longest(255, 'x');
  recording.process(20, "python3", 0).called("python3 /a/" + longest + " b.py");
  recording.process(21, "python3", 0).called("python3 /a/" + longest + longest + "y b.py");
  recording.process(22, "app", 0).called(std::string(5'000, '-') + " python3 c.py");
  for (const std::uint32_t pid : {20U, 21U, 22U}) {
    recording.add(closed_connection(pid).by(pid).from(10).to(11));
  }
  CHECK(recording.rows("connections", {"pid", "script"}) ==
        "20|" + longest + "\n21|" + longest + "y\n22|-\n");
}

TEST_CASE("every report with processes has the script beside them", "[report]") {
  GivenRecording recording;
  scripts(recording);
  for (int i = 0; i < 8; ++i) {
    recording.add(closed_connection(20 + i)
                      .by(kWorker)
                      .remote("203.0.113.4", 80)
                      .from(30 + 5 * i)
                      .to(31 + 5 * i));
  }
  const auto script_in = [&](const char* report, const char* section, const Filter& filter = {}) {
    return recording.section(report, section, {"process", "script"}, filter);
  };
  const std::string worker = "python3|worker.py\n";
  CHECK(script_in("overview", "processes").starts_with(worker));
  CHECK(script_in("overview", "failures") == worker);
  CHECK(script_in("churn", "processes").starts_with(worker));
  CHECK(script_in("beacons", "beacons") == worker);
  CHECK(script_in("listeners", "listeners", of_program("worker.py")) == worker);
  CHECK(script_in("peers", "peers").starts_with(worker));
  for (const auto granularity : {Granularity::connections, Granularity::processes}) {
    CHECK(recording.section("ports", "ports", {"remote", "process", "script"}, {}, granularity)
              .find("203.0.113.4:80|python3|worker.py\n") != std::string::npos);
  }
  Filter windows;
  windows.before_ns = {0, test::Given::ns(0.5)};
  windows.since_ns = test::Given::ns(0.5);
  windows.until_ns = test::Given::ns(60);
  CHECK(script_in("diff", "listeners", windows) == "python3|worker.py\npython3|other.py\napp|-\n");
  CHECK(script_in("diff", "processes", windows).starts_with(worker));
  // Two scripts have the first peer.
  CHECK(script_in("diff", "peers", windows) == "python3|-\n" + worker);
}

TEST_CASE("people see the script in the place of the interpreter", "[report]") {
  GivenRecording recording;
  scripts(recording).rows("who", {"pid"});
  store::Reader reader{recording.path()};
  std::ostringstream out;
  render::write_text(out, report::run_report(reader, "listeners", {}, -1), {});
  CHECK_THAT(std::regex_replace(out.str(), std::regex{"  +"}, " "),
             Catch::Matchers::Contains("proto local pid process user") &&
                 Catch::Matchers::Contains("0.0.0.0:80 10 worker.py") &&
                 Catch::Matchers::Contains("192.0.2.1:80 11 other.py") &&
                 Catch::Matchers::Contains("192.0.2.2:80 12 app"));
}

TEST_CASE("people know svchost.exe by its services, another program by its name", "[report]") {
  GivenRecording recording;
  recording.process(kWorker, "svchost.exe", 0)
      .called("C:\\Windows\\System32\\svchost.exe -k NetworkService -p -s Dnscache")
      .serving("Dnscache");
  recording.process(kOther, "SvcHost.EXE", 0)
      .serving("LanmanServer, W32Time");  // may not be opened
  recording.process(kPlain, "spoolsv.exe", 0).called("spoolsv.exe").serving("Spooler");
  recording.add(listener(1, 53).by(kWorker).from(1));
  recording.add(listener(2, 445).by(kOther).from(1));
  recording.add(listener(3, 515).by(kPlain).from(1));
  CHECK(recording.rows("listeners", {"pid", "process", "script"}) ==
        "10|svchost.exe|Dnscache\n11|SvcHost.EXE|LanmanServer, W32Time\n12|spoolsv.exe|-\n");
  CHECK(recording.rows("listeners", {"pid"}, of_program("Dnscache")) == "10\n");
  CHECK(recording.rows("listeners", {"pid"}, of_program("*W32Time*")) == "11\n");
  CHECK(recording.rows("listeners", {"pid"}, of_program("Spooler")).empty());
  store::Reader reader{recording.path()};
  CHECK(report::unmet_conditions(reader, of_program("Dnscache")).empty());
}

}  // namespace netlog_tests::report_scripts_test

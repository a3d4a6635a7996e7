// SPDX-License-Identifier: MIT
// Windows' calls by a script, up to the rows of a recording: what wine and a quiet machine never
// do.
#include "source/ip_helper/processes.hpp"
#include "unit/source/ip_helper_fixture.hpp"

#include <variant>

namespace netlog_tests::source_ip_helper_test {

using namespace netlog_tests::ip_helper;

TEST_CASE("a connection that is offloaded and taken back is four events", "[source]") {
  Host host;
  // Since this one is offloaded, all are looked at.
  const Tcp other{.local_port = 1, .offload = 2};
  host.show({other, {}});
  REQUIRE(host.open().has_value());
  for (const auto state : {0U, 1U, 2U, 2U, 3U, 0U}) {
    host.show({other, {.offload = state}});
    host.tick();
  }
  CHECK(host.rows("SELECT kind, old, new FROM events WHERE local_port = 50000 ORDER BY id") ==
        "present|NULL|ESTABLISHED\n"
        "offload|IN_HOST|OFFLOADING\n"
        "offload|OFFLOADING|OFFLOADED\n"
        "offload|OFFLOADED|UPLOADING\n"
        "offload|UPLOADING|IN_HOST\n");
}

TEST_CASE("where nothing was ever offloaded the states are read once in 60 times", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  int reads = 0;
  host.script.before_call = [&](const Script::Key& key) { reads += key == kTcp4Offload ? 1 : 0; };
  const auto tick = [&](int times) {
    const auto before = reads;
    for (int i = 0; i < times; ++i) {
      host.tick();
    }
    return reads - before;
  };
  CHECK(tick(60) == 1);
  host.show({{.offload = 1}});
  CHECK(tick(1) == 1);
  CHECK(tick(10) == 10);
  CHECK(host.rows("SELECT offload FROM connections") == "OFFLOADING\n");
}

TEST_CASE("a connection and its process are recorded as the tables show them", "[source]") {
  Host host;
  host.script.details[1234] = {"C:\\Program Files\\chrome.exe", "chrome.exe --x", "LAB\\anna"};
  REQUIRE(host.open().has_value());
  CHECK(host.source().name() == "iphlpapi");
  CHECK(host.source().fallback_reason().empty());
  host.tick();
  host.show({{.state = 3}});
  host.tick();
  host.show({{.state = 5}});
  host.tick();
  // The rest of a socket has neither its owner nor its timestamp.
  host.show({{.state = 11, .pid = 0, .created = 0}});
  host.tick();
  host.show({});
  host.tick();
  CHECK(host.rows("SELECT kind, old, new, pid, process FROM events ORDER BY id") ==
        "open|NULL|SYN_SENT|1234|chrome.exe\n"
        "state|SYN_SENT|ESTABLISHED|1234|chrome.exe\n"
        "state|ESTABLISHED|TIME_WAIT|1234|chrome.exe\n"
        "close|TIME_WAIT|CLOSED|1234|chrome.exe\n");
  CHECK(host.rows(kConnections) ==
        "192.0.2.1:50000|198.51.100.7:443|CLOSED|1234|chrome.exe|last_seen|NULL|closed|0\n");
  CHECK(host.rows("SELECT pid, name, exe, cmdline, user, parent_pid FROM processes") ==
        "1234|chrome.exe|C:\\Program Files\\chrome.exe|chrome.exe --x|LAB\\anna|700\n");
}

TEST_CASE("the create timestamp distinguishes one use of a tuple from the next", "[source]") {
  Host host;
  host.show({{.created = kOpened}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.show({{.created = kOpened + 1}});
  host.tick();
  CHECK(host.rows("SELECT connection_id, kind, new FROM events ORDER BY id") ==
        "1|present|ESTABLISHED\n1|close|CLOSED\n2|open|ESTABLISHED\n");
}

TEST_CASE("a UDP socket whose port the system chose does not listen", "[source]") {
  const auto row = [](MibBytes& bytes, std::uint16_t port, std::uint32_t specific) {
    bytes.hex("C0000201").port(port).dword(1234).dword(0).qword(kOpened).dword(specific).dword(0);
    bytes.module_info(0);
  };
  Host host;
  MibBytes table;
  table.dword(2).dword(0);
  row(table, 53, 1);
  row(table, 60'000, 0);
  host.script.tables[{Protocol::udp, Family::ipv4, capture::MibTable::owner_module}] =
      table.bytes();
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT local_port, remote_port, direction, outcome, process FROM connections "
                  "ORDER BY local_port") ==
        "53|NULL|listen|open|chrome.exe\n60000|NULL|outbound|open|chrome.exe\n");
}

TEST_CASE("a row in TIME_WAIT without an owner goes on, with or without its timestamp",
          "[source]") {
  const auto created = GENERATE(std::uint64_t{0}, kOpened);
  CAPTURE(created);
  Host host;
  host.show({{.created = kOpened}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.show({{.state = 11, .pid = 0, .created = created}});
  host.tick();
  host.show({});
  host.tick();
  CHECK(host.rows("SELECT kind, old, new FROM events ORDER BY id") ==
        "present|NULL|ESTABLISHED\nstate|ESTABLISHED|TIME_WAIT\nclose|TIME_WAIT|CLOSED\n");
  CHECK(host.rows("SELECT process, outcome FROM connections") == "chrome.exe|closed\n");
}

TEST_CASE("without timestamps another owner is another use", "[source]") {
  Host host;
  host.script.processes.push_back({77, 4, kLongAgo, "curl.exe"});
  host.show({{.created = 0}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.show({{.pid = 77, .created = 0}});
  host.tick();
  CHECK(host.rows("SELECT connection_id, kind, pid FROM events ORDER BY id") ==
        "1|present|1234\n1|close|1234\n2|open|77\n");
}

TEST_CASE("a pid that is another's by now is not the owner", "[source]") {
  Host host;
  SECTION("created after the socket") {
    host.show({{.pid = 55}});
    host.script.processes.push_back({55, 4, kOpened + 1'000'000, "newcomer.exe"});
  }
  SECTION("created after the table was read") {
    host.show({{.pid = 55, .created = 0}});
    host.script.before_list = [&, lists = 0]() mutable {
      if (++lists == 2) {  // the list for the owners, after the tables
        host.script.processes.push_back({55, 4, filetime_now(), "newcomer.exe"});
      }
    };
  }
  REQUIRE(host.open().has_value());
  host.tick();
  host.tick();
  CHECK(host.rows(kConnections) ==
        "192.0.2.1:50000|198.51.100.7:443|ESTABLISHED|NULL|NULL|unknown|gone|open|1\n");
}

TEST_CASE("a process that begins in the time to come proves that the clock was set back",
          "[source]") {
  Host host;
  host.show({{}});
  host.script.processes[0].created = 150'000'000'000'000'000;  // 2076
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT process, owner_source FROM connections") == "chrome.exe|held\n");
}

TEST_CASE("a reused pid is two processes", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.processes[0] = {1234, 4, kOpened + 5, "other.exe"};
  host.show({{.created = kOpened + 9}});
  host.tick();
  CHECK(host.rows("SELECT pid, name, ended_at IS NULL FROM processes ORDER BY id") ==
        "1234|chrome.exe|0\n1234|other.exe|1\n");
  CHECK(host.rows("SELECT process FROM connections ORDER BY id") == "chrome.exe\nother.exe\n");
}

TEST_CASE("a row that outlives its process keeps it, whoever has the pid next", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.processes.erase(host.script.processes.begin());
  host.tick();
  host.script.processes.push_back({1234, 4, kLongAgo + 9, "newcomer.exe"});
  host.tick();
  CHECK(host.rows("SELECT process, owner_source FROM connections") == "chrome.exe|last_seen\n");
  CHECK(host.rows("SELECT kind FROM events") == "present\n");
}

TEST_CASE("a process list that fails is a gap, and is asked again", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.script.processes_code = 8;
  host.tick();
  host.script.processes_code = kNoError;
  host.tick();
  CHECK(host.rows("SELECT source, reason, detail FROM gaps") ==
        "iphlpapi|unreadable|NtQuerySystemInformation (processes): failed [win32:8]\n");
  CHECK(host.rows("SELECT process, owner_source FROM connections") == "chrome.exe|exact\n");
}

TEST_CASE("what Windows does not show of a process is unknown, its name is not", "[source]") {
  Host host;
  host.show({{.pid = 4}});
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT pid, process, exe, cmdline, user, owner_source FROM connections") ==
        "4|System|NULL|NULL|NULL|exact\n");
}

TEST_CASE("a process list that is denied leaves owners unknown, with that reason", "[source]") {
  Host host;
  host.show({{}});
  host.script.processes_code = kAccessDenied;
  host.script.processes.clear();
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows(kConnections) ==
        "192.0.2.1:50000|198.51.100.7:443|ESTABLISHED|NULL|NULL|unknown|not_permitted|open|1\n");
}

TEST_CASE("a process that has ended since the last look is named", "[source]") {
  Host host;
  REQUIRE(host.open().has_value());
  host.tick();
  host.show({{}});
  host.script.before_list = [&, lists = 0]() mutable {
    if (++lists == 2) {  // between the tables and the list for the owners
      host.script.processes.erase(host.script.processes.begin());
    }
  };
  host.tick();
  host.tick();
  CHECK(host.rows("SELECT process, owner_source FROM connections") == "chrome.exe|last_seen\n");
  CHECK(host.rows("SELECT name, parent_pid, exe, ended_at IS NULL FROM processes") ==
        "chrome.exe|700|NULL|0\n");
}

TEST_CASE("a process is reported once, also if it is asked for after its end", "[source]") {
  struct Counts final : capture::RecordSink {
    void consume(const capture::RawRecord& record) override {
      reads += std::holds_alternative<capture::ProcessRead>(record.payload) ? 1 : 0;
      exits += std::holds_alternative<capture::ProcessExit>(record.payload) ? 1 : 0;
    }
    int reads = 0;
    int exits = 0;
  } counts;
  Script script;
  script.processes = {{1234, 700, kLongAgo, "chrome.exe"}};
  ScriptedCalls calls{script};
  ProcessTable processes{calls};
  REQUIRE(processes.refresh(counts) == kNoError);
  CHECK(processes.report(1234, 0, counts));
  script.processes.clear();
  REQUIRE(processes.refresh(counts) == kNoError);
  CHECK(counts.exits == 1);
  CHECK(processes.report(1234, 0, counts));
  REQUIRE(processes.refresh(counts) == kNoError);
  CHECK(counts.reads == 1);
  CHECK(counts.exits == 1);
}

TEST_CASE("the end of a process that is held is known, also while the list has it", "[source]") {
  const bool is_listed = GENERATE(false, true);
  CAPTURE(is_listed);
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  const auto ended = filetime_now();
  host.script.ended[1234] = {ended, 0xC000'0005};
  if (!is_listed) {
    host.script.processes.erase(host.script.processes.begin());
  }
  host.tick();
  CHECK(host.script.forgotten == std::vector<std::uint32_t>{1234});
  host.tick();
  CHECK(host.script.forgotten.size() == 1);
  CHECK(host.rows("SELECT name, exit_status, exit_signal, end_error_ns <= 15625000 FROM "
                  "processes") == "chrome.exe|3221225477|NULL|1\n");
  // FILETIME counts in 100 ns, the clocks are compared with an error of some µs.
  CHECK(host.rows(fmt::format("SELECT abs(ended_ns - end_error_ns - {}) < 10000000 FROM processes",
                              utc_ns_of(ended))) == "1\n");
}

TEST_CASE("the end of a process by a clock that was set is between two lists", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.processes.erase(host.script.processes.begin());
  host.script.ended[1234] = {kOpened, 7};  // long before
  host.tick();
  CHECK(host.rows("SELECT exit_status, end_error_ns > 0, ended_ns > started_ns + 1000000000 FROM "
                  "processes") == "7|1|1\n");
}

TEST_CASE("what is no service of the process is not its service", "[source]") {
  Host host;
  host.script.processes = {{900, 700, kLongAgo, "svchost.exe"}, {901, 700, kLongAgo, "b.exe"}};
  host.script.services = {{900, "Dnscache", {}}, {900, "W32Time", {}}, {901, "Spooler", {}}};
  host.show({{.local_port = 1, .pid = 900, .tag = 66},
             {.local_port = 2, .pid = 900, .tag = 67},
             {.local_port = 3, .pid = 900, .tag = 68}});
  REQUIRE(host.open().has_value());
  host.script.modules = {{900, 66, "svchost.exe"}, {900, 67, "Spooler"}, {900, 68, "DNSCACHE"}};
  host.tick();
  CHECK(host.rows("SELECT local_port, service FROM connections ORDER BY local_port") ==
        "1|Dnscache, W32Time\n2|Dnscache, W32Time\n3|Dnscache\n");
}

TEST_CASE("services that share a process are distinguished by their sockets", "[source]") {
  Host host;
  host.script.processes = {{900, 700, kLongAgo, "svchost.exe"}};
  host.script.services = {
      {900, "Dnscache", "DNS-Client für alle"}, {900, "W32Time", {}}, {901, "Spooler", "Druck"}};
  host.show({{.local_port = 1, .pid = 900, .tag = 66},
             {.local_port = 2, .pid = 900, .tag = 67},
             {.local_port = 3, .pid = 900, .tag = 0}});
  REQUIRE(host.open().has_value());
  host.script.modules = {{900, 66, "Dnscache"}, {900, 67, "W32Time"}};
  host.tick();
  CHECK(host.rows("SELECT local_port, process, service FROM connections ORDER BY local_port") ==
        "1|svchost.exe|Dnscache\n2|svchost.exe|W32Time\n3|svchost.exe|Dnscache, W32Time\n");
  CHECK(host.rows("SELECT service, service_caption FROM processes") ==
        "Dnscache, W32Time|DNS-Client für alle, W32Time\n");
  CHECK(host.rows("SELECT service_caption FROM connections ORDER BY local_port") ==
        "DNS-Client für alle\nW32Time\nDNS-Client für alle, W32Time\n");
}

TEST_CASE("coverage is counted over both families", "[source]") {
  const auto statistics = [](std::uint32_t active) {
    MibBytes bytes;
    bytes.dword(4).dword(20).dword(60'000).dword(0xFFFF'FFFF).dword(active);
    for (int i = 0; i < 10; ++i) {
      bytes.dword(0);
    }
    return bytes.bytes();
  };
  Host host;
  host.script.statistics[capture::MibStatistics::tcp4] = statistics(100);
  host.script.statistics[capture::MibStatistics::tcp6] = statistics(50);
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.statistics[capture::MibStatistics::tcp4] = statistics(103);
  host.script.statistics[capture::MibStatistics::tcp6] = statistics(51);
  host.show({{.local_port = 1}, {.local_port = 2}, {.local_port = 3}});
  host.tick();
  CHECK(host.rows("SELECT kernel_opens, recorded_opens, percent, netns FROM coverage") ==
        "4|3|75.0|NULL\n");
  CHECK(host.rows("SELECT protocol, name, value FROM counters WHERE name IN ('RtoAlgorithm', "
                  "'RtoMin', 'RtoMax', 'MaxConn') ORDER BY name") ==
        "tcp|MaxConn|-1\ntcp|RtoAlgorithm|4\ntcp|RtoMax|60000\ntcp|RtoMin|20\n");
  CHECK(host.rows("SELECT count(*) FROM counters WHERE name = 'NumConns'") == "2\n");
  CHECK(host.rows("SELECT count(*) FROM counters WHERE name = 'BoundSockets'") == "0\n");
}

TEST_CASE("sockets that are only bound are counted", "[source]") {
  Host host;
  host.script.bound = table_of_offloads({{.state = 100, .local_port = 1}, {.state = 100}});
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT protocol, name, value FROM counters") == "tcp|BoundSockets|2\n");
  CHECK(host.rows("SELECT count(*) FROM connections") == "0\n");
}

}  // namespace netlog_tests::source_ip_helper_test

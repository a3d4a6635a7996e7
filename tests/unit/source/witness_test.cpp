// SPDX-License-Identifier: MIT
#include "source/ip_helper/witness.hpp"

#include "unit/source/ip_helper_fixture.hpp"

#include <string>

namespace netlog_tests::source_witness_test {

using namespace netlog_tests::ip_helper;

TEST_CASE("a witness has numbers, and nothing that is private", "[source]") {
  Script script;
  script.processes = {{1234, 700, kLongAgo, "secret.exe"}, {55, 700, kOpened + 9, "other.exe"}};
  script.services = {{1234, "Dnscache", {}}};
  script.modules = {{1234, 66, "Dnscache"}, {1234, 67, "secret.exe"}};
  script.tables[kTcp4] = table_of_modules({{.state = 2, .local_port = 50'001, .created = kOpened},
                                           {.local_port = 50'001, .created = kOpened, .tag = 66},
                                           {.local_port = 50'001, .created = kOpened + 7},
                                           {.state = 11, .pid = 0, .created = 0},
                                           {.state = 13, .pid = 55}});
  script.codes[kTcp4Pid] = kUnsuccessful;
  script.bound = table_of_offloads(
      {{.state = 100, .local_port = 50'001}, {.state = 100, .local_port = 50'777}});
  ScriptedCalls calls{script};
  const auto text = witness(calls);
  const auto has = [&](const char* line) {
    CAPTURE(line, text);
    CHECK(text.find(line) != std::string::npos);
  };
  has("processes: 2 in ");
  has("GetExtendedTcpTable (IPv4, OWNER_MODULE): 5 rows, median ");
  has("GetExtendedTcpTable (IPv4, OWNER_PID): 0 rows, median ");
  has(", code 3221225473 20 times\n");
  has("tcp ipv4 rows with a timestamp: 4 of 5\n");
  has("tcp ipv4 rows older than the process with their pid: 1 of 5\n");
  has("tcp ipv4 rows with a tag: 1 of 5\n");
  has("tcp ipv4 tags whose name is a service of the process: 1 of 2\n");
  has("tcp ipv4 state 2: 1 rows\n");
  has("tcp ipv4 state 5: 2 rows\n");
  has("tcp ipv4 state 13: 1 rows\n");
  has("tcp ipv4 accepted rows with the timestamp of their listener: 1 of 2\n");
  has("tcp ipv4 accepted rows with an earlier one: 0 of 2\n");
  has("tcp ipv4 TIME_WAIT rows with a timestamp: 0 of 1\n");
  has("tcp ipv4 TIME_WAIT rows with a pid: 0 of 1\n");
  has("tcp ipv4 bound sockets: 2, code 0\n");
  has("tcp ipv4 bound sockets whose port another row has: 1 of 2\n");
  has("tcp ipv4 bound sockets in state 100: 2 of 2\n");
  has("tcp ipv6 bound sockets: 0, code 127\n");
  has("GetTcpStatisticsEx (1): code 127, 0 bytes\n");
  for (const auto* const secret :
       {"secret", "Dnscache", "50001", "50777", "1234", "192.0.2", "443"}) {
    CAPTURE(secret);
    CHECK(text.find(secret) == std::string::npos);
  }
}

TEST_CASE("a witness of a table that lies about its rows is bounded", "[source]") {
  Script script;
  MibBytes table;
  table.dword(0xFFFF'FFFF).dword(0);
  script.tables[kTcp4] = table.bytes();
  ScriptedCalls calls{script};
  CHECK(witness(calls).find("tcp ipv4 rows with a timestamp: 0 of 0\n") != std::string::npos);
}

}  // namespace netlog_tests::source_witness_test

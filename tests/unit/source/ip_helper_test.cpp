// SPDX-License-Identifier: MIT
// Windows' calls by a script, up to the rows of a recording: what wine and a quiet machine never
// do.
#include "source/ip_helper/source.hpp"
#include "source/ip_helper/tables.hpp"
#include "support/catch.hpp"
#include "support/live_recording.hpp"
#include "support/mib.hpp"
#include "util/byte_reader.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

namespace netlog_tests::source_ip_helper_test {

using namespace netlog;
using namespace netlog::source;
using namespace netlog::source::ip_helper;
using test::MibBytes;

namespace {

constexpr std::uint64_t kLongAgo = 130'000'000'000'000'000;  // 2012
constexpr std::uint64_t kOpened = kLongAgo + 10'000'000;

std::uint64_t filetime_now() {
  constexpr std::uint64_t kUnixEpoch = 116'444'736'000'000'000;
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return kUnixEpoch + static_cast<std::uint64_t>(since_1970 / std::chrono::nanoseconds{100});
}

struct Script {
  using Key = std::tuple<Protocol, Family, capture::MibTable>;

  std::map<Key, std::vector<std::byte>> tables;
  std::map<Key, std::uint32_t> codes;  ///< what a call comes to instead
  std::function<void(const Key&)> before_call = [](const Key&) {};
  std::function<void()> before_list = [] {};
  std::vector<ListedProcess> processes;
  std::uint32_t processes_code = kNoError;
  std::map<std::uint32_t, ProcessDetails> details;
  std::vector<RunningService> services;
  std::vector<NamedModule> modules;
  std::map<capture::MibStatistics, std::vector<std::byte>> statistics;
  int calls = 0;
};

class ScriptedCalls final : public Api {
 public:
  explicit ScriptedCalls(Script& script) : script_{script} {}

  std::uint32_t read_table(Protocol protocol,
                           Family family,
                           capture::MibTable table,
                           std::span<std::byte> buffer,
                           std::uint32_t& size) override {
    const Script::Key key{protocol, family, table};
    ++script_.calls;
    script_.before_call(key);
    if (const auto code = script_.codes.find(key); code != script_.codes.end()) {
      return code->second;
    }
    const auto known = script_.tables.find(key);
    const auto bytes = known == script_.tables.end() ? std::vector<std::byte>(4) : known->second;
    size = static_cast<std::uint32_t>(bytes.size());
    if (bytes.size() > buffer.size()) {
      return kInsufficientBuffer;
    }
    std::memcpy(buffer.data(), bytes.data(), bytes.size());
    return kNoError;
  }
  std::uint32_t read_statistics(capture::MibStatistics which,
                                std::vector<std::byte>& statistics) override {
    const auto known = script_.statistics.find(which);
    if (known == script_.statistics.end()) {
      return kProcNotFound;
    }
    statistics = known->second;
    return statistics.empty() ? kNotSupported : kNoError;
  }
  std::uint32_t list_processes(std::vector<ListedProcess>& processes) override {
    script_.before_list();
    processes = script_.processes;
    return script_.processes_code;
  }
  ProcessDetails describe(std::uint32_t pid, std::uint64_t /*created*/) override {
    return script_.details[pid];
  }
  std::uint32_t list_services(std::vector<RunningService>& services) override {
    services = script_.services;
    return kNoError;
  }
  std::vector<NamedModule> name_modules(Protocol /*protocol*/,
                                        Family /*family*/,
                                        std::span<const std::byte> /*table*/) override {
    return std::exchange(script_.modules, {});
  }
  std::string text_of(std::uint32_t code) override {
    switch (code) {
      case kAccessDenied:
        return "Access is denied";
      case kNotSupported:
        return "The request is not supported";
      default:
        return "";
    }
  }

 private:
  Script& script_;
};

struct Tcp {
  std::uint32_t state = 5;
  std::uint16_t local_port = 50'000;
  std::uint32_t pid = 1234;
  std::uint64_t created = kOpened;
  std::uint64_t tag = 0;
  std::uint32_t offload = 0;
};

// 192.0.2.1 to 198.51.100.7:443.
std::vector<std::byte> table_of_modules(const std::vector<Tcp>& rows) {
  MibBytes bytes;
  bytes.dword(static_cast<std::uint32_t>(rows.size())).dword(0);
  for (const auto& row : rows) {
    bytes.dword(row.state).hex("C0000201").port(row.local_port).hex("C6336407").port(443);
    bytes.dword(row.pid).qword(row.created).module_info(row.tag);
  }
  return bytes.bytes();
}
std::vector<std::byte> table_of_offloads(const std::vector<Tcp>& rows) {
  MibBytes bytes;
  bytes.dword(static_cast<std::uint32_t>(rows.size()));
  for (const auto& row : rows) {
    bytes.dword(row.state).hex("C0000201").port(row.local_port).hex("C6336407").port(443);
    bytes.dword(row.pid).dword(row.offload);
  }
  return bytes.bytes();
}

const Script::Key kTcp4{Protocol::tcp, Family::ipv4, capture::MibTable::owner_module};
const Script::Key kTcp4Pid{Protocol::tcp, Family::ipv4, capture::MibTable::owner_pid};
const Script::Key kTcp4Offload{Protocol::tcp, Family::ipv4, capture::MibTable::offload};

/// A recorder over scripted calls: change the script, tick, ask.
class Host {
 public:
  Host() { script.processes = {{1234, 700, kLongAgo, "chrome.exe"}, {4, 0, kLongAgo, "System"}}; }

  Result<void> open(SourceChoice choice = SourceChoice::automatic) {
    auto made = make_source(std::make_unique<ScriptedCalls>(script), choice);
    if (!made) {
      return made.error();
    }
    recording_.emplace(std::move(*made));
    return {};
  }

  void show(const std::vector<Tcp>& rows) {
    script.tables[kTcp4] = table_of_modules(rows);
    script.tables[kTcp4Offload] = table_of_offloads(rows);
  }

  void tick() { recording_->tick(); }
  std::string rows(const std::string& sql) { return recording_->rows(sql); }
  [[nodiscard]] const LiveSource& source() const { return recording_->source(); }

  Script script;

 private:
  std::optional<test::LiveRecording> recording_;
};

constexpr auto kConnections =
    "SELECT local, remote, state, pid, process, owner_source, owner_reason, outcome, opened_ns IS "
    "NULL "
    "FROM connections ORDER BY id";

}  // namespace

TEST_CASE("a connection that is offloaded and taken back is four events", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  for (const auto state : {0U, 1U, 2U, 2U, 3U, 0U}) {
    host.show({{.offload = state}});
    host.tick();
  }
  CHECK(host.rows("SELECT kind, old, new FROM events ORDER BY id") ==
        "present|NULL|ESTABLISHED\n"
        "offload|IN_HOST|OFFLOADING\n"
        "offload|OFFLOADING|OFFLOADED\n"
        "offload|OFFLOADED|UPLOADING\n"
        "offload|UPLOADING|IN_HOST\n");
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

TEST_CASE("services that share a process are distinguished by their sockets", "[source]") {
  Host host;
  host.script.processes = {{900, 700, kLongAgo, "svchost.exe"}};
  host.script.services = {{900, "Dnscache"}, {900, "W32Time"}, {901, "Spooler"}};
  host.show({{.local_port = 1, .pid = 900, .tag = 66},
             {.local_port = 2, .pid = 900, .tag = 67},
             {.local_port = 3, .pid = 900, .tag = 0}});
  REQUIRE(host.open().has_value());
  host.script.modules = {{900, 66, "Dnscache"}, {900, 67, "W32Time"}};
  host.tick();
  CHECK(host.rows("SELECT local_port, process, service FROM connections ORDER BY local_port") ==
        "1|svchost.exe|Dnscache\n2|svchost.exe|W32Time\n3|svchost.exe|Dnscache, W32Time\n");
  CHECK(host.rows("SELECT service FROM processes") == "Dnscache, W32Time\n");
}

TEST_CASE("a table that grows between two calls is read whole", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  // Each time it is asked for it is longer than the buffer that the last answer led to.
  std::size_t rows = 1;
  host.script.before_call = [&](const Script::Key& key) {
    if (key == kTcp4 && rows < 601) {
      rows += 200;
      std::vector<Tcp> all(rows);
      for (std::size_t i = 0; i < rows; ++i) {
        all[i].local_port = static_cast<std::uint16_t>(1000 + i);
      }
      host.script.tables[kTcp4] = table_of_modules(all);
    }
  };
  host.tick();
  CHECK(host.rows("SELECT count(*) FROM connections") == "601\n");
  CHECK(host.rows("SELECT count(*) FROM gaps").substr(0, 1) == "0");
}

TEST_CASE("a buffer that never suffices is a gap and ends", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  const auto before = host.script.calls;
  host.script.codes[kTcp4] = kInsufficientBuffer;
  host.tick();
  CHECK(host.script.calls - before < 20);
  host.script.codes.clear();
  host.tick();
  CHECK(host.rows("SELECT source, reason, detail FROM gaps") ==
        "iphlpapi|unreadable|GetExtendedTcpTable (IPv4, OWNER_MODULE): failed [win32:122] after 8 "
        "tries, the last with 79331 bytes\n");
  // Not closed and opened again: nothing is known of the time in between.
  CHECK(host.rows("SELECT kind FROM events") == "present\n");
}

TEST_CASE("a table that changes while it is read is read again", "[source]") {
  Host host;
  const auto code = GENERATE(0xC0000001U, 31U);
  const auto odd_answers = GENERATE(1, 5);
  int left = odd_answers;
  const auto answer = [&](const Script::Key& key) {
    if (key == kTcp4 && left-- > 0) {
      host.script.codes[kTcp4] = code;
    } else {
      host.script.codes.erase(kTcp4);
    }
  };
  host.show({{}});
  host.script.before_call = answer;
  REQUIRE(host.open().has_value());  // also when the class is chosen
  CHECK(host.source().fallback_reason().empty());
  host.tick();
  left = odd_answers;
  host.tick();
  CHECK(host.rows("SELECT owner_source FROM connections") == "exact\n");
  CHECK(host.rows("SELECT count(*) FROM gaps") == "0\n");
}

TEST_CASE("a table that keeps changing is a gap, and keeps its class", "[source]") {
  Host host;
  host.show({{}});
  host.script.codes[kTcp4] = kUnsuccessful;
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.codes.clear();
  host.tick();
  CHECK(host.rows("SELECT source, reason, detail FROM gaps") ==
        "iphlpapi|unreadable|GetExtendedTcpTable (IPv4, OWNER_MODULE): failed [win32:3221225473] "
        "after 8 tries, the last with 79331 bytes\n");
  CHECK(host.rows("SELECT owner_source FROM connections") == "exact\n");
}

TEST_CASE("a row in a state that nobody knows costs no other row", "[source]") {
  Host host;
  const auto odd = GENERATE(0U, 13U, 99U, 0xFFFF'FFFFU);
  host.show({{.local_port = 1}, {.state = odd, .local_port = 2}, {.local_port = 3}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.show({{.local_port = 1}, {.state = 5, .local_port = 2}, {.local_port = 3}});
  host.tick();
  host.show({{.local_port = 1}, {.state = odd, .local_port = 2}});
  host.tick();
  CHECK(host.rows("SELECT local, kind, old, new FROM events ORDER BY id") ==
        "192.0.2.1:1|present|NULL|ESTABLISHED\n"
        "192.0.2.1:2|present|NULL|NULL\n"
        "192.0.2.1:3|present|NULL|ESTABLISHED\n"
        "192.0.2.1:2|state|NULL|ESTABLISHED\n"
        "192.0.2.1:3|close|ESTABLISHED|CLOSED\n");
  CHECK(host.rows("SELECT DISTINCT source, reason, lost, detail FROM gaps") ==
        fmt::format("iphlpapi|unknown state|NULL|TCP state {}\n", odd));
}

TEST_CASE("a table that is refused is a gap with the system's words", "[source]") {
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.codes[kTcp4] = kAccessDenied;
  host.tick();
  host.script.codes.clear();
  host.script.codes[kTcp4Offload] = kAccessDenied;
  host.tick();
  CHECK(host.rows("SELECT source, reason, detail FROM gaps") ==
        "iphlpapi|unreadable|GetExtendedTcpTable (IPv4, OWNER_MODULE): Access is denied [win32:5]\n"
        "iphlpapi|unreadable|GetTcpTable2: Access is denied [win32:5]\n");
  CHECK(host.rows("SELECT kind FROM events") == "present\n");
}

TEST_CASE("an older Windows gives less, and says so", "[source]") {
  Host host;
  const auto refuse = [&](capture::MibTable table, std::uint32_t code) {
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
      for (const auto family : {Family::ipv4, Family::ipv6}) {
        host.script.codes[{protocol, family, table}] = code;
      }
    }
  };
  refuse(capture::MibTable::owner_module, kNotSupported);
  refuse(capture::MibTable::offload, kProcNotFound);
  SECTION("owners without timestamps") {
    MibBytes row;
    row.dword(1).dword(5).hex("C0000201").port(50'000).hex("C6336407").port(443).dword(1234);
    host.script.tables[kTcp4Pid] = row.bytes();
    REQUIRE(host.open().has_value());
    CHECK(host.source().fallback_reason() ==
          "GetExtendedTcpTable (IPv4, OWNER_MODULE): The request is not supported [win32:50]");
    host.tick();
    CHECK(host.rows(kConnections) ==
          "192.0.2.1:50000|198.51.100.7:443|ESTABLISHED|1234|chrome.exe|held|NULL|open|1\n");
    CHECK(host.rows("SELECT offload FROM connections") == "NULL\n");
  }
  SECTION("no owners") {
    refuse(capture::MibTable::owner_pid, kProcNotFound);
    MibBytes row;
    row.dword(1).dword(5).hex("C0000201").port(50'000).hex("C6336407").port(443);
    host.script.tables[{Protocol::tcp, Family::ipv4, capture::MibTable::basic}] = row.bytes();
    REQUIRE(host.open().has_value());
    host.tick();
    CHECK(host.rows(kConnections) ==
          "192.0.2.1:50000|198.51.100.7:443|ESTABLISHED|NULL|NULL|unknown|no_source|open|1\n");
  }
  SECTION("nothing") {
    refuse(capture::MibTable::owner_pid, kProcNotFound);
    refuse(capture::MibTable::basic, kAccessDenied);
    const auto opened = host.open();
    REQUIRE_FALSE(opened.has_value());
    CHECK(opened.error().context == "GetTcpTable: Access is denied [win32:5]");
  }
}

TEST_CASE("a host without IPv6 has no IPv6 tables, and that is no gap", "[source]") {
  Host host;
  for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
    for (const auto table : {capture::MibTable::owner_module,
                             capture::MibTable::owner_pid,
                             capture::MibTable::basic,
                             capture::MibTable::offload}) {
      host.script.codes[{protocol, Family::ipv6, table}] = kNotSupported;
    }
  }
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT count(*) FROM gaps") == "0\n");
  CHECK(host.rows("SELECT count(*) FROM connections") == "1\n");
}

TEST_CASE("IPv6 that fails when the recorder begins is there all the same", "[source]") {
  Host host;
  host.script.codes[{Protocol::tcp, Family::ipv6, capture::MibTable::owner_module}] = kAccessDenied;
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(
      host.rows("SELECT source, reason, detail FROM gaps") ==
      "iphlpapi|unreadable|GetExtendedTcpTable (IPv6, OWNER_MODULE): Access is denied [win32:5]\n");
}

TEST_CASE("a class that the system does not know gives way to the next", "[source]") {
  Host host;
  host.script.codes[{Protocol::tcp, Family::ipv6, capture::MibTable::owner_module}] =
      kInvalidParameter;
  host.script.tables[{Protocol::tcp, Family::ipv6, capture::MibTable::owner_pid}] =
      MibBytes{}
          .dword(1)
          .hex("20010DB8000000000000000000000001")
          .dword(0)
          .port(80)
          .hex("20010DB8000000000000000000000002")
          .dword(0)
          .port(4000)
          .dword(5)
          .dword(1234)
          .bytes();
  REQUIRE(host.open().has_value());
  host.tick();
  CHECK(host.rows("SELECT local, process FROM connections") == "[2001:db8::1]:80|chrome.exe\n");
}

TEST_CASE("coverage is counted over both families", "[source]") {
  const auto statistics = [](std::uint32_t active) {
    MibBytes bytes;
    bytes.dword(4).dword(0).dword(0).dword(0).dword(active);
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
}

TEST_CASE("a source that Windows lacks is refused in words", "[source]") {
  Host host;
  const auto opened = host.open(SourceChoice::trace);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().context == "on Windows the tables are polled: use --source auto or poll");
}

}  // namespace netlog_tests::source_ip_helper_test

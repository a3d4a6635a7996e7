// SPDX-License-Identifier: MIT
// Tables that grow, change and fail, and the classes that an older Windows lacks.
#include "unit/source/ip_helper_fixture.hpp"

namespace netlog_tests::source_ip_helper_tables_test {

using namespace netlog_tests::ip_helper;

TEST_CASE("create timestamps are found where rows have them", "[source]") {
  CHECK_FALSE(shows_create_timestamp(std::vector<std::byte>(4)));
  CHECK_FALSE(shows_create_timestamp(table_of_modules({})));
  CHECK_FALSE(shows_create_timestamp(table_of_modules({{.created = 0}, {.created = 0}})));
  CHECK(shows_create_timestamp(table_of_modules({{.created = 0}, {}})));
  auto cut = table_of_modules({{.created = 0}, {}});
  cut.pop_back();
  CHECK_FALSE(shows_create_timestamp(cut));
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

TEST_CASE("all tables are read into one buffer, which stays", "[source]") {
  Script script;
  script.tables[kTcp4] = table_of_modules(std::vector<Tcp>(1'000));
  ScriptedCalls calls{script};
  TableReader reader{calls};
  const auto read = [&](Protocol protocol) {
    return *reader.read(protocol, Family::ipv4, capture::MibTable::owner_module);
  };
  const auto first = read(Protocol::tcp);
  CHECK(first.size() == 8 + 1'000 * 160);
  CHECK(row_count(read(Protocol::udp)) == 0);
  const auto again = read(Protocol::tcp);
  CHECK(again.data() == first.data());
  CHECK(row_count(again) == 1'000);
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

TEST_CASE("each code of the pages is a gap, or says that there are no rows", "[source]") {
  // learn.microsoft.com: GetExtendedTcpTable, GetTcpTable, GetTcpTable2, System Error Codes.
  const auto [code, gaps, state] = GENERATE(table<std::uint32_t, const char*, const char*>({
      {kAccessDenied, "1\n", "ESTABLISHED\n"},
      {kGenFailure, "1\n", "ESTABLISHED\n"},
      {kNotSupported, "1\n", "ESTABLISHED\n"},
      {kInvalidParameter, "1\n", "ESTABLISHED\n"},
      {kInsufficientBuffer, "1\n", "ESTABLISHED\n"},
      {kProcNotFound, "1\n", "ESTABLISHED\n"},
      {kUnsuccessful, "1\n", "ESTABLISHED\n"},
      {8, "1\n", "ESTABLISHED\n"},  // no memory
      {kNoData, "0\n", "CLOSED\n"},
  }));
  CAPTURE(code);
  Host host;
  host.show({{}});
  REQUIRE(host.open().has_value());
  host.tick();
  host.script.codes[kTcp4] = code;
  host.tick();
  CHECK(host.rows("SELECT count(*) FROM gaps") == gaps);
  CHECK(host.rows("SELECT state FROM connections") == state);
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
  CHECK(host.rows("SELECT local, kind, old, new FROM events ORDER BY at_ns, id") ==
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
  host.show({{.offload = 2}});
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
  CHECK(host.rows("SELECT kind FROM events") == "present\noffload\n");
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

TEST_CASE("a source that Windows lacks is refused in words", "[source]") {
  Host host;
  const auto opened = host.open(SourceChoice::trace);
  REQUIRE_FALSE(opened.has_value());
  CHECK(opened.error().context == "on Windows the tables are polled: use --source auto or poll");
}

}  // namespace netlog_tests::source_ip_helper_tables_test

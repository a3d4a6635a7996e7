// SPDX-License-Identifier: MIT
// Rows laid out by hand from tcpmib.h, udpmib.h and learn.microsoft.com's pages of each structure.
#include "support/mib.hpp"

#include "decode/tables.hpp"
#include "support/catch.hpp"
#include "util/byte_reader.hpp"
#include "util/text.hpp"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include <fmt/format.h>

namespace netlog_tests::decode_mib_test {

using namespace netlog;
using namespace netlog::decode;
using test::MibBytes;

namespace {

constexpr auto kLocal4 = "C0 00 02 01";   // 192.0.2.1
constexpr auto kRemote4 = "C6 33 64 07";  // 198.51.100.7
constexpr auto kLocal6 = "FE 80 00 00 00 00 00 00 00 00 00 00 00 00 00 01";
constexpr auto kRemote6 = "20 01 0D B8 00 00 00 00 00 00 00 00 00 00 00 07";
constexpr std::uint64_t kCreated = 0x01D9'4C2F'1A2B'3C4D;

std::string text_of(const SocketRow& row) {
  return fmt::format("{} {} {} {} key {} incarnation {:x} module {:x} offload {}{}",
                     name(row.tuple.protocol),
                     to_string(row.tuple.local),
                     to_string(row.tuple.remote),
                     row.state ? name(*row.state) : "-",
                     row.holder_key,
                     row.incarnation,
                     row.module,
                     row.offload ? name(*row.offload) : "-",
                     row.is_port_chosen ? " port chosen" : "");
}

std::string text_of(const Result<MibRows>& decoded) {
  if (!decoded) {
    return decoded.error().message();
  }
  std::string text = decoded->keys == HolderKeys::pids ? "" : "(no owners)\n";
  for (const auto& row : decoded->rows) {
    text += text_of(row) + "\n";
  }
  return text;
}

MibBytes tcp4_basic(std::uint32_t state) {
  return MibBytes{}.dword(1).dword(state).hex(kLocal4).port(443).hex(kRemote4).port(50000);
}
MibBytes tcp4_owner_pid(std::uint32_t state) {
  return tcp4_basic(state).dword(1234);
}
MibBytes tcp4_offload(std::uint32_t state) {
  return tcp4_owner_pid(5).dword(state);
}
MibBytes tcp4_owner_module(std::uint32_t state) {
  return MibBytes{}
      .dword(1)
      .dword(0)  // rows are aligned to 8
      .dword(state)
      .hex(kLocal4)
      .port(443)
      .hex(kRemote4)
      .port(50000)
      .dword(1234)
      .qword(kCreated)
      .module_info(0x42);
}
MibBytes tcp6_basic(std::uint32_t state) {
  return MibBytes{}
      .dword(1)
      .dword(state)
      .hex(kLocal6)
      .dword(12)
      .port(443)
      .hex(kRemote6)
      .dword(0)
      .port(50000);
}
MibBytes tcp6_owner_pid(std::uint32_t state) {
  return MibBytes{}
      .dword(1)
      .hex(kLocal6)
      .dword(12)
      .port(443)
      .hex(kRemote6)
      .dword(0)
      .port(50000)
      .dword(state)
      .dword(1234);
}
MibBytes tcp6_offload(std::uint32_t state) {
  return tcp6_owner_pid(5).dword(state);
}
MibBytes tcp6_owner_module(std::uint32_t state) {
  return MibBytes{}
      .dword(1)
      .dword(0)
      .hex(kLocal6)
      .dword(12)
      .port(443)
      .hex(kRemote6)
      .dword(0)
      .port(50000)
      .dword(state)
      .dword(1234)
      .qword(kCreated)
      .module_info(0x42);
}

std::vector<std::byte> joined(std::vector<std::byte> sections,
                              capture::MibTable tag,
                              const MibBytes& table) {
  capture::append_section(sections, tag, table.bytes());
  return sections;
}

}  // namespace

TEST_CASE("every class of TCP table is decoded, for both families", "[decode]") {
  const auto [kind, bytes, family, expected] = GENERATE(table<capture::MibTable,
                                                              MibBytes,
                                                              Family,
                                                              std::string>(
      {{capture::MibTable::basic,
        tcp4_basic(5),
        Family::ipv4,
        "(no owners)\ntcp 192.0.2.1:443 198.51.100.7:50000 ESTABLISHED key 0 incarnation 0 module "
        "0 offload -\n"},
       {capture::MibTable::owner_pid,
        tcp4_owner_pid(5),
        Family::ipv4,
        "tcp 192.0.2.1:443 198.51.100.7:50000 ESTABLISHED key 1234 incarnation 0 module 0 offload "
        "-\n"},
       {capture::MibTable::owner_module,
        tcp4_owner_module(5),
        Family::ipv4,
        "tcp 192.0.2.1:443 198.51.100.7:50000 ESTABLISHED key 1234 incarnation 1d94c2f1a2b3c4d "
        "module 42 offload -\n"},
       {capture::MibTable::basic,
        tcp6_basic(5),
        Family::ipv6,
        "(no owners)\ntcp [fe80::1%12]:443 [2001:db8::7]:50000 ESTABLISHED key 0 incarnation 0 "
        "module 0 offload -\n"},
       {capture::MibTable::owner_pid,
        tcp6_owner_pid(5),
        Family::ipv6,
        "tcp [fe80::1%12]:443 [2001:db8::7]:50000 ESTABLISHED key 1234 incarnation 0 module 0 "
        "offload -\n"},
       {capture::MibTable::owner_module,
        tcp6_owner_module(5),
        Family::ipv6,
        "tcp [fe80::1%12]:443 [2001:db8::7]:50000 ESTABLISHED key 1234 incarnation "
        "1d94c2f1a2b3c4d module 42 offload -\n"}}));
  CHECK(text_of(decode_mib_tables(test::section(kind, bytes), Protocol::tcp, family)) == expected);
}

TEST_CASE("every class of UDP table is decoded, for both families", "[decode]") {
  const auto [kind, bytes, family, expected] = GENERATE(table<capture::MibTable,
                                                              MibBytes,
                                                              Family,
                                                              std::string>(
      {{capture::MibTable::basic,
        MibBytes{}.dword(1).hex(kLocal4).port(53),
        Family::ipv4,
        "(no owners)\nudp 192.0.2.1:53 0.0.0.0:0 - key 0 incarnation 0 module 0 offload -\n"},
       {capture::MibTable::owner_pid,
        MibBytes{}.dword(1).hex(kLocal4).port(53).dword(99),
        Family::ipv4,
        "udp 192.0.2.1:53 0.0.0.0:0 - key 99 incarnation 0 module 0 offload -\n"},
       {capture::MibTable::owner_module,
        MibBytes{}
            .dword(1)
            .dword(0)
            .hex(kLocal4)
            .port(53)
            .dword(99)
            .dword(0)  // the timestamp is aligned
            .qword(kCreated)
            .dword(1)  // SpecificPortBind
            .dword(0)
            .module_info(0x42),
        Family::ipv4,
        "udp 192.0.2.1:53 0.0.0.0:0 - key 99 incarnation 1d94c2f1a2b3c4d module 42 offload -\n"},
       {capture::MibTable::basic,
        MibBytes{}.dword(1).hex(kLocal6).dword(12).port(53),
        Family::ipv6,
        "(no owners)\nudp [fe80::1%12]:53 [::]:0 - key 0 incarnation 0 module 0 offload -\n"},
       {capture::MibTable::owner_pid,
        MibBytes{}.dword(1).hex(kLocal6).dword(12).port(53).dword(99),
        Family::ipv6,
        "udp [fe80::1%12]:53 [::]:0 - key 99 incarnation 0 module 0 offload -\n"},
       {capture::MibTable::owner_module,
        MibBytes{}
            .dword(1)
            .dword(0)
            .hex(kLocal6)
            .dword(12)
            .port(53)
            .dword(99)
            .dword(0)
            .qword(kCreated)
            .dword(0)
            .dword(0)
            .module_info(0x42),
        Family::ipv6,
        "udp [fe80::1%12]:53 [::]:0 - key 99 incarnation 1d94c2f1a2b3c4d module 42 offload - port "
        "chosen\n"}}));
  CHECK(text_of(decode_mib_tables(test::section(kind, bytes), Protocol::udp, family)) == expected);
}

// MIB_TCP_STATE of tcpmib.h: CLOSING is 9 and LAST_ACK 10, the other way round than in RFC 4022.
TEST_CASE("states 1 to 12 are those of Windows, in every class", "[decode]") {
  constexpr std::array<std::string_view, 12> kNames{"CLOSED",
                                                    "LISTEN",
                                                    "SYN_SENT",
                                                    "SYN_RECEIVED",
                                                    "ESTABLISHED",
                                                    "FIN_WAIT_1",
                                                    "FIN_WAIT_2",
                                                    "CLOSE_WAIT",
                                                    "CLOSING",
                                                    "LAST_ACK",
                                                    "TIME_WAIT",
                                                    "DELETE_TCB"};
  const auto state = GENERATE(range(1U, 13U));
  CAPTURE(state);
  for (const auto& [sections, family] :
       {std::pair{test::section(capture::MibTable::basic, tcp4_basic(state)), Family::ipv4},
        std::pair{test::section(capture::MibTable::owner_pid, tcp4_owner_pid(state)), Family::ipv4},
        std::pair{test::section(capture::MibTable::owner_module, tcp4_owner_module(state)),
                  Family::ipv4},
        std::pair{test::section(capture::MibTable::basic, tcp6_basic(state)), Family::ipv6},
        std::pair{test::section(capture::MibTable::owner_pid, tcp6_owner_pid(state)), Family::ipv6},
        std::pair{test::section(capture::MibTable::owner_module, tcp6_owner_module(state)),
                  Family::ipv6}}) {
    const auto decoded = decode_mib_tables(sections, Protocol::tcp, family);
    REQUIRE(decoded.has_value());
    REQUIRE(decoded->rows.size() == 1);
    CHECK(name(*decoded->rows[0].state) == kNames.at(state - 1));
    // What a listener says of its remote end is left over from something else.
    CHECK((decoded->rows[0].tuple.remote.port == 0) == (state == 2));
  }
}

TEST_CASE("a row in an unknown state has none, a socket that is only bound is left out",
          "[decode]") {
  for (const auto state : {0U, 13U, 99U, 0xFFFF'FFFFU}) {
    const auto decoded =
        decode_mib_tables(test::section(capture::MibTable::owner_pid, tcp4_owner_pid(state)),
                          Protocol::tcp,
                          Family::ipv4);
    REQUIRE(decoded.has_value());
    REQUIRE(decoded->rows.size() == 1);
    CHECK_FALSE(decoded->rows[0].state.has_value());
    CHECK(decoded->unknown_state == state);
  }
  CHECK(text_of(decode_mib_tables(test::section(capture::MibTable::owner_pid, tcp4_owner_pid(100)),
                                  Protocol::tcp,
                                  Family::ipv4))
            .empty());
}

TEST_CASE("offload states 0 to 3 join the row with their tuple and owner", "[decode]") {
  const auto [code, expected] = GENERATE(table<std::uint32_t, std::optional<Offload>>({
      {0, Offload::in_host},
      {1, Offload::offloading},
      {2, Offload::offloaded},
      {3, Offload::uploading},
      {4, std::nullopt},
      {0xFFFF'FFFF, std::nullopt},
  }));
  CAPTURE(code);
  for (const auto& [sections, family] :
       {std::pair{joined(test::section(capture::MibTable::owner_module, tcp4_owner_module(5)),
                         capture::MibTable::offload,
                         tcp4_offload(code)),
                  Family::ipv4},
        std::pair{joined(test::section(capture::MibTable::owner_pid, tcp6_owner_pid(5)),
                         capture::MibTable::offload,
                         tcp6_offload(code)),
                  Family::ipv6},
        std::pair{joined(test::section(capture::MibTable::basic, tcp4_basic(5)),
                         capture::MibTable::offload,
                         tcp4_offload(code)),
                  Family::ipv4}}) {
    const auto decoded = decode_mib_tables(sections, Protocol::tcp, family);
    REQUIRE(decoded.has_value());
    CHECK(decoded->rows.at(0).offload == expected);
  }
}

TEST_CASE("an offload state of another connection is not joined", "[decode]") {
  // The tuple was used again by pid 77 between the two tables.
  const auto other = tcp4_basic(5).dword(77).dword(2);
  CHECK(decode_mib_tables(joined(test::section(capture::MibTable::owner_pid, tcp4_owner_pid(5)),
                                 capture::MibTable::offload,
                                 other),
                          Protocol::tcp,
                          Family::ipv4)
            ->rows.at(0)
            .offload == std::nullopt);
  const auto elsewhere = MibBytes{}
                             .dword(1)
                             .dword(5)
                             .hex(kLocal4)
                             .port(444)
                             .hex(kRemote4)
                             .port(50000)
                             .dword(1234)
                             .dword(2);
  CHECK(decode_mib_tables(joined(test::section(capture::MibTable::owner_pid, tcp4_owner_pid(5)),
                                 capture::MibTable::offload,
                                 elsewhere),
                          Protocol::tcp,
                          Family::ipv4)
            ->rows.at(0)
            .offload == std::nullopt);
}

TEST_CASE("without timestamps, those that share a port are distinguished by their owners",
          "[decode]") {
  const auto table = MibBytes{}
                         .dword(3)
                         .hex("00 00 00 00")
                         .port(5353)
                         .dword(10)
                         .hex("00 00 00 00")
                         .port(5353)
                         .dword(20)
                         .hex("00 00 00 00")
                         .port(5354)
                         .dword(30);
  CHECK(text_of(decode_mib_tables(
            test::section(capture::MibTable::owner_pid, table), Protocol::udp, Family::ipv4)) ==
        "udp 0.0.0.0:5353 0.0.0.0:0 - key 10 incarnation a module 0 offload -\n"
        "udp 0.0.0.0:5353 0.0.0.0:0 - key 20 incarnation 14 module 0 offload -\n"
        "udp 0.0.0.0:5354 0.0.0.0:0 - key 30 incarnation 0 module 0 offload -\n");
}

TEST_CASE("a table cut anywhere is an error, one with bytes to spare is not", "[decode]") {
  const auto [tag, whole, protocol, family] =
      GENERATE(table<capture::MibTable, MibBytes, Protocol, Family>(
          {{capture::MibTable::basic, tcp4_basic(5), Protocol::tcp, Family::ipv4},
           {capture::MibTable::owner_pid, tcp4_owner_pid(5), Protocol::tcp, Family::ipv4},
           {capture::MibTable::owner_module, tcp4_owner_module(5), Protocol::tcp, Family::ipv4},
           {capture::MibTable::basic, tcp6_basic(5), Protocol::tcp, Family::ipv6},
           {capture::MibTable::owner_pid, tcp6_owner_pid(5), Protocol::tcp, Family::ipv6},
           {capture::MibTable::owner_module, tcp6_owner_module(5), Protocol::tcp, Family::ipv6}}));
  for (std::size_t size = 0; size < whole.bytes().size(); ++size) {
    CAPTURE(size);
    std::vector<std::byte> sections;
    capture::append_section(sections, tag, std::span{whole.bytes()}.first(size));
    const auto decoded = decode_mib_tables(sections, protocol, family);
    REQUIRE_FALSE(decoded.has_value());
    CHECK(decoded.error().code == errc::truncated);
  }
  auto longer = whole;
  longer.hex("00 11 22 33");
  CHECK(decode_mib_tables(test::section(tag, longer), protocol, family)->rows.size() == 1);
}

TEST_CASE("counts that lie are errors and cost no memory", "[decode]") {
  for (const auto count : {2U, 0x7FFF'FFFFU, 0xFFFF'FFFFU}) {
    auto table = MibBytes{}.dword(count).dword(5).hex(kLocal4).port(443).hex(kRemote4).port(50000);
    CHECK(text_of(decode_mib_tables(
              test::section(capture::MibTable::basic, table), Protocol::tcp, Family::ipv4)) ==
          fmt::format("a table of {} rows in 24 bytes: truncated [netlog:1]", count));
  }
  CHECK(
      text_of(decode_mib_tables(test::section(capture::MibTable::owner_module, MibBytes{}.dword(0)),
                                Protocol::tcp,
                                Family::ipv4))
          .empty());
  CHECK_FALSE(decode_mib_tables({}, Protocol::tcp, Family::ipv4).has_value());
  auto cut = test::section(capture::MibTable::basic, tcp4_basic(5));
  cut.pop_back();
  CHECK_FALSE(decode_mib_tables(cut, Protocol::tcp, Family::ipv4).has_value());
}

TEST_CASE("statistics of both families add up, in 32 and in 64 bits", "[decode]") {
  const auto narrow = [](std::uint32_t base) {
    MibBytes bytes;
    bytes.dword(4).dword(10).dword(4'294'967'295).dword(0xFFFF'FFFF);  // RtoAlgorithm … MaxConn
    for (std::uint32_t i = 1; i <= 11; ++i) {
      bytes.dword(base + i);
    }
    return bytes;
  };
  MibBytes wide;
  wide.dword(4).dword(10).dword(60'000).dword(0xFFFF'FFFF);
  wide.dword(101).dword(102).dword(103).dword(104).dword(105).dword(0);
  wide.qword(6'000'000'000).qword(7'000'000'000).dword(108).dword(109).dword(110).dword(111);
  REQUIRE(narrow(0).bytes().size() == 60);
  REQUIRE(wide.bytes().size() == 72);
  MibBytes udp;
  udp.dword(10).dword(20).dword(30).dword(40).dword(5);

  std::vector<std::byte> sections;
  capture::append_section(sections, capture::MibStatistics::tcp4_wide, wide.bytes());
  capture::append_section(sections, capture::MibStatistics::tcp6, narrow(1000).bytes());
  capture::append_section(sections, capture::MibStatistics::udp4, udp.bytes());
  capture::append_section(sections, capture::MibStatistics::udp6, udp.bytes());
  const auto counters = decode_mib_statistics(sections);
  REQUIRE(counters.has_value());
  CHECK(counters->active_opens == 101 + 1001);
  CHECK(counters->passive_opens == 102 + 1002);
  CHECK(counters->attempt_fails == 103 + 1003);
  CHECK(counters->estab_resets == 104 + 1004);
  CHECK(counters->curr_estab == 105 + 1005);
  CHECK(counters->in_segs == 6'000'000'000 + 1006);
  CHECK(counters->out_segs == 7'000'000'000 + 1007);
  CHECK(counters->retrans_segs == 108 + 1008);
  CHECK(counters->in_errs == 109 + 1009);
  CHECK(counters->out_rsts == 110 + 1010);
  CHECK(counters->in_datagrams == 20);
  CHECK(counters->no_ports == 40);
  CHECK(counters->in_errors == 60);
  CHECK(counters->out_datagrams == 80);
  CHECK(counters->num_conns == 111 + 1011);
  CHECK(counters->num_addrs == 10);
  CHECK(counters->parameters == TcpParameters{4, 10, 60'000, -1});

  SECTION("UDP in 64 bits") {
    MibBytes udp_wide;
    udp_wide.qword(8'000'000'000).dword(20).dword(30).qword(9'000'000'000).dword(5).dword(0);
    REQUIRE(udp_wide.bytes().size() == 32);
    capture::append_section(sections, capture::MibStatistics::udp4_wide, udp_wide.bytes());
    const auto more = decode_mib_statistics(sections);
    REQUIRE(more.has_value());
    CHECK(more->in_datagrams == 8'000'000'020);
    CHECK(more->no_ports == 60);
    CHECK(more->in_errors == 90);
    CHECK(more->out_datagrams == 9'000'000'080);
    CHECK(more->num_addrs == 15);
  }
  SECTION("sockets that are only bound are counted, whatever else the table has") {
    CHECK(counters->bound_sockets == std::nullopt);
    MibBytes bound;
    bound.dword(2);
    for (const std::uint32_t state : {100U, 2U}) {
      bound.dword(state).hex("C0000201").port(50'000).hex("00000000").port(0);
      bound.dword(1234).dword(0);
    }
    MibBytes bound6;
    const std::string any(32, '0');
    bound6.dword(1).hex(any).dword(0).port(1).hex(any).dword(0).port(0).dword(100).dword(7).dword(
        0);
    capture::append_section(sections, capture::MibStatistics::bound4, bound.bytes());
    capture::append_section(sections, capture::MibStatistics::bound6, bound6.bytes());
    CHECK(decode_mib_statistics(sections)->bound_sockets == 2);
    CHECK(decode_mib_statistics(sections)->active_opens == 101 + 1001);
    capture::append_section(
        sections, capture::MibStatistics::bound4, std::span{bound.bytes()}.first(59));
    CHECK(decode_mib_statistics(sections)->bound_sockets == std::nullopt);
    CHECK(decode_mib_statistics(sections)->active_opens == 101 + 1001);
  }
  SECTION("a family that is not installed counts nothing") {
    std::vector<std::byte> one;
    capture::append_section(one, capture::MibStatistics::tcp4, narrow(0).bytes());
    capture::append_section(one, capture::MibStatistics::tcp6, {});
    CHECK(decode_mib_statistics(one)->active_opens == 1);
  }
  SECTION("one that could not be read leaves the sum unknown") {
    std::vector<std::byte> one;
    capture::append_section(one, capture::MibStatistics::tcp4, narrow(0).bytes());
    capture::append_section(one, capture::MibStatistics::udp4, udp.bytes());
    CHECK(decode_mib_statistics(one)->active_opens == std::nullopt);
    CHECK(decode_mib_statistics(one)->in_datagrams == 10);
    CHECK(decode_mib_statistics(one)->num_conns == std::nullopt);
    CHECK(decode_mib_statistics(one)->num_addrs == 5);
  }
  SECTION("a structure that is too short is an error") {
    std::vector<std::byte> cut;
    capture::append_section(cut, capture::MibStatistics::tcp4, std::span{wide.bytes()}.first(59));
    CHECK_FALSE(decode_mib_statistics(cut).has_value());
  }
}

TEST_CASE("a process as Windows lists it", "[decode]") {
  std::vector<std::byte> sections;
  const auto add = [&](capture::ProcessSection tag, std::string_view text) {
    capture::append_section(sections, tag, as_bytes(text));
  };
  add(capture::ProcessSection::listed, "1234 133500000000000000 700 my service host.exe");
  add(capture::ProcessSection::started_ns, "1705526400000000000");
  add(capture::ProcessSection::exe, "C:\\Programme\\Dienst für alle\\my service host.exe");
  add(capture::ProcessSection::user, "NT AUTHORITY\\LOCAL SERVICE");
  add(capture::ProcessSection::service, "Dnscache");
  add(capture::ProcessSection::service_caption, "DNS Client");
  add(capture::ProcessSection::service, "W32Time");
  add(capture::ProcessSection::service_caption, "Windows Time");
  const auto process = decode_process(sections, 0);
  REQUIRE(process.has_value());
  CHECK(process->id == ProcessId{1234, 133'500'000'000'000'000});
  CHECK(process->name == "my service host.exe");
  CHECK(process->parent_pid == 700);
  CHECK(process->exe == "C:\\Programme\\Dienst für alle\\my service host.exe");
  CHECK(process->user == "NT AUTHORITY\\LOCAL SERVICE");
  CHECK(process->service == "Dnscache, W32Time");
  CHECK(process->service_caption == "DNS Client, Windows Time");
  CHECK(process->cmdline == std::nullopt);
  for (const auto* const text : {"", "1234", "x 5 6", "x 5 6 name", "1234 -5 6 name"}) {
    std::vector<std::byte> bad;
    capture::append_section(bad, capture::ProcessSection::listed, as_bytes(text));
    CHECK_FALSE(decode_process(bad, 0).has_value());
  }
}

TEST_CASE("services of one process, by the tags of their sockets", "[decode]") {
  std::vector<std::byte> sections;
  capture::append_section(sections, capture::ModuleSection::service, as_bytes("1234 66 Dnscache"));
  capture::append_section(sections, capture::ModuleSection::caption, as_bytes("DNS Client"));
  capture::append_section(sections, capture::ModuleSection::service, as_bytes("1234 68 "));
  capture::append_section(sections, capture::ModuleSection::caption, as_bytes("of no name"));
  capture::append_section(
      sections, capture::ModuleSection::service, as_bytes("1234 67 name with blanks\xFF"));
  const auto services = decode_mib_modules(sections);
  REQUIRE(services.has_value());
  CHECK(*services == std::vector{ServiceName{1234, 66, "Dnscache", "DNS Client"},
                                 ServiceName{1234, 67, "name with blanks\xEF\xBF\xBD", {}}});
  std::vector<std::byte> bad;
  capture::append_section(bad, capture::ModuleSection::service, as_bytes("1234 x Dnscache"));
  CHECK_FALSE(decode_mib_modules(bad).has_value());
  std::vector<std::byte> alone;
  capture::append_section(alone, capture::ModuleSection::caption, as_bytes("DNS Client"));
  CHECK(decode_mib_modules(alone)->empty());
}

}  // namespace netlog_tests::decode_mib_test

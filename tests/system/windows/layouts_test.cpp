// SPDX-License-Identifier: MIT
// The rows as the headers of the compiler have them, decoded: they know nothing of decode/mib.cpp.
#include "capture/sections.hpp"
#include "decode/tables.hpp"
#include "support/catch.hpp"

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string>
#include <vector>

#include <fmt/format.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <iphlpapi.h>

namespace netlog_tests::system_windows_layouts_test {

using namespace netlog;

namespace {

constexpr std::uint64_t kCreated = 0x01D9'4C2F'1A2B'3C4D;

// What source/ip_helper reads without decode/.
static_assert(offsetof(MIB_TCPTABLE_OWNER_MODULE, table) == 8);
static_assert(sizeof(MIB_TCPROW_OWNER_MODULE) == 160);
static_assert(offsetof(MIB_TCPROW_OWNER_MODULE, dwLocalPort) == 8);
static_assert(offsetof(MIB_TCPROW_OWNER_MODULE, dwOwningPid) == 20);
static_assert(offsetof(MIB_TCPROW_OWNER_MODULE, liCreateTimestamp) == 24);
static_assert(offsetof(MIB_TCPROW_OWNER_MODULE, OwningModuleInfo) == 32);
static_assert(offsetof(MIB_TCP6TABLE_OWNER_MODULE, table) == 8);
static_assert(sizeof(MIB_TCP6ROW_OWNER_MODULE) == 192);
static_assert(offsetof(MIB_TCP6ROW_OWNER_MODULE, dwLocalPort) == 20);
static_assert(offsetof(MIB_TCP6ROW_OWNER_MODULE, dwState) == 48);
static_assert(offsetof(MIB_TCP6ROW_OWNER_MODULE, dwOwningPid) == 52);
static_assert(offsetof(MIB_TCP6ROW_OWNER_MODULE, liCreateTimestamp) == 56);
static_assert(offsetof(MIB_TCP6ROW_OWNER_MODULE, OwningModuleInfo) == 64);
static_assert(offsetof(MIB_UDPTABLE_OWNER_MODULE, table) == 8);
static_assert(sizeof(MIB_UDPROW_OWNER_MODULE) == 160);
static_assert(offsetof(MIB_UDPROW_OWNER_MODULE, dwLocalPort) == 4);
static_assert(offsetof(MIB_UDPROW_OWNER_MODULE, dwOwningPid) == 8);
static_assert(offsetof(MIB_UDPROW_OWNER_MODULE, liCreateTimestamp) == 16);
static_assert(offsetof(MIB_UDPROW_OWNER_MODULE, dwFlags) == 24);
static_assert(offsetof(MIB_UDPROW_OWNER_MODULE, OwningModuleInfo) == 32);
static_assert(offsetof(MIB_UDP6TABLE_OWNER_MODULE, table) == 8);
static_assert(sizeof(MIB_UDP6ROW_OWNER_MODULE) == 176);
static_assert(offsetof(MIB_UDP6ROW_OWNER_MODULE, dwLocalPort) == 20);
static_assert(offsetof(MIB_UDP6ROW_OWNER_MODULE, dwOwningPid) == 24);
static_assert(offsetof(MIB_UDP6ROW_OWNER_MODULE, liCreateTimestamp) == 32);
static_assert(offsetof(MIB_UDP6ROW_OWNER_MODULE, dwFlags) == 40);
static_assert(offsetof(MIB_UDP6ROW_OWNER_MODULE, OwningModuleInfo) == 48);
static_assert(sizeof(MIB_TCPROW2) == 28 && offsetof(MIB_TCPROW2, dwOffloadState) == 24);
static_assert(sizeof(MIB_TCP6ROW2) == 60 && offsetof(MIB_TCP6ROW2, dwOffloadState) == 56);
static_assert(offsetof(MIB_TCPROW2, dwLocalPort) == 8);
static_assert(offsetof(MIB_TCPROW2, dwOwningPid) == 20);
static_assert(offsetof(MIB_TCP6ROW2, dwLocalPort) == 20);
static_assert(offsetof(MIB_TCP6ROW2, State) == 48 && offsetof(MIB_TCP6ROW2, dwOwningPid) == 52);
static_assert(offsetof(MIB_TCPTABLE2, table) == 4 && offsetof(MIB_TCP6TABLE2, table) == 4);
static_assert(sizeof(MIB_TCPSTATS) == 60 && sizeof(MIB_UDPSTATS) == 20);

/// 192.0.2.1:443 to 198.51.100.7:50000, or fe80::1%12 and 2001:db8::7.
template <typename Row>
void fill_tcp(Row& row) {
  constexpr std::array<unsigned char, 16> kLocal6{
      0xFE, 0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
  constexpr std::array<unsigned char, 16> kRemote6{
      0x20, 0x01, 0x0D, 0xB8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 7};
  if constexpr (requires { row.dwRemoteAddr; }) {
    row.dwLocalAddr = ::htonl(0xC0000201);
    row.dwRemoteAddr = ::htonl(0xC6336407);
  } else {
    std::memcpy(static_cast<void*>(&row.ucLocalAddr), kLocal6.data(), kLocal6.size());
    std::memcpy(static_cast<void*>(&row.ucRemoteAddr), kRemote6.data(), kRemote6.size());
    row.dwLocalScopeId = 12;
  }
  row.dwLocalPort = ::htons(443);
  row.dwRemotePort = ::htons(50'000);
  row.dwState = MIB_TCP_STATE_ESTAB;
  if constexpr (requires { row.dwOwningPid; }) {
    row.dwOwningPid = 1234;
  }
  if constexpr (requires { row.liCreateTimestamp; }) {
    row.liCreateTimestamp.QuadPart = static_cast<LONGLONG>(kCreated);
    row.OwningModuleInfo[0] = 0x42;
  }
}

template <typename Row>
void fill_udp(Row& row) {
  if constexpr (requires { row.dwLocalAddr; }) {
    row.dwLocalAddr = ::htonl(0xC0000201);
  } else {
    row.ucLocalAddr[15] = 1;
  }
  row.dwLocalPort = ::htons(443);
  if constexpr (requires { row.dwOwningPid; }) {
    row.dwOwningPid = 1234;
  }
  if constexpr (requires { row.liCreateTimestamp; }) {
    row.liCreateTimestamp.QuadPart = static_cast<LONGLONG>(kCreated);
    row.OwningModuleInfo[0] = 0x42;
    row.dwFlags = 1;
  }
}

/// The only row of a table, decoded.
template <typename Table, typename Fill>
std::string decoded(capture::MibTable kind, Protocol protocol, Family family, Fill fill) {
  Table table{};
  table.dwNumEntries = 1;
  fill(table.table[0]);
  std::vector<std::byte> bytes(sizeof(table));
  std::memcpy(bytes.data(), &table, sizeof(table));
  std::vector<std::byte> sections;
  capture::append_section(sections, kind, bytes);
  const auto read = decode::decode_mib_tables(sections, protocol, family);
  if (!read || read->rows.size() != 1) {
    return "?";
  }
  const auto& row = read->rows.front();
  return fmt::format("{} {} {} pid {} {:x} {:x}{}",
                     to_string(row.tuple.local),
                     to_string(row.tuple.remote),
                     row.state ? name(*row.state) : "-",
                     row.holder_key,
                     row.incarnation,
                     row.module,
                     row.is_port_chosen ? " chosen" : "");
}

}  // namespace

TEST_CASE("rows of the compiler's headers are decoded", "[live]") {
  const auto tcp = [](auto& row) { fill_tcp(row); };
  const auto udp = [](auto& row) { fill_udp(row); };
  using enum capture::MibTable;
  const std::string tcp4 = "192.0.2.1:443 198.51.100.7:50000 ESTABLISHED ";
  const std::string tcp6 = "[fe80::1%12]:443 [2001:db8::7]:50000 ESTABLISHED ";
  const std::string with_module = "pid 1234 1d94c2f1a2b3c4d 42";
  CHECK(decoded<MIB_TCPTABLE_OWNER_MODULE>(owner_module, Protocol::tcp, Family::ipv4, tcp) ==
        tcp4 + with_module);
  CHECK(decoded<MIB_TCP6TABLE_OWNER_MODULE>(owner_module, Protocol::tcp, Family::ipv6, tcp) ==
        tcp6 + with_module);
  CHECK(decoded<MIB_TCPTABLE_OWNER_PID>(owner_pid, Protocol::tcp, Family::ipv4, tcp) ==
        tcp4 + "pid 1234 0 0");
  CHECK(decoded<MIB_TCP6TABLE_OWNER_PID>(owner_pid, Protocol::tcp, Family::ipv6, tcp) ==
        tcp6 + "pid 1234 0 0");
  CHECK(decoded<MIB_TCPTABLE>(basic, Protocol::tcp, Family::ipv4, tcp) == tcp4 + "pid 0 0 0");
  CHECK(decoded<MIB_UDPTABLE_OWNER_MODULE>(owner_module, Protocol::udp, Family::ipv4, udp) ==
        "192.0.2.1:443 0.0.0.0:0 - " + with_module);
  CHECK(decoded<MIB_UDP6TABLE_OWNER_MODULE>(owner_module, Protocol::udp, Family::ipv6, udp) ==
        "[::1]:443 [::]:0 - " + with_module);
  CHECK(decoded<MIB_UDPTABLE_OWNER_PID>(owner_pid, Protocol::udp, Family::ipv4, udp) ==
        "192.0.2.1:443 0.0.0.0:0 - pid 1234 0 0");
  CHECK(decoded<MIB_UDP6TABLE_OWNER_PID>(owner_pid, Protocol::udp, Family::ipv6, udp) ==
        "[::1]:443 [::]:0 - pid 1234 0 0");
  CHECK(decoded<MIB_UDPTABLE>(basic, Protocol::udp, Family::ipv4, udp) ==
        "192.0.2.1:443 0.0.0.0:0 - pid 0 0 0");
}

}  // namespace netlog_tests::system_windows_layouts_test

// SPDX-License-Identifier: MIT
#include "source/windows/calls.hpp"

#include "os/windows/library.hpp"
#include "os/windows/text.hpp"
#include "source/ip_helper/tables.hpp"
#include "source/windows/processes.hpp"

#include <cstring>
#include <optional>
#include <set>
#include <string_view>
#include <utility>

#include <windows.h>
#include <winsock2.h>
#include <ws2tcpip.h>

#include <iphlpapi.h>

namespace netlog::source {
namespace {

using ip_helper::kProcNotFound;

HMODULE ip_helper_library() {
  static auto* const library =
      ::LoadLibraryExW(L"iphlpapi.dll", nullptr, LOAD_LIBRARY_SEARCH_SYSTEM32);
  return library;
}

using PlainTable = ULONG(WINAPI*)(void*, ULONG*, BOOL);
using ExtendedTable = DWORD(WINAPI*)(void*, DWORD*, BOOL, ULONG, int, ULONG);
using Statistics = ULONG(WINAPI*)(void*, ULONG);
using BoundTable = ULONG(WINAPI*)(void**, void*, ULONG);  // allocates the table in the heap
using OwnerModule = DWORD(WINAPI*)(void*, int, void*, DWORD*);

std::uint32_t read_plain(const char* function, std::span<std::byte> buffer, std::uint32_t& size) {
  const auto call = os::look_up<PlainTable>(ip_helper_library(), function);
  if (call == nullptr) {
    return kProcNotFound;
  }
  ULONG used = size;
  const auto code = call(buffer.data(), &used, FALSE);
  size = used;
  return code;
}

std::uint32_t read_extended(const char* function,
                            Family family,
                            int table_class,
                            std::span<std::byte> buffer,
                            std::uint32_t& size) {
  const auto call = os::look_up<ExtendedTable>(ip_helper_library(), function);
  if (call == nullptr) {
    return kProcNotFound;
  }
  DWORD used = size;
  const auto code = call(
      buffer.data(), &used, FALSE, family == Family::ipv4 ? AF_INET : AF_INET6, table_class, 0);
  size = used;
  return code;
}

/// The service that a row of an OWNER_MODULE table belongs to; nothing if the system does not know.
template <typename Row>
std::optional<std::string> service_of(const char* function, Row row) {
  const auto call = os::look_up<OwnerModule>(ip_helper_library(), function);
  DWORD size = 0;
  if (call == nullptr ||
      call(&row, TCPIP_OWNER_MODULE_INFO_BASIC, nullptr, &size) != ERROR_INSUFFICIENT_BUFFER) {
    return std::nullopt;
  }
  std::vector<std::byte> buffer(size);
  if (call(&row, TCPIP_OWNER_MODULE_INFO_BASIC, buffer.data(), &size) != NO_ERROR ||
      size < sizeof(TCPIP_OWNER_MODULE_BASIC_INFO)) {
    return std::nullopt;
  }
  TCPIP_OWNER_MODULE_BASIC_INFO info{};
  std::memcpy(&info, buffer.data(), sizeof(info));
  return info.pModuleName == nullptr ? std::nullopt : std::optional{os::narrow(info.pModuleName)};
}

class WindowsCalls final : public ip_helper::Api {
 public:
  std::uint32_t read_table(Protocol protocol,
                           Family family,
                           capture::MibTable table,
                           std::span<std::byte> buffer,
                           std::uint32_t& size) override {
    const bool tcp = protocol == Protocol::tcp;
    const bool ipv4 = family == Family::ipv4;
    switch (table) {
      case capture::MibTable::basic:
        return read_plain(
            tcp ? (ipv4 ? "GetTcpTable" : "GetTcp6Table") : (ipv4 ? "GetUdpTable" : "GetUdp6Table"),
            buffer,
            size);
      case capture::MibTable::offload:
        return read_plain(ipv4 ? "GetTcpTable2" : "GetTcp6Table2", buffer, size);
      case capture::MibTable::owner_pid:
        return tcp ? read_extended(
                         "GetExtendedTcpTable", family, TCP_TABLE_OWNER_PID_ALL, buffer, size)
                   : read_extended(
                         "GetExtendedUdpTable", family, UDP_TABLE_OWNER_PID, buffer, size);
      case capture::MibTable::owner_module:
        return tcp ? read_extended(
                         "GetExtendedTcpTable", family, TCP_TABLE_OWNER_MODULE_ALL, buffer, size)
                   : read_extended(
                         "GetExtendedUdpTable", family, UDP_TABLE_OWNER_MODULE, buffer, size);
    }
    return ip_helper::kInvalidParameter;
  }

  std::uint32_t read_bound(Family family, std::vector<std::byte>& table) override {
    const auto call =
        os::look_up<BoundTable>(ip_helper_library(),
                                family == Family::ipv4 ? "InternalGetBoundTcpEndpointTable"
                                                       : "InternalGetBoundTcp6EndpointTable");
    if (call == nullptr) {
      return kProcNotFound;
    }
    auto* const heap = ::GetProcessHeap();
    void* rows = nullptr;
    const auto code = call(&rows, heap, 0);
    const auto size = rows != nullptr ? ::HeapSize(heap, 0, rows) : 0;
    if (code == NO_ERROR && size != 0 && size != static_cast<SIZE_T>(-1)) {
      table.resize(size);
      std::memcpy(table.data(), rows, table.size());
    }
    if (rows != nullptr) {
      ::HeapFree(heap, 0, rows);
    }
    return code;
  }

  std::uint32_t read_statistics(capture::MibStatistics which,
                                std::vector<std::byte>& statistics) override {
    constexpr std::size_t kMaxBytes = 256;
    using enum capture::MibStatistics;
    const bool udp = which == udp4 || which == udp6 || which == udp4_wide || which == udp6_wide;
    const bool wide =
        which == tcp4_wide || which == tcp6_wide || which == udp4_wide || which == udp6_wide;
    const bool ipv6 = which == tcp6 || which == udp6 || which == tcp6_wide || which == udp6_wide;
    const std::string name{ip_helper::call_name(which)};
    const auto call = os::look_up<Statistics>(ip_helper_library(), name.c_str());
    if (call == nullptr) {
      return kProcNotFound;
    }
    // MIB_TCPSTATS2 and MIB_UDPSTATS2 are missing in mingw-w64.
    constexpr std::size_t kWideTcpBytes = 72;
    constexpr std::size_t kWideUdpBytes = 32;
    statistics.assign(kMaxBytes, std::byte{});
    const auto code = call(statistics.data(), ipv6 ? AF_INET6 : AF_INET);
    const auto bytes = udp ? (wide ? kWideUdpBytes : sizeof(MIB_UDPSTATS))
                           : (wide ? kWideTcpBytes : sizeof(MIB_TCPSTATS));
    statistics.resize(code == NO_ERROR ? bytes : 0);
    return code;
  }

  std::uint32_t list_processes(std::vector<ip_helper::ListedProcess>& processes) override {
    return source::list_processes(processes);
  }

  ip_helper::ProcessDetails describe(std::uint32_t pid, std::uint64_t created) override {
    return reader_.describe(pid, created);
  }

  std::optional<ip_helper::EndedProcess> end_of(std::uint32_t pid, std::uint64_t created) override {
    return reader_.end_of(pid, created);
  }

  void forget(std::uint32_t pid, std::uint64_t created) override { reader_.forget(pid, created); }

  std::uint32_t list_services(std::vector<ip_helper::RunningService>& services) override {
    return source::list_services(services);
  }

  std::vector<ip_helper::NamedModule> name_modules(Protocol protocol,
                                                   Family family,
                                                   std::span<const std::byte> table) override {
    if (protocol == Protocol::tcp) {
      return family == Family::ipv4
                 ? name_rows<MIB_TCPTABLE_OWNER_MODULE>("GetOwnerModuleFromTcpEntry", table)
                 : name_rows<MIB_TCP6TABLE_OWNER_MODULE>("GetOwnerModuleFromTcp6Entry", table);
    }
    return family == Family::ipv4
               ? name_rows<MIB_UDPTABLE_OWNER_MODULE>("GetOwnerModuleFromUdpEntry", table)
               : name_rows<MIB_UDP6TABLE_OWNER_MODULE>("GetOwnerModuleFromUdp6Entry", table);
  }

  std::string text_of(std::uint32_t code) override { return os::text_of_code(code); }

 private:
  template <typename Table>
  std::vector<ip_helper::NamedModule> name_rows(const char* function,
                                                std::span<const std::byte> table) {
    constexpr std::size_t kMaxRemembered = 100'000;
    using Row = std::remove_reference_t<decltype(std::declval<Table>().table[0])>;
    std::vector<ip_helper::NamedModule> named;
    if (named_.size() > kMaxRemembered) {
      named_.clear();
    }
    std::uint32_t count = 0;
    std::memcpy(&count, table.data(), sizeof(count));
    auto at = offsetof(Table, table);
    for (; count > 0 && at + sizeof(Row) <= table.size(); --count, at += sizeof(Row)) {
      Row row;
      std::memcpy(&row, table.data() + at, sizeof(row));
      const auto tag = row.OwningModuleInfo[0];
      if (tag != 0 && named_.emplace(row.dwOwningPid, tag).second) {
        if (auto service = service_of(function, row)) {
          named.push_back({row.dwOwningPid, tag, std::move(*service)});
        }
      }
    }
    return named;
  }

  ProcessReader reader_;
  std::set<std::pair<std::uint32_t, std::uint64_t>> named_;  ///< pids and tags of earlier calls
};

}  // namespace

std::unique_ptr<ip_helper::Api> make_windows_calls() {
  return std::make_unique<WindowsCalls>();
}

}  // namespace netlog::source

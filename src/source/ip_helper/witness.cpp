// SPDX-License-Identifier: MIT
#include "source/ip_helper/witness.hpp"

#include "os/clock.hpp"
#include "source/ip_helper/tables.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::source::ip_helper {
namespace {

constexpr int kReads = 20;
constexpr std::uint32_t kListen = 2;
constexpr std::uint32_t kTimeWait = 11;
constexpr std::uint32_t kBoundOnly = 100;  // MIB_TCP_STATE_RESERVED

/// Where a table has its rows and a row its members, in bytes. 0: it has not, but for the state.
/// Source: tcpmib.h, udpmib.h: OWNER_MODULE, MIB_TCPTABLE2.
struct Offsets {
  std::size_t first = 0;
  std::size_t row = 0;
  std::size_t state = 0;
  std::size_t port = 0;
  std::size_t pid = 0;
  std::size_t created = 0;
  std::size_t flags = 0;  ///< UDP
  std::size_t tag = 0;
};
constexpr Offsets kTcp4{8, 160, 0, 8, 20, 24, 0, 32};
constexpr Offsets kTcp6{8, 192, 48, 20, 52, 56, 0, 64};
constexpr Offsets kUdp4{8, 160, 0, 4, 8, 16, 24, 32};
constexpr Offsets kUdp6{8, 176, 0, 20, 24, 32, 40, 48};
constexpr Offsets kBound4{4, 28, 0, 8, 20, 0, 0, 0};
constexpr Offsets kBound6{4, 60, 48, 20, 52, 0, 0, 0};

template <typename T>
T member(std::span<const std::byte> row, std::size_t at) {
  T value{};
  std::memcpy(&value, row.data() + at, sizeof(value));
  return value;
}

struct Row {
  std::uint32_t state = 0;
  std::uint16_t port = 0;
  std::uint32_t pid = 0;
  std::uint64_t created = 0;
  bool has_specific_port = false;
  std::uint64_t tag = 0;
};

std::vector<Row> rows_of(std::span<const std::byte> table, const Offsets& at, bool tcp) {
  std::vector<Row> rows;
  auto left = row_count(table);
  for (auto from = at.first; left > 0 && from + at.row <= table.size(); from += at.row, --left) {
    const auto bytes = table.subspan(from, at.row);
    rows.push_back({tcp ? member<std::uint32_t>(bytes, at.state) : 0,
                    member<std::uint16_t>(bytes, at.port),
                    member<std::uint32_t>(bytes, at.pid),
                    at.created == 0 ? 0 : member<std::uint64_t>(bytes, at.created),
                    !tcp && (member<std::uint32_t>(bytes, at.flags) & 1U) != 0,
                    at.tag == 0 ? 0 : member<std::uint64_t>(bytes, at.tag)});
  }
  return rows;
}

template <typename Test>
std::string share(const std::vector<Row>& rows, Test&& test) {
  return fmt::format("{} of {}", std::count_if(rows.begin(), rows.end(), test), rows.size());
}

class Report {
 public:
  explicit Report(Api& api) : api_{api}, reader_{api} {}

  std::string text() && {
    add_processes();
    for (const auto protocol : {Protocol::tcp, Protocol::udp}) {
      for (const auto family : {Family::ipv4, Family::ipv6}) {
        add_table(protocol, family);
      }
    }
    add_statistics();
    return std::move(text_);
  }

 private:
  void add(std::string_view what, std::string_view value) {
    text_ += fmt::format("{}: {}\n", what, value);
  }

  void add_processes() {
    std::vector<ListedProcess> processes;
    const auto began_ns = os::read_boot_clock_ns();
    const auto code = api_.list_processes(processes);
    const auto took_ns = os::read_boot_clock_ns() - began_ns;
    for (const auto& process : processes) {
      began_[process.pid] = process.created;
    }
    add("processes",
        fmt::format("{} in {}, code {}", processes.size(), format_duration(took_ns), code));
  }

  void add_table(Protocol protocol, Family family) {
    const bool tcp = protocol == Protocol::tcp;
    for (const auto table : {capture::MibTable::basic,
                             capture::MibTable::owner_pid,
                             capture::MibTable::owner_module}) {
      time(protocol, family, table);
    }
    if (tcp) {
      time(protocol, family, capture::MibTable::offload);
    }
    const auto read = reader_.read(protocol, family, capture::MibTable::owner_module);
    if (!read) {
      return;
    }
    const bool ipv4 = family == Family::ipv4;
    const auto& offsets = tcp ? (ipv4 ? kTcp4 : kTcp6) : (ipv4 ? kUdp4 : kUdp6);
    const auto prefix = fmt::format("{} {} ", netlog::name(protocol), netlog::name(family));
    const auto rows = rows_of(*read, offsets, tcp);
    const auto has_timestamp = [](const Row& row) { return row.created != 0; };
    add(prefix + "rows with a timestamp", share(rows, has_timestamp));
    add(prefix + "rows older than the process with their pid", share(rows, [&](const Row& row) {
          const auto process = began_.find(row.pid);
          return has_timestamp(row) && process != began_.end() && process->second > row.created;
        }));
    add(prefix + "rows with a tag", share(rows, [](const Row& row) { return row.tag != 0; }));
    add_modules(prefix, api_.name_modules(protocol, family, *read));
    if (tcp) {
      add_states(prefix, rows);
      add_bound(prefix, family, rows);
    } else {
      add(prefix + "rows with a specific port",
          share(rows, [](const Row& row) { return row.has_specific_port; }));
    }
  }

  /// How long a read takes, and what the calls return, a larger buffer not counted.
  void time(Protocol protocol, Family family, capture::MibTable table) {
    std::map<std::uint32_t, int> codes;
    std::vector<std::int64_t> took_ns;
    std::vector<std::byte> buffer(std::size_t{16} << 10U);
    std::uint32_t rows = 0;
    for (int i = 0; i < kReads; ++i) {
      auto used = static_cast<std::uint32_t>(buffer.size());
      const auto began_ns = os::read_boot_clock_ns();
      const auto code = api_.read_table(protocol, family, table, buffer, used);
      took_ns.push_back(os::read_boot_clock_ns() - began_ns);
      ++codes[code];
      rows = code == kNoError ? row_count(buffer) : rows;
      if (code == kInsufficientBuffer) {
        constexpr std::size_t kLargest = std::size_t{256} << 20U;
        buffer.resize(std::min(kLargest, std::max<std::size_t>(used, buffer.size()) * 5 / 4));
      }
    }
    std::sort(took_ns.begin(), took_ns.end());
    std::string text;
    for (const auto& [code, times] : codes) {
      text += fmt::format(", code {} {} times", code, times);
    }
    add(call_name(protocol, family, table),
        fmt::format("{} rows, median {}, longest {}{}",
                    rows,
                    format_duration(took_ns[took_ns.size() / 2]),
                    format_duration(took_ns.back()),
                    text));
  }

  void add_modules(const std::string& prefix, const std::vector<NamedModule>& modules) {
    std::vector<RunningService> services;
    api_.list_services(services);
    std::set<std::pair<std::uint32_t, std::string>> known;
    for (auto& service : services) {
      known.emplace(service.pid, std::move(service.name));
    }
    const auto are_services = std::count_if(modules.begin(), modules.end(), [&](const auto& one) {
      return known.contains({one.pid, one.service});
    });
    add(prefix + "tags whose name is a service of the process",
        fmt::format("{} of {}", are_services, modules.size()));
  }

  void add_states(const std::string& prefix, const std::vector<Row>& rows) {
    std::map<std::uint32_t, int> states;
    std::map<std::uint16_t, std::uint64_t> listeners;  // timestamps by port
    std::vector<Row> waiting;
    for (const auto& row : rows) {
      ++states[row.state];
      if (row.state == kListen) {
        listeners.emplace(row.port, row.created);
      } else if (row.state == kTimeWait) {
        waiting.push_back(row);
      }
    }
    for (const auto& [state, count] : states) {
      add(fmt::format("{}state {}", prefix, state), fmt::format("{} rows", count));
    }
    std::vector<Row> accepted;
    std::copy_if(rows.begin(), rows.end(), std::back_inserter(accepted), [&](const Row& row) {
      return row.state != kListen && row.created != 0 && listeners.contains(row.port);
    });
    add(prefix + "accepted rows with the timestamp of their listener",
        share(accepted, [&](const Row& row) { return row.created == listeners[row.port]; }));
    add(prefix + "accepted rows with an earlier one",
        share(accepted, [&](const Row& row) { return row.created < listeners[row.port]; }));
    add(prefix + "TIME_WAIT rows with a timestamp",
        share(waiting, [](const Row& row) { return row.created != 0; }));
    add(prefix + "TIME_WAIT rows with a pid",
        share(waiting, [](const Row& row) { return row.pid != 0; }));
  }

  /// Whether the table of bound sockets has only those that no other table has.
  void add_bound(const std::string& prefix, Family family, const std::vector<Row>& rows) {
    std::vector<std::byte> table;
    const auto code = api_.read_bound(family, table);
    const auto bound = rows_of(table, family == Family::ipv4 ? kBound4 : kBound6, true);
    std::set<std::uint16_t> ports;
    for (const auto& row : rows) {
      ports.insert(row.port);
    }
    add(prefix + "bound sockets", fmt::format("{}, code {}", bound.size(), code));
    add(prefix + "bound sockets whose port another row has",
        share(bound, [&](const Row& row) { return ports.contains(row.port); }));
    add(prefix + "bound sockets in state 100",
        share(bound, [](const Row& row) { return row.state == kBoundOnly; }));
  }

  void add_statistics() {
    for (const auto which : {capture::MibStatistics::tcp4,
                             capture::MibStatistics::tcp6,
                             capture::MibStatistics::tcp4_wide,
                             capture::MibStatistics::tcp6_wide,
                             capture::MibStatistics::udp4,
                             capture::MibStatistics::udp6,
                             capture::MibStatistics::udp4_wide,
                             capture::MibStatistics::udp6_wide}) {
      std::vector<std::byte> bytes;
      const auto code = api_.read_statistics(which, bytes);
      add(fmt::format("{} ({})", call_name(which), static_cast<int>(which)),
          fmt::format("code {}, {} bytes", code, bytes.size()));
    }
  }

  Api& api_;
  TableReader reader_;
  std::map<std::uint32_t, std::uint64_t> began_;  ///< creation times of processes, by pid
  std::string text_;
};

}  // namespace

std::string witness(Api& api) {
  return Report{api}.text();
}

}  // namespace netlog::source::ip_helper

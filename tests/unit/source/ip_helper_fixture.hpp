// SPDX-License-Identifier: MIT
// Windows' calls by a script, and a recorder over them.
#pragma once

#include "source/ip_helper/source.hpp"
#include "source/ip_helper/tables.hpp"
#include "support/catch.hpp"
#include "support/live_recording.hpp"
#include "support/mib.hpp"
#include "util/byte_reader.hpp"
#include "util/filetime.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <functional>
#include <map>
#include <optional>
#include <tuple>

#include <fmt/format.h>

namespace netlog_tests::ip_helper {

using namespace netlog;
using namespace netlog::source;
using namespace netlog::source::ip_helper;
using test::MibBytes;

inline constexpr std::uint64_t kLongAgo = 130'000'000'000'000'000;  // 2012
inline constexpr std::uint64_t kOpened = kLongAgo + 10'000'000;

inline std::uint64_t filetime_now() {
  const auto since_1970 = std::chrono::system_clock::now().time_since_epoch();
  return filetime_of(std::chrono::nanoseconds{since_1970}.count());
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
  std::map<std::uint32_t, EndedProcess> ended;
  std::vector<std::uint32_t> forgotten;
  std::vector<RunningService> services;
  std::vector<NamedModule> modules;
  std::map<capture::MibStatistics, std::vector<std::byte>> statistics;
  std::vector<std::byte> bound;  ///< of IPv4
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
  std::uint32_t read_bound(Family family, std::vector<std::byte>& table) override {
    if (family == Family::ipv6) {
      return kProcNotFound;
    }
    table = script_.bound;
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
  std::optional<EndedProcess> end_of(std::uint32_t pid, std::uint64_t /*created*/) override {
    const auto ended = script_.ended.find(pid);
    return ended == script_.ended.end() ? std::nullopt : std::optional{ended->second};
  }
  void forget(std::uint32_t pid, std::uint64_t /*created*/) override {
    script_.forgotten.push_back(pid);
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
inline std::vector<std::byte> table_of_modules(const std::vector<Tcp>& rows) {
  MibBytes bytes;
  bytes.dword(static_cast<std::uint32_t>(rows.size())).dword(0);
  for (const auto& row : rows) {
    bytes.dword(row.state).hex("C0000201").port(row.local_port).hex("C6336407").port(443);
    bytes.dword(row.pid).qword(row.created).module_info(row.tag);
  }
  return bytes.bytes();
}
inline std::vector<std::byte> table_of_offloads(const std::vector<Tcp>& rows) {
  MibBytes bytes;
  bytes.dword(static_cast<std::uint32_t>(rows.size()));
  for (const auto& row : rows) {
    bytes.dword(row.state).hex("C0000201").port(row.local_port).hex("C6336407").port(443);
    bytes.dword(row.pid).dword(row.offload);
  }
  return bytes.bytes();
}

inline const Script::Key kTcp4{Protocol::tcp, Family::ipv4, capture::MibTable::owner_module};
inline const Script::Key kTcp4Pid{Protocol::tcp, Family::ipv4, capture::MibTable::owner_pid};
inline const Script::Key kTcp4Offload{Protocol::tcp, Family::ipv4, capture::MibTable::offload};

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

inline constexpr auto kConnections =
    "SELECT local, remote, state, pid, process, owner_source, owner_reason, outcome, opened_ns IS "
    "NULL "
    "FROM connections ORDER BY id";

}  // namespace netlog_tests::ip_helper

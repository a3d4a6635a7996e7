// SPDX-License-Identifier: MIT
#include "source/doctor.hpp"

#include "os/files.hpp"
#include "source/ip_helper/tables.hpp"
#include "source/ip_helper/witness.hpp"
#include "source/windows/calls.hpp"
#include "source/windows/host.hpp"
#include "source/windows/processes.hpp"
#include "util/text.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <windows.h>

namespace netlog::source {
namespace {

constexpr std::string_view kAsAdministrator = "run netlog from an administrator's prompt";

Finding examine_tables(ip_helper::Api& calls) {
  ip_helper::TableReader reader{calls};
  const auto best = reader.read(Protocol::tcp, Family::ipv4, capture::MibTable::owner_module);
  if (best && ip_helper::shows_create_timestamp(*best)) {
    return {"tables",
            Allowed::all,
            "owners and create timestamps of Windows " + windows_version(),
            {},
            {}};
  }
  if (best) {
    return {"tables",
            Allowed::some,
            fmt::format("owners of Windows {}; no row has a create timestamp", windows_version()),
            "the owner of a socket may be another process that has its pid by now; such owners are "
            "`held`, not `exact`",
            {}};
  }
  const auto plain = reader.read(Protocol::tcp, Family::ipv4, capture::MibTable::basic);
  return {"tables",
          plain ? Allowed::some : Allowed::none,
          best.error().text,
          plain ? "a port that is used again within an interval looks like one connection"
                : "nothing can be recorded",
          {}};
}

Finding examine_notices() {
  return {"notices",
          Allowed::none,
          "the tables are polled; ETW is not used yet",
          "connections shorter than the interval are seen by chance, times are as exact as the "
          "interval, and most outcomes are unknown; the coverage says how many were missed",
          "netlog record --interval 20ms"};
}

Finding examine_owners(ip_helper::Api& calls) {
  std::vector<ip_helper::ListedProcess> processes;
  if (const auto code = calls.list_processes(processes); code != ip_helper::kNoError) {
    return {"owners",
            Allowed::none,
            ip_helper::refuse(calls, "NtQuerySystemInformation", code).text,
            "owners stay unknown",
            {}};
  }
  const auto open = std::count_if(processes.begin(), processes.end(), [&](const auto& process) {
    return calls.describe(process.pid, process.created).image.has_value();
  });
  const auto all = static_cast<std::ptrdiff_t>(processes.size());
  const auto found = fmt::format("{} processes listed, {} can be opened", all, open);
  constexpr std::ptrdiff_t kNeverOpened = 8;  // System, Registry, protected ones
  if (open + kNeverOpened >= all) {
    return {"owners", Allowed::all, found, {}, {}};
  }
  return {"owners",
          Allowed::some,
          found,
          "the others have a name and a parent, but no path, command line or user",
          std::string{kAsAdministrator}};
}

Finding examine_services(ip_helper::Api& calls) {
  std::vector<ip_helper::RunningService> services;
  if (const auto code = calls.list_services(services); code != ip_helper::kNoError) {
    return {"services",
            Allowed::none,
            ip_helper::refuse(calls, "EnumServicesStatusEx", code).text,
            "which service a process runs stays unknown",
            std::string{kAsAdministrator}};
  }
  return {"services", Allowed::all, fmt::format("{} run", services.size()), {}, {}};
}

Finding examine_counters(ip_helper::Api& calls) {
  std::vector<std::byte> bytes;
  const auto code = calls.read_statistics(capture::MibStatistics::tcp4, bytes);
  if (code == ip_helper::kNoError) {
    return {"counters", Allowed::all, "the kernel's own count of opens", {}, {}};
  }
  return {"counters",
          Allowed::none,
          ip_helper::refuse(calls, "GetTcpStatisticsEx", code).text,
          "reports cannot say which share of all connections they saw",
          {}};
}

Finding examine_recording(const std::filesystem::path& recording) {
  std::error_code error;
  auto place = os::absolute_path(recording).parent_path();
  // `record` makes the directories that are missing.
  while (!std::filesystem::exists(place, error) && place.has_relative_path()) {
    place = place.parent_path();
  }
  constexpr std::uintmax_t kMega = 1'000'000;
  const auto space = std::filesystem::space(place, error);
  if (error) {
    return {"recording",
            Allowed::none,
            fmt::format("{}: {}", utf8(place), error.message()),
            "nothing is recorded without another place",
            "netlog record --db FILE"};
  }
  return {"recording",
          Allowed::all,
          fmt::format("{}, {} MB free", utf8(recording), space.available / kMega),
          {},
          {}};
}

}  // namespace

std::vector<Finding> examine_host(const std::filesystem::path& recording) {
  enable_debug_privilege();
  const auto calls = make_windows_calls();
  return {examine_tables(*calls),
          examine_notices(),
          examine_owners(*calls),
          examine_services(*calls),
          examine_counters(*calls),
          examine_recording(recording)};
}

Result<std::string> witness_of_host() {
  enable_debug_privilege();
  const auto calls = make_windows_calls();
  return fmt::format("Windows: {}\n{}", windows_version(), ip_helper::witness(*calls));
}

}  // namespace netlog::source

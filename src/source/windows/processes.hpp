// SPDX-License-Identifier: MIT
#pragma once

#include "os/windows/handle.hpp"
#include "source/ip_helper/account_names.hpp"
#include "source/ip_helper/api.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <utility>
#include <vector>

namespace netlog::source {

/// Whether an NTSTATUS of NtQueryInformationProcess() asks for a larger buffer. It differs from one
/// Windows to another. Source: psutil, which accepts the three.
bool is_too_short(long status);

/// Appends all processes of all users. @return a system error code
std::uint32_t list_processes(std::vector<ip_helper::ListedProcess>& processes);

/// Reads details of single processes.
class ProcessReader {
 public:
  ProcessReader();

  /// These three as those of ip_helper::Api.
  ip_helper::ProcessDetails describe(std::uint32_t pid, std::uint64_t created);
  std::optional<ip_helper::EndedProcess> end_of(std::uint32_t pid, std::uint64_t created) const;
  void forget(std::uint32_t pid, std::uint64_t created);

 private:
  using Id = std::pair<std::uint32_t, std::uint64_t>;

  ip_helper::AccountNames accounts_;
  std::map<Id, os::UniqueHandle> held_;
};

/// Appends all running services. @return a system error code
std::uint32_t list_services(std::vector<ip_helper::RunningService>& services);

/// Enables SeDebugPrivilege, which opens other users' processes. @return false if we do not have it
bool enable_debug_privilege();

}  // namespace netlog::source

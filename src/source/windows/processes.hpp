// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace netlog::source {

/// Appends all processes of all users. @return a system error code
std::uint32_t list_processes(std::vector<ip_helper::ListedProcess>& processes);

/// Reads details of single processes.
class ProcessReader {
 public:
  /// Details of the process with this pid and creation time (FILETIME). Empty if another process
  /// has the pid by now.
  ip_helper::ProcessDetails describe(std::uint32_t pid, std::uint64_t created);

 private:
  std::map<std::string, std::string>
      accounts_;  ///< names by SID: a look-up can ask a domain controller
};

/// Appends all running services. @return a system error code
std::uint32_t list_services(std::vector<ip_helper::RunningService>& services);

/// Enables SeDebugPrivilege, which opens other users' processes. @return false if we do not have it
bool enable_debug_privilege();

}  // namespace netlog::source

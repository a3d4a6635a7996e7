// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace netlog::source {

/// Every process with its creation time, whoever's it is. @return a system error code.
std::uint32_t list_processes(std::vector<ip_helper::ListedProcess>& processes);

/// Reads what the system tells of single processes.
class ProcessReader {
 public:
  /// Of the process that was created then; nothing when its pid is another's by now.
  ip_helper::ProcessDetails describe(std::uint32_t pid, std::uint64_t created);

 private:
  std::map<std::string, std::string> accounts_;  ///< by SID; a domain is asked once
};

/// Every service that runs in a process. @return a system error code.
std::uint32_t list_services(std::vector<ip_helper::RunningService>& services);

/// Lets us open other users' processes where we are allowed to. False when we are not.
bool enable_debug_privilege();

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace netlog::os {

/// What became of a service's work.
struct ServiceEnd {
  int exit_code = 0;
  std::string said;  ///< for the system's log
};

/// The recorder as a service of the system: Windows' service manager. Errors: not an administrator,
/// no such service, it runs already.
class ServiceManager {
 public:
  ServiceManager() = default;
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  virtual ~ServiceManager() = default;

  /// Registers this program to run with these words at every boot, and again when it fails.
  virtual Result<void> install(const std::vector<std::string>& words) = 0;
  /// Stops it, if it runs, and removes it. Recordings stay.
  virtual Result<void> uninstall() = 0;
  /// Both return when it has started or stopped.
  virtual Result<void> start() = 0;
  virtual Result<void> stop() = 0;

  /// What the service's own process does: hands itself over to the manager, which calls `work` and
  /// asks it to stop (os/signals.hpp). An error when the manager did not start us.
  virtual Result<void> serve(const std::function<ServiceEnd()>& work) = 0;
};

/// nullptr where services are units of their own that run `netlog record` (systemd). Defined once
/// in linux/ or windows/.
std::unique_ptr<ServiceManager> service_manager();

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace netlog::os {

/// How a service's work ended.
struct ServiceEnd {
  int exit_code = 0;
  std::string message;  ///< for the system's log
};

/// Runs the recorder as a service of the system. Errors of all functions: the system's reason, such
/// as not an administrator, no such service, or it runs already.
class ServiceManager {
 public:
  ServiceManager() = default;
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  virtual ~ServiceManager() = default;

  /// Registers this program as a service with these arguments. It starts at every boot, and again
  /// when it fails.
  virtual Result<void> install(const std::vector<std::string>& words) = 0;
  /// Stops the service if it runs, and removes it. Recordings stay.
  virtual Result<void> uninstall() = 0;
  /// Starts the service and waits until it runs.
  virtual Result<void> start() = 0;
  /// Stops the service and waits until it has stopped.
  virtual Result<void> stop() = 0;

  /// Called by the service's own process. Connects to the service manager, runs `work`, and
  /// requests a stop (os/signals.hpp) when the manager does. Errors: the manager did not start this
  /// process.
  virtual Result<void> serve(const std::function<ServiceEnd()>& work) = 0;
};

/// The service manager of this system; nullptr where services are unit files that run `netlog
/// record` (systemd). Defined in linux/ and in windows/.
std::unique_ptr<ServiceManager> service_manager();

}  // namespace netlog::os

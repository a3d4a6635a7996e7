// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
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

/// One thing that a request does to the system.
struct ServiceStep {
  std::string what;  ///< as --dry-run shows it
  std::function<Result<void>()> take;
};
using ServiceSteps = Result<std::vector<ServiceStep>>;

/// What the service runs: `netlog record` with these. Paths are absolute.
struct RecordCommand {
  std::filesystem::path recording;   ///< empty: the system's place
  std::filesystem::path config;      ///< empty: none
  std::vector<std::string> options;  ///< others

  /// As on a command line, after `record`; in UTF-8.
  [[nodiscard]] std::vector<std::string> words() const;
};

struct ServiceStatus {
  std::string text;  ///< such as `active (running)` or `not installed`
  bool is_running = false;
};

/// Runs the recorder as a service of the system. Errors of all functions: the system's reason, such
/// as not an administrator, no such service, or it runs already.
class ServiceManager {
 public:
  ServiceManager() = default;
  ServiceManager(const ServiceManager&) = delete;
  ServiceManager& operator=(const ServiceManager&) = delete;
  virtual ~ServiceManager() = default;

  /// Registers this program as a service. It starts at every boot, and again when it fails. Errors:
  /// the service could not record there; others than root could replace the program or the
  /// configuration.
  virtual ServiceSteps install(const RecordCommand& command) = 0;
  /// Stops the service if it runs, and removes it. Recordings stay.
  virtual ServiceSteps uninstall() = 0;
  /// Starts the service and waits until it runs.
  virtual ServiceSteps start() = 0;
  /// Stops the service and waits until it has stopped.
  virtual ServiceSteps stop() = 0;
  virtual Result<ServiceStatus> status() = 0;

  /// Called by the service's own process. Connects to the service manager, runs `work`, and
  /// requests a stop (os/signals.hpp) when the manager does. Errors: the manager did not start this
  /// process, or starts `netlog record` (systemd).
  virtual Result<void> serve(const std::function<ServiceEnd()>& work) = 0;
};

/// The service manager of this system. Defined in linux/ and in windows/.
std::unique_ptr<ServiceManager> service_manager();

}  // namespace netlog::os

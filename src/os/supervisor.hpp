// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

namespace netlog::os {

/// Who has started this process and waits for its reports: on Linux systemd, for a unit with
/// Type=notify or WatchdogSec=. Reports that it does not take are lost. Source: sd_notify(3).
class Supervisor {
 public:
  Supervisor() = default;
  Supervisor(const Supervisor&) = delete;
  Supervisor& operator=(const Supervisor&) = delete;
  virtual ~Supervisor() = default;

  /// The work goes on. The first call says that it has begun. Call it at least once a second: most
  /// calls report nothing. `status`: one line for people.
  virtual void report(const std::string& status) = 0;

  /// The configuration is being read again.
  virtual void begin_reload() = 0;
  /// It took effect, or could not be used.
  virtual void end_reload() = 0;
};

/// The supervisor that the environment names; nullptr: nobody waits for reports. On Windows always,
/// since a service reports by os/service.hpp. Call it before restrict_system_calls(). Defined in
/// linux/ and in windows/.
std::unique_ptr<Supervisor> find_supervisor();

}  // namespace netlog::os

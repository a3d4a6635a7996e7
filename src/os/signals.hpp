// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

namespace netlog::os {

/// Watches for what asks this process to stop: SIGINT and SIGTERM; on Windows Ctrl-C, Ctrl-Break,
/// the console's close, the end of the session, shutdown, and the service manager. A second signal
/// (a second Ctrl-C) has its default effect. When what ends the process on return is answered
/// (a closed console), that return waits until this object is destroyed.
class StopRequests {
 public:
  StopRequests() = default;
  StopRequests(const StopRequests&) = delete;
  StopRequests& operator=(const StopRequests&) = delete;
  virtual ~StopRequests() = default;
};

/// Calls `stop` at the first request, once, on a thread of its own. One watcher at a time. Defined
/// once in linux/ or windows/.
std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop);

}  // namespace netlog::os

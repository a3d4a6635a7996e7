// SPDX-License-Identifier: MIT
#pragma once

#include <functional>
#include <memory>

namespace netlog::os {

/// Watches for requests to stop this process: SIGINT, SIGTERM and, unless it was ignored before
/// (nohup) or asks to reload, SIGHUP; on Windows Ctrl-C, Ctrl-Break, a closed console, the end of
/// the session, shutdown, and the service manager. A second signal (a second Ctrl-C) has its
/// default effect. Windows ends the process when the handler of a closed console returns, so that
/// handler waits until this object is destroyed.
class StopRequests {
 public:
  StopRequests() = default;
  StopRequests(const StopRequests&) = delete;
  StopRequests& operator=(const StopRequests&) = delete;
  virtual ~StopRequests() = default;
};

/// Calls `stop` once, at the first request, on another thread. With `reload`, SIGHUP is no request
/// to stop: it calls `reload`, on the same thread, each time until `stop` was called. Not on
/// Windows. Only one watcher may exist at a time. Defined in linux/ and in windows/.
std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop,
                                                  std::function<void()> reload = {});

}  // namespace netlog::os

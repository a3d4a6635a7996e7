// SPDX-License-Identifier: MIT
#include "os/signals.hpp"

#include "os/windows/signals.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include <windows.h>

namespace netlog::os {
namespace {

/// The one watcher. Handlers run on threads of the system.
struct Watched {
  std::mutex mutex;
  std::condition_variable over;
  std::function<void()> stop;      ///< empty: there is no watcher, or it was called
  std::function<void()> on_start;  ///< called when a watcher starts
  bool watching = false;
  bool requested = false;  ///< a stop was requested before there was a watcher
};

Watched& watched() {
  static Watched one;
  return one;
}

bool stop_watcher() {
  const std::lock_guard lock{watched().mutex};
  const auto stop = std::exchange(watched().stop, nullptr);
  if (stop) {
    stop();
  }
  return static_cast<bool>(stop);
}

BOOL WINAPI take_console_event(DWORD event) {
  return handle_console_event(event) ? TRUE : FALSE;
}

class ConsoleWatcher final : public StopRequests {
 public:
  explicit ConsoleWatcher(std::function<void()> stop) {
    // Never unregistered: that would wait for a handler that waits for us.
    static const bool registered = ::SetConsoleCtrlHandler(take_console_event, TRUE) != 0;
    static_cast<void>(registered);
    const std::lock_guard lock{watched().mutex};
    watched().watching = true;
    if (std::exchange(watched().requested, false)) {
      stop();
    } else {
      watched().stop = std::move(stop);
    }
    if (watched().on_start) {
      watched().on_start();
    }
  }
  ConsoleWatcher(const ConsoleWatcher&) = delete;
  ConsoleWatcher& operator=(const ConsoleWatcher&) = delete;
  ~ConsoleWatcher() override {
    const std::lock_guard lock{watched().mutex};
    watched().stop = nullptr;
    watched().watching = false;
    watched().over.notify_all();
  }
};

}  // namespace

// learn.microsoft.com, HandlerRoutine: after a close or a shutdown the process ends when this
// returns, or some seconds later. Only services get logoff events, those of all users.
bool handle_console_event(unsigned long event) {
  if (event == CTRL_LOGOFF_EVENT) {
    return true;
  }
  const bool has_stopped = stop_watcher();
  if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) {
    return has_stopped;  // a second one ends the process
  }
  std::unique_lock lock{watched().mutex};
  watched().over.wait(lock, [] { return !watched().watching; });
  return false;
}

void request_stop() {
  if (!stop_watcher()) {
    const std::lock_guard lock{watched().mutex};
    watched().requested = !watched().watching;
  }
}

void on_watching(std::function<void()> on_start) {
  const std::lock_guard lock{watched().mutex};
  watched().on_start = std::move(on_start);
}

std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop,
                                                  std::function<void()> /*reload*/) {
  return std::make_unique<ConsoleWatcher>(std::move(stop));
}

}  // namespace netlog::os

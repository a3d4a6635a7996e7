// SPDX-License-Identifier: MIT
#include "platform/stop_requests.hpp"

#include "platform/windows/stop_requests.hpp"

#include <condition_variable>
#include <mutex>
#include <utility>

#include <windows.h>

namespace netlog::platform {
namespace {

/// The one watcher. Handlers run on threads of the system.
struct Watched {
  std::mutex mutex;
  std::condition_variable over;
  std::function<void()> stop;  ///< empty: nobody watches, or it was called
  bool watching = false;
};

Watched& watched() {
  static Watched one;
  return one;
}

bool ask_to_stop() {
  const std::lock_guard lock{watched().mutex};
  const auto stop = std::exchange(watched().stop, nullptr);
  if (stop) {
    stop();
  }
  return static_cast<bool>(stop);
}

// learn.microsoft.com, HandlerRoutine: after a close, logoff or shutdown the process ends when this
// returns, or some seconds later.
BOOL WINAPI handle_console_event(DWORD event) {
  const bool asked = ask_to_stop();
  if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) {
    return asked ? TRUE : FALSE;  // the second one ends the process
  }
  std::unique_lock lock{watched().mutex};
  watched().over.wait(lock, [] { return !watched().watching; });
  return TRUE;
}

class ConsoleWatcher final : public StopRequests {
 public:
  explicit ConsoleWatcher(std::function<void()> stop) {
    {
      const std::lock_guard lock{watched().mutex};
      watched().stop = std::move(stop);
      watched().watching = true;
    }
    ::SetConsoleCtrlHandler(handle_console_event, TRUE);
  }
  ConsoleWatcher(const ConsoleWatcher&) = delete;
  ConsoleWatcher& operator=(const ConsoleWatcher&) = delete;
  ~ConsoleWatcher() override {
    ::SetConsoleCtrlHandler(handle_console_event, FALSE);
    const std::lock_guard lock{watched().mutex};
    watched().stop = nullptr;
    watched().watching = false;
    watched().over.notify_all();
  }
};

}  // namespace

void request_stop() {
  ask_to_stop();
}

std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop) {
  return std::make_unique<ConsoleWatcher>(std::move(stop));
}

}  // namespace netlog::platform

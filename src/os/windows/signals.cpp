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
  std::function<void()> stop;  ///< empty: nobody watches, or it was called
  std::function<void()> told;  ///< when somebody begins to watch
  bool watching = false;
  bool requested = false;  ///< before anybody watched
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

// learn.microsoft.com, HandlerRoutine: after a close or a shutdown the process ends when this
// returns, or some seconds later. Only services hear of a logoff, of anybody's.
BOOL WINAPI handle_console_event(DWORD event) {
  if (event == CTRL_LOGOFF_EVENT) {
    return TRUE;
  }
  const bool asked = ask_to_stop();
  if (event == CTRL_C_EVENT || event == CTRL_BREAK_EVENT) {
    return asked ? TRUE : FALSE;  // the second one ends the process
  }
  std::unique_lock lock{watched().mutex};
  watched().over.wait(lock, [] { return !watched().watching; });
  return FALSE;
}

class ConsoleWatcher final : public StopRequests {
 public:
  explicit ConsoleWatcher(std::function<void()> stop) {
    // Never taken back: that would wait for a handler that waits for us.
    static const bool registered = ::SetConsoleCtrlHandler(handle_console_event, TRUE) != 0;
    static_cast<void>(registered);
    const std::lock_guard lock{watched().mutex};
    watched().watching = true;
    if (std::exchange(watched().requested, false)) {
      stop();
    } else {
      watched().stop = std::move(stop);
    }
    if (watched().told) {
      watched().told();
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

void request_stop() {
  if (!ask_to_stop()) {
    const std::lock_guard lock{watched().mutex};
    watched().requested = !watched().watching;
  }
}

void on_watching(std::function<void()> told) {
  const std::lock_guard lock{watched().mutex};
  watched().told = std::move(told);
}

std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop) {
  return std::make_unique<ConsoleWatcher>(std::move(stop));
}

}  // namespace netlog::os

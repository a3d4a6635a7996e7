// SPDX-License-Identifier: MIT
#include "os/signals.hpp"

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdlib>
#include <span>
#include <thread>
#include <utility>

#include <sys/eventfd.h>

#include <unistd.h>

namespace netlog::os {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
// What is added to the event's counter.
constexpr std::uint64_t kReload = 1;
constexpr std::uint64_t kStop = std::uint64_t{1} << 32U;
constexpr std::uint64_t kOver = std::uint64_t{1} << 48U;

// The only state that the signal handler uses.
volatile std::sig_atomic_t event_fd = -1;

void add(std::uint64_t value) {
  const auto before = errno;
  [[maybe_unused]] const auto written = ::write(event_fd, &value, sizeof(value));
  errno = before;
}

void on_stop(int /*signal*/) {
  add(kStop);
}

void on_reload(int /*signal*/) {
  add(kReload);
}

void handle(int signal, void (*handler)(int), int flags) {
  struct sigaction action {};
  action.sa_handler = handler;
  action.sa_flags = flags | static_cast<int>(SA_RESTART);
  ::sigaction(signal, &action, nullptr);
}

/// nohup asks for this before it starts us: the end of the terminal is no reason to stop.
bool hangup_is_ignored() {
  struct sigaction now {};
  return ::sigaction(SIGHUP, nullptr, &now) == 0 && now.sa_handler == SIG_IGN;
}

UniqueFd make_event() {
  UniqueFd event{::eventfd(0, EFD_CLOEXEC)};
  if (!event) {
    throw CommandFailed{fail_errno(errno, "cannot watch for signals: eventfd").message()};
  }
  return event;
}

class SignalWatcher final : public StopRequests {
 public:
  SignalWatcher(std::function<void()> stop, std::function<void()> reload)
      : event_{make_event()}, stop_{std::move(stop)}, reload_{std::move(reload)}, thread_{[this] {
          wait();
        }} {
    event_fd = event_.get();
    for (const auto signal : watched_) {
      handle(signal, on_stop, static_cast<int>(SA_RESETHAND));
    }
    if (reload_) {
      handle(SIGHUP, on_reload, 0);
    }
  }
  SignalWatcher(const SignalWatcher&) = delete;
  SignalWatcher& operator=(const SignalWatcher&) = delete;
  ~SignalWatcher() override {
    set_defaults();
    [[maybe_unused]] const auto written = ::write(event_.get(), &kOver, sizeof(kOver));
    thread_.join();
  }

 private:
  void set_defaults() const {
    for (const auto signal : watched_) {
      static_cast<void>(std::signal(signal, SIG_DFL));
    }
    if (reload_) {
      static_cast<void>(std::signal(SIGHUP, SIG_IGN));
    }
  }
  [[nodiscard]] std::uint64_t next() const {
    std::uint64_t value = 0;
    while (::read(event_.get(), &value, sizeof(value)) < 0 && errno == EINTR) {
    }
    return value;
  }
  void wait() const {
    auto value = next();
    for (; value < kStop; value = next()) {
      reload_();
    }
    if (value < kOver) {
      // From now on the other signals have their default effect, too.
      set_defaults();
      stop_();
    }
  }

  UniqueFd event_;
  std::function<void()> stop_;
  std::function<void()> reload_;
  /// Without SIGHUP, the last of them, where that is ignored or asks to reload.
  std::span<const int> watched_{kSignals.data(),
                                kSignals.size() - (reload_ || hangup_is_ignored() ? 1 : 0)};
  std::thread thread_;
};

}  // namespace

std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop,
                                                  std::function<void()> reload) {
  return std::make_unique<SignalWatcher>(std::move(stop), std::move(reload));
}

}  // namespace netlog::os

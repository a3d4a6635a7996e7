// SPDX-License-Identifier: MIT
#include "os/signals.hpp"

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <span>
#include <thread>
#include <utility>

#include <sys/eventfd.h>

#include <unistd.h>

namespace netlog::os {
namespace {

constexpr std::array kSignals{SIGINT, SIGTERM, SIGHUP};
constexpr std::uint64_t kSignalled = 1;
constexpr std::uint64_t kOver = std::uint64_t{1} << 32U;

// The only state that the signal handler uses.
volatile std::sig_atomic_t event_fd = -1;

void on_signal(int /*signal*/) {
  const auto before = errno;
  [[maybe_unused]] const auto written = ::write(event_fd, &kSignalled, sizeof(kSignalled));
  errno = before;
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
  explicit SignalWatcher(std::function<void()> stop)
      : event_{make_event()}, stop_{std::move(stop)}, thread_{[this] { wait(); }} {
    event_fd = event_.get();
    for (const auto signal : watched_) {
      struct sigaction action {};
      action.sa_handler = on_signal;
      action.sa_flags = static_cast<int>(SA_RESTART | SA_RESETHAND);
      ::sigaction(signal, &action, nullptr);
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
  }
  void wait() const {
    std::uint64_t value = 0;
    while (::read(event_.get(), &value, sizeof(value)) < 0 && errno == EINTR) {
    }
    if (value < kOver) {
      // From now on the other signals have their default effect, too.
      set_defaults();
      stop_();
    }
  }

  /// Without SIGHUP, the last of them, where that is ignored.
  std::span<const int> watched_{kSignals.data(), kSignals.size() - (hangup_is_ignored() ? 1 : 0)};
  UniqueFd event_;
  std::function<void()> stop_;
  std::thread thread_;
};

}  // namespace

std::unique_ptr<StopRequests> watch_stop_requests(std::function<void()> stop) {
  return std::make_unique<SignalWatcher>(std::move(stop));
}

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#include "os/keyboard.hpp"

#include "os/linux/unique_fd.hpp"

#include <array>
#include <csignal>
#include <thread>
#include <utility>

#include <fcntl.h>
#include <poll.h>
#include <termios.h>
#include <unistd.h>

namespace netlog::os {
namespace {

class TerminalKeyboard final : public Keyboard {
 public:
  TerminalKeyboard(UniqueFd terminal, const termios& before)
      : terminal_{std::move(terminal)}, before_{before} {
    auto raw = before;
    raw.c_lflag &= ~static_cast<tcflag_t>(ICANON | ECHO);
    raw.c_cc[VMIN] = 0;
    raw.c_cc[VTIME] = 0;
    raw.c_cc[VSUSP] = _POSIX_VDISABLE;
    ::tcsetattr(terminal_.get(), TCSADRAIN, &raw);
  }
  TerminalKeyboard(const TerminalKeyboard&) = delete;
  TerminalKeyboard& operator=(const TerminalKeyboard&) = delete;
  ~TerminalKeyboard() override { ::tcsetattr(terminal_.get(), TCSADRAIN, &before_); }

  std::string read(std::chrono::milliseconds wait) override {
    pollfd input{terminal_.get(), POLLIN, 0};
    if (::poll(&input, 1, static_cast<int>(wait.count())) != 1) {
      return {};
    }
    std::array<char, 256> bytes{};
    const auto got = ::read(terminal_.get(), bytes.data(), bytes.size());
    if (got <= 0) {
      std::this_thread::sleep_for(wait);  // the terminal is gone
      return {};
    }
    return {bytes.data(), static_cast<std::size_t>(got)};
  }

 private:
  UniqueFd terminal_;
  termios before_;
};

}  // namespace

std::unique_ptr<Keyboard> open_keyboard() {
  UniqueFd terminal{::open("/dev/tty", O_RDONLY | O_CLOEXEC | O_NOCTTY)};  // NOLINT
  termios now{};
  return terminal && ::tcgetattr(terminal.get(), &now) == 0
             ? std::make_unique<TerminalKeyboard>(std::move(terminal), now)
             : nullptr;
}

void suspend() {
  static_cast<void>(::kill(0, SIGTSTP));
}

}  // namespace netlog::os

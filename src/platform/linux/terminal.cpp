// SPDX-License-Identifier: MIT
#include "platform/terminal.hpp"

#include <algorithm>
#include <csignal>

#include <sys/ioctl.h>

#include <unistd.h>

namespace netlog::platform {

bool is_terminal(StandardStream stream) {
  return ::isatty(stream == StandardStream::output ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

void set_up_standard_streams() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
}

std::vector<std::string> command_line(int argc, char** argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

}  // namespace netlog::platform

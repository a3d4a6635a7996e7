// SPDX-License-Identifier: MIT
#include "os/terminal.hpp"

#include <algorithm>
#include <clocale>
#include <csignal>
#include <memory>
#include <string_view>
#include <type_traits>

#include <sys/ioctl.h>

#include <langinfo.h>
#include <unistd.h>

namespace netlog::os {

bool is_terminal(StandardStream stream) {
  return ::isatty(stream == StandardStream::output ? STDOUT_FILENO : STDERR_FILENO) == 1;
}

std::size_t terminal_width() {
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

bool locale_is_utf8() {
  const std::unique_ptr<std::remove_pointer_t<locale_t>, decltype(&::freelocale)> locale{
      ::newlocale(LC_CTYPE_MASK, "", nullptr), ::freelocale};
  return locale && std::string_view{::nl_langinfo_l(CODESET, locale.get())} == "UTF-8";
}

void set_up_standard_streams() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
}

std::vector<std::string> command_line(int argc, char** argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

}  // namespace netlog::os

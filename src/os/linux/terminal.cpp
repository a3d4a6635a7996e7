// SPDX-License-Identifier: MIT
#include "os/terminal.hpp"

#include <algorithm>
#include <cerrno>
#include <clocale>
#include <csignal>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <type_traits>

#include <sys/ioctl.h>

#include <fcntl.h>
#include <langinfo.h>
#include <poll.h>
#include <unistd.h>

namespace netlog::os {
namespace {

int descriptor_of(StandardStream stream) {
  return stream == StandardStream::output ? STDOUT_FILENO : STDERR_FILENO;
}

/// Fills the descriptors of standard streams that are closed. Nothing can be written to that of
/// standard output, so that an answer is not lost without an error.
void fill_closed_streams() {
  for (const int descriptor : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(descriptor, F_GETFD) < 0) {
      // The lowest free descriptor, which is this one.
      static_cast<void>(
          ::open("/dev/null", descriptor == STDERR_FILENO ? O_WRONLY : O_RDONLY));  // NOLINT
    }
  }
}

}  // namespace

bool is_terminal(StandardStream stream) {
  return ::isatty(descriptor_of(stream)) == 1;
}

bool understands_escapes(StandardStream stream) {
  const char* const name = std::getenv("TERM");  // NOLINT(concurrency-mt-unsafe): nobody sets it
  return is_terminal(stream) && name != nullptr && *name != '\0' &&
         std::string_view{name} != "dumb";
}

bool output_is_closed() {
  pollfd output{STDOUT_FILENO, 0, 0};
  return ::poll(&output, 1, 0) == 1 && (output.revents & (POLLERR | POLLHUP)) != 0;
}

std::size_t terminal_width(StandardStream stream) {
  winsize size{};
  return ::ioctl(descriptor_of(stream), TIOCGWINSZ, &size) == 0 ? size.ws_col : 0;
}

std::size_t terminal_height(StandardStream stream) {
  winsize size{};
  return ::ioctl(descriptor_of(stream), TIOCGWINSZ, &size) == 0 ? size.ws_row : 0;
}

bool locale_is_utf8() {
  const std::unique_ptr<std::remove_pointer_t<locale_t>, decltype(&::freelocale)> locale{
      ::newlocale(LC_CTYPE_MASK, "", nullptr), ::freelocale};
  return locale && std::string_view{::nl_langinfo_l(CODESET, locale.get())} == "UTF-8";
}

void set_up_standard_streams() {
  static_cast<void>(std::signal(SIGPIPE, SIG_IGN));
  static_cast<void>(std::signal(SIGXFSZ, SIG_IGN));
  // A terminal with `tostop` would stop a recorder in the background at its first message.
  static_cast<void>(std::signal(SIGTTOU, SIG_IGN));
  fill_closed_streams();
}

Result<void> write_output(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDOUT_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
      continue;
    }
    const int error = errno;
    if (error == EAGAIN) {  // somebody else has made the pipe or terminal non-blocking
      pollfd ready{STDOUT_FILENO, POLLOUT, 0};
      static_cast<void>(::poll(&ready, 1, -1));
    } else if (error != EINTR) {
      return fail_errno(error, "write to standard output");
    }
  }
  return {};
}

void write_error(std::string_view bytes) {
  while (!bytes.empty()) {
    const auto written = ::write(STDERR_FILENO, bytes.data(), bytes.size());
    if (written >= 0) {
      bytes.remove_prefix(static_cast<std::size_t>(written));
    } else if (errno == EAGAIN) {
      pollfd ready{STDERR_FILENO, POLLOUT, 0};
      static_cast<void>(::poll(&ready, 1, -1));
    } else if (errno != EINTR) {
      return;
    }
  }
}

Result<void> finish_output() {
  // The file systems of networks report what a write could not do when a descriptor is closed.
  const int copy = ::fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
  if (copy >= 0 && ::close(copy) != 0 && errno != EINTR) {
    return fail_errno(errno, "write to standard output");
  }
  return {};
}

std::vector<std::string> command_line(int argc, char** argv) {
  return {argv + std::min(argc, 1), argv + argc};
}

}  // namespace netlog::os

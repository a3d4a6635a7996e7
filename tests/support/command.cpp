// SPDX-License-Identifier: MIT
#include "support/command.hpp"

#include <array>
#include <csignal>
#include <cstdlib>
#include <stdexcept>
#include <utility>

#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace netlog::test {
namespace {

/// Appends what can be read; false at the end.
bool read_some(int fd, std::string& text) {
  std::array<char, 4096> buffer{};
  const auto got = ::read(fd, buffer.data(), buffer.size());
  if (got > 0) {
    text.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return got > 0;
}

}  // namespace

Command::Command(const std::vector<std::string>& arguments, const char* zone) {
  const char* const binary = std::getenv("NETLOG_BIN");
  std::array<int, 2> out{};
  std::array<int, 2> err{};
  if (binary == nullptr || ::pipe2(out.data(), O_CLOEXEC) != 0 ||
      ::pipe2(err.data(), O_CLOEXEC) != 0) {
    throw std::runtime_error{"NETLOG_BIN is not set, or no pipe"};
  }
  std::vector<char*> argv{const_cast<char*>(binary)};
  for (const auto& argument : arguments) {
    argv.push_back(const_cast<char*>(argument.c_str()));
  }
  argv.push_back(nullptr);
  // Until exec the child has the test runner's handlers: a signal waits for its own.
  sigset_t all{};
  sigset_t before{};
  ::sigfillset(&all);
  ::sigprocmask(SIG_SETMASK, &all, &before);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::dup2(::open("/dev/null", O_RDONLY), 0);
    ::dup2(out[1], 1);
    ::dup2(err[1], 2);
    // A shell's background jobs ignore SIGINT, and so would we.
    static_cast<void>(std::signal(SIGINT, SIG_DFL));
    static_cast<void>(std::signal(SIGTERM, SIG_DFL));
    ::setenv("TZ", zone, 1);
    ::sigprocmask(SIG_SETMASK, &before, nullptr);
    ::execv(binary, argv.data());
    ::_exit(127);
  }
  ::sigprocmask(SIG_SETMASK, &before, nullptr);
  ::close(out[1]);
  ::close(err[1]);
  out_ = out[0];
  err_ = err[0];
}

Command::~Command() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  ::close(err_);
  if (out_ >= 0) {
    ::close(out_);
  }
}

void Command::send(int signal) const {
  ::kill(pid_, signal);
}

bool Command::wait_for_error_text(const std::string& text) {
  while (err_text_.find(text) == std::string::npos) {
    if (!read_some(err_, err_text_)) {
      return false;
    }
  }
  return true;
}

void Command::close_output() {
  ::close(std::exchange(out_, -1));
}

Finished Command::wait() {
  Finished finished;
  std::array<pollfd, 2> open{pollfd{out_, POLLIN, 0}, pollfd{err_, POLLIN, 0}};
  while (open[0].fd >= 0 || open[1].fd >= 0) {
    ::poll(open.data(), open.size(), -1);
    if (open[0].revents != 0 && !read_some(out_, finished.out)) {
      open[0].fd = -1;
    }
    if (open[1].revents != 0 && !read_some(err_, err_text_)) {
      open[1].fd = -1;
    }
  }
  int status = 0;
  ::waitpid(std::exchange(pid_, -1), &status, 0);
  finished.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  finished.err = err_text_;
  return finished;
}

Finished run(const std::vector<std::string>& arguments, const char* zone) {
  return Command{arguments, zone}.wait();
}

}  // namespace netlog::test

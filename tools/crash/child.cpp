// SPDX-License-Identifier: MIT
#include "child.hpp"

#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <system_error>

#include <sys/wait.h>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

namespace crash {
namespace {

std::array<int, 2> make_pipe() {
  std::array<int, 2> ends{};
  if (::pipe2(ends.data(), O_CLOEXEC) != 0) {
    throw std::system_error{errno, std::generic_category(), "cannot make a pipe"};
  }
  return ends;
}

pid_t fork_now() {
  const auto pid = ::fork();
  if (pid < 0) {
    throw std::system_error{errno, std::generic_category(), "cannot start a process"};
  }
  return pid;
}

}  // namespace

std::int64_t steady_ns() {
  return std::chrono::steady_clock::now().time_since_epoch() / std::chrono::nanoseconds{1};
}

Child::Child(const std::function<void(int pipe)>& work) {
  const auto ends = make_pipe();
  pid_ = fork_now();
  if (pid_ == 0) {
    work(ends[1]);
    ::_exit(0);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

Child::Child(const std::vector<std::string>& command) {
  const auto ends = make_pipe();
  pid_ = fork_now();
  if (pid_ == 0) {
    const auto null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
    ::dup2(null, STDIN_FILENO);
    ::dup2(null, STDOUT_FILENO);
    ::dup2(ends[1], STDERR_FILENO);
    std::vector<char*> arguments;
    arguments.reserve(command.size() + 1);
    for (const auto& argument : command) {
      arguments.push_back(const_cast<char*>(argument.c_str()));
    }
    arguments.push_back(nullptr);
    ::execv(arguments.front(), arguments.data());
    ::_exit(127);
  }
  ::close(ends[1]);
  pipe_ = ends[0];
}

Child::~Child() {
  if (pid_ > 0) {
    kill(SIGKILL);
    wait();
  }
  ::close(pipe_);
}

bool Child::wait_for_text(const std::string& text) {
  std::string got;
  std::array<char, 4096> buffer{};
  while (got.find(text) == std::string::npos) {
    const auto size = ::read(pipe_, buffer.data(), buffer.size());
    if (size <= 0) {
      return false;
    }
    got.append(buffer.data(), static_cast<std::size_t>(size));
  }
  return true;
}

bool Child::wait_for_words(std::int64_t at_most_ms) const {
  pollfd waiting{pipe_, POLLIN, 0};
  return ::poll(&waiting, 1, static_cast<int>(at_most_ms)) > 0;
}

void Child::kill(int signal) const {
  ::kill(pid_, signal);
}

int Child::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

std::vector<Word> Child::words() {
  std::vector<Word> all;
  Word word;
  auto* const bytes = reinterpret_cast<char*>(&word);
  std::size_t have = 0;
  for (;;) {
    const auto size = ::read(pipe_, bytes + have, sizeof word - have);
    if (size <= 0) {
      return all;
    }
    have += static_cast<std::size_t>(size);
    if (have == sizeof word) {
      all.push_back(word);
      have = 0;
    }
  }
}

}  // namespace crash

// SPDX-License-Identifier: MIT
#pragma once

#include "support/catch.hpp"

#include <array>
#include <cstdint>
#include <functional>

#include <sys/wait.h>

#include <unistd.h>

namespace netlog::test {

/// A child process that does something, waits until it is released, and does something else.
class Child {
 public:
  /// Returns when `first` is done. Neither may use assertions.
  explicit Child(
      const std::function<void()>& first = [] {}, const std::function<void()>& then = [] {}) {
    std::array<int, 2> done{};
    std::array<int, 2> hold{};
    REQUIRE(::pipe(done.data()) == 0);
    REQUIRE(::pipe(hold.data()) == 0);
    pid_ = ::fork();
    REQUIRE(pid_ >= 0);
    char byte = 0;
    if (pid_ == 0) {
      ::close(hold[1]);
      first();
      // Read returns at the end of the pipe, when it is released.
      if (::write(done[1], &byte, 1) == 1 && ::read(hold[0], &byte, 1) == 0) {
        then();
      }
      ::_exit(0);
    }
    ::close(hold[0]);
    release_ = hold[1];
    REQUIRE(::read(done[0], &byte, 1) == 1);
    ::close(done[0]);
    ::close(done[1]);
  }
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child() { finish(); }

  [[nodiscard]] std::uint32_t pid() const { return static_cast<std::uint32_t>(pid_); }

  /// Lets it go on and waits for its end.
  void finish() {
    if (release_ >= 0) {
      ::close(release_);
      release_ = -1;
      ::waitpid(pid_, nullptr, 0);
    }
  }

 private:
  pid_t pid_ = -1;
  int release_ = -1;
};

}  // namespace netlog::test

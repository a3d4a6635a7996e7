// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include <sys/types.h>

namespace crash {

/// What a writer reports on a pipe, in this order and in the byte order of the machine.
struct Word {
  std::int64_t at_ns = 0;      ///< steady
  std::int64_t pushed = 0;     ///< events, by now
  std::int64_t committed = 0;  ///< events, by now
};

std::int64_t steady_ns();

/// Another process.
class Child {
 public:
  /// Runs `work` in a forked process that exits after it. `work` gets the writing end of the pipe.
  explicit Child(const std::function<void(int pipe)>& work);
  /// Starts a program; its output goes to /dev/null, its errors to the pipe.
  explicit Child(const std::vector<std::string>& command);
  Child(const Child&) = delete;
  Child& operator=(const Child&) = delete;
  ~Child();

  /// Reads the pipe until it holds `text` or is closed.
  /// @returns whether it does
  bool wait_for_text(const std::string& text);
  /// Waits until the pipe has data, at most that long.
  bool wait_for_words(std::int64_t at_most_ms) const;
  void kill(int signal) const;
  /// Waits for its end. @returns its exit code, -1 after a signal
  int wait();
  /// Reads the rest of the pipe until it is closed.
  std::vector<Word> words();

 private:
  void hold(const int* pipe, pid_t pid);

  pid_t pid_ = -1;
  int pipe_ = -1;
};

}  // namespace crash

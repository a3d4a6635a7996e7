// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <vector>

#include <sys/types.h>

namespace netlog::test {

struct Finished {
  int exit_code = -1;  ///< -1: ended by a signal
  std::string out;
  std::string err;
};

/// The real binary ($NETLOG_BIN), started with these arguments in this time zone.
class Command {
 public:
  explicit Command(const std::vector<std::string>& arguments, const char* zone = "UTC");
  Command(const Command&) = delete;
  Command& operator=(const Command&) = delete;
  ~Command();

  void send(int signal) const;
  [[nodiscard]] pid_t pid() const { return pid_; }
  /// Waits until its stderr holds `text`; false when it ended before.
  bool wait_for_error_text(const std::string& text);
  /// Reads no more of its stdout.
  void close_output();
  Finished wait();

 private:
  pid_t pid_ = -1;
  int out_ = -1;
  int err_ = -1;
  std::string err_text_;
};

Finished run(const std::vector<std::string>& arguments, const char* zone = "UTC");

}  // namespace netlog::test

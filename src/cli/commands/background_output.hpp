// SPDX-License-Identifier: MIT
#pragma once

#include <memory>
#include <string>

#include <spdlog/logger.h>

namespace netlog::cli {

/// Writes to standard error on a thread of its own: a terminal that is held up (^S, a dead ssh), a
/// full pipe or a slow log does not block the caller. What cannot be written for long is dropped,
/// the oldest line first. The thread begins with the first line.
class BackgroundOutput {
 public:
  BackgroundOutput();
  BackgroundOutput(const BackgroundOutput&) = delete;
  BackgroundOutput& operator=(const BackgroundOutput&) = delete;
  /// Waits a second at most until all is written.
  ~BackgroundOutput();

  void write(std::string text);
  /// Replaces a status that is not written yet.
  void show_status(std::string text);
  /// Drops a status that is not written yet, and writes this.
  void end_status(std::string text);

 private:
  struct State;
  void start();

  std::shared_ptr<State> state_;
};

/// A log on it.
std::shared_ptr<spdlog::logger> log_on(std::shared_ptr<BackgroundOutput> output, bool coloured);

}  // namespace netlog::cli

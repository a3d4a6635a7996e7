// SPDX-License-Identifier: MIT
#pragma once

#include "cli/output/status_line.hpp"
#include "os/signals.hpp"
#include "store/read/reader.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace netlog::cli {

/// Says on standard error that a recording lacks what was in its -wal, if it may.
void warn_of_missing_wal(store::Reader& reader);

/// While it lives, Ctrl-C interrupts the query, which then fails, and a terminal shows how many
/// seconds a query has taken once it takes more than one. Must outlive the readers that it watches.
class QueryProgress {
 public:
  QueryProgress();
  QueryProgress(const QueryProgress&) = delete;
  QueryProgress& operator=(const QueryProgress&) = delete;
  ~QueryProgress();

  void watch(store::Reader& reader);
  /// A new query begins.
  void restart();
  /// False after Ctrl-C.
  [[nodiscard]] bool goes_on() const { return !stopped_; }
  /// False after Ctrl-C. Whatever has no reader to be watched calls it every few milliseconds.
  bool go_on();
  /// Clears the line on the terminal; to be called before the answer is printed.
  void clear();

 private:
  StatusLine line_;
  std::chrono::steady_clock::time_point began_;
  std::chrono::seconds shown_{0};  ///< the time that the terminal shows
  bool has_warned_ = false;
  std::atomic<bool> stopped_{false};
  std::unique_ptr<os::StopRequests> requests_;
};

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "os/signals.hpp"
#include "store/read/reader.hpp"

#include <atomic>
#include <chrono>
#include <memory>

namespace netlog::cli {

/// For as long as it lives: Ctrl-C ends a question cleanly (the query fails as interrupted), and
/// one that takes more than a second says so on a terminal. Must outlive the readers it watches.
class QueryProgress {
 public:
  QueryProgress();
  QueryProgress(const QueryProgress&) = delete;
  QueryProgress& operator=(const QueryProgress&) = delete;
  ~QueryProgress();

  void watch(store::Reader& reader);
  /// Whether to go on; to be asked every few milliseconds by what has no reader.
  bool go_on();
  /// Takes away what it says, before the answer is printed.
  void clear();

 private:
  const bool on_terminal_;
  const std::chrono::steady_clock::time_point began_;
  std::chrono::seconds shown_{0};  ///< said last
  bool visible_ = false;
  std::atomic<bool> stopped_{false};
  std::unique_ptr<os::StopRequests> requests_;
};

}  // namespace netlog::cli

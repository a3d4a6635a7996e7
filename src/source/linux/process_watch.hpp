// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/proc_connector.hpp"
#include "source/linux/process.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <set>

namespace netlog::source {

/// Turns the messages of the process connector into raw records: what the processes that were
/// reported execute, and when they end. Used where nothing is traced.
class ProcessWatch {
 public:
  /// Errors: why the kernel reports nothing.
  static Result<ProcessWatch> open();

  /// Emits the messages since the last call, what is read of processes that have executed a
  /// program, and the ends of those whose threads have all ended by the last call. Errors: nothing
  /// is reported any more.
  Result<void> drain(ProcessTable& processes, capture::RecordSink& sink);

 private:
  explicit ProcessWatch(ProcConnector connector);

  /// Emits the messages. @return pids of those that have executed a program
  Result<std::set<std::uint32_t>> take_messages(const ProcessTable& processes,
                                                capture::RecordSink& sink);

  ProcConnector connector_;
  std::int64_t drained_ns_;           ///< when the last drain began
  std::set<std::uint32_t> executed_;  ///< and were not read since
  std::set<std::uint32_t> ending_;    ///< a thread has ended since the drain before
};

}  // namespace netlog::source

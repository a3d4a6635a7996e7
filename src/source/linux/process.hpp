// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/trace.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace netlog::source {

/// The start time of a process in clock ticks since boot (proc(5), stat, field 22); nothing if the
/// process has ended.
std::optional<std::uint64_t> process_start(std::uint32_t pid);

/// The processes that hold sockets. Each is read once and then watched until it ends.
class ProcessTable {
 public:
  /// Emits a process record unless this process was reported before.
  /// @return false if there is no such process
  bool report(std::uint32_t pid, capture::RecordSink& sink);

  /// True if this incarnation was reported.
  [[nodiscard]] bool has_reported(const TracedProcess& process) const;

  /// Emits process_ended for each reported process that has ended since the last call.
  void report_ended(capture::RecordSink& sink);

 private:
  struct Known {
    std::uint64_t start = 0;
    os::UniqueFd pidfd;  ///< none if there are too many: then the start time is compared
  };
  std::unordered_map<std::uint32_t, Known> known_;
  std::int64_t last_check_ns_ = 0;
};

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/trace.hpp"

#include <cstdint>
#include <optional>
#include <unordered_map>

namespace netlog::source {

/// The start time of a process in clock ticks since boot (proc(5), stat, field 22); nothing when it
/// is gone.
std::optional<std::uint64_t> process_start(std::uint32_t pid);

/// Processes that hold sockets: read once each, then watched until they end.
class ProcessTable {
 public:
  /// Hands over a process that was not told of yet. False when there is no such process (any more).
  bool tell(std::uint32_t pid, capture::RecordSink& sink);

  /// Whether this incarnation was told of.
  [[nodiscard]] bool knows(const TracedProcess& process) const;

  /// Hands over process_ended for each that has ended since the last call.
  void tell_ends(capture::RecordSink& sink);

 private:
  struct Known {
    std::uint64_t start = 0;
    os::UniqueFd pidfd;  ///< none where descriptors have run out: the start time tells then
  };
  std::unordered_map<std::uint32_t, Known> known_;
  std::int64_t last_check_ns_ = 0;
};

}  // namespace netlog::source

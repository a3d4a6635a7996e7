// SPDX-License-Identifier: MIT
#pragma once

#include "model/process.hpp"
#include "model/snapshot.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace netlog::record {

/// The processes that were reported: which incarnation has each pid, and which of them still run.
class ProcessRegistry {
 public:
  /// A process that a source has read. It has its pid from now on.
  /// @return the process with its image
  Process add(Process process);

  /// A process that a trace event names. An event can be older than the process that has the pid
  /// by now; the newer incarnation keeps the pid.
  /// @return what is known of it if it is new, since it may end before anybody can read more
  std::optional<Process> register_process(const Caller& caller);

  /// What the process was at a time: with the image that it had then.
  [[nodiscard]] ProcessId at(const ProcessId& process, std::int64_t at_ns) const;

  /// Notes the hash of the executable of a process, with its image.
  void set_hash(const ProcessId& process, const std::string& sha256);

  /// The process is over. Sockets can outlive it, so its pid still leads to it.
  void end(const ProcessId& process);

  /// The incarnation that had this pid last.
  [[nodiscard]] std::optional<ProcessId> find(std::uint32_t pid) const;

  /// The same, if it was read, has not ended, and had started at this time.
  [[nodiscard]] std::optional<ProcessId> find_running(std::uint32_t pid, std::int64_t at_ns) const;

  /// Those that were read and have not ended, in order of pid and start.
  [[nodiscard]] std::vector<Process> running() const;

 private:
  std::map<std::uint32_t, ProcessId> by_pid_;
  /// Of processes with several images: when each but the first began.
  std::map<ProcessId, std::vector<std::int64_t>> image_begins_;
  std::map<ProcessId, Process> running_;
};

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#include "record/process_registry.hpp"

#include <algorithm>

namespace netlog::record {

void ProcessRegistry::add(const Process& process) {
  by_pid_[process.id.pid] = process.id;
  running_.insert_or_assign(process.id, process);
}

std::optional<Process> ProcessRegistry::register_process(const Caller& caller) {
  auto& known = by_pid_[caller.id.pid];
  if (known == caller.id) {
    return std::nullopt;
  }
  known = std::max(known, caller.id);
  Process process;
  process.id = caller.id;
  process.started_ns = caller.started_ns;
  process.name = caller.name;
  return process;
}

void ProcessRegistry::end(const ProcessId& process) {
  running_.erase(process);
}

std::optional<ProcessId> ProcessRegistry::find(std::uint32_t pid) const {
  const auto found = by_pid_.find(pid);
  return found == by_pid_.end() ? std::nullopt : std::optional{found->second};
}

std::vector<Process> ProcessRegistry::running() const {
  std::vector<Process> all;
  all.reserve(running_.size());
  for (const auto& [id, process] : running_) {
    all.push_back(process);
  }
  return all;
}

}  // namespace netlog::record

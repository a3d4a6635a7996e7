// SPDX-License-Identifier: MIT
#include "record/process_registry.hpp"

#include <algorithm>

namespace netlog::record {
namespace {

/// Of one process. Those after them count as the last one.
constexpr std::size_t kMaxImages = 1'000;

}  // namespace

Process ProcessRegistry::add(Process process) {
  auto& known = by_pid_[process.id.pid];
  if (known.first_image() == process.id) {
    auto image = known.image;
    if (process.image_since_ns) {
      auto& begins = image_begins_[process.id];
      if (begins.size() < kMaxImages &&
          (begins.empty() || begins.back() < *process.image_since_ns)) {
        begins.push_back(*process.image_since_ns);
      }
      image = static_cast<std::uint32_t>(begins.size());
    }
    process.id.image = image;
  }
  known = process.id;
  running_.insert_or_assign(process.id, process);
  return process;
}

std::optional<Process> ProcessRegistry::register_process(const Caller& caller) {
  auto& known = by_pid_[caller.id.pid];
  if (known.first_image() == caller.id.first_image()) {
    return std::nullopt;
  }
  known = std::max(known, caller.id);
  Process process;
  process.id = caller.id;
  process.started_ns = caller.started_ns;
  process.name = caller.name;
  return process;
}

ProcessId ProcessRegistry::at(const ProcessId& process, std::int64_t at_ns) const {
  auto found = process.first_image();
  if (const auto images = image_begins_.find(found); images != image_begins_.end()) {
    const auto& begins = images->second;
    const auto after = std::upper_bound(begins.begin(), begins.end(), at_ns);
    found.image = static_cast<std::uint32_t>(after - begins.begin());
  }
  return found;
}

void ProcessRegistry::set_hash(const ProcessId& process, const std::string& sha256) {
  if (const auto found = running_.find(process); found != running_.end()) {
    found->second.exe_sha256 = sha256;
  }
}

void ProcessRegistry::end(const ProcessId& process) {
  const auto first = running_.lower_bound(process.first_image());
  auto after = first;
  while (after != running_.end() && after->first.first_image() == process.first_image()) {
    ++after;
  }
  running_.erase(first, after);
}

std::optional<ProcessId> ProcessRegistry::find(std::uint32_t pid) const {
  const auto found = by_pid_.find(pid);
  return found == by_pid_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<ProcessId> ProcessRegistry::find_running(std::uint32_t pid,
                                                       std::int64_t at_ns) const {
  const auto id = find(pid);
  const auto process = id ? running_.find(*id) : running_.end();
  const bool runs = process != running_.end() && process->second.started_ns <= at_ns;
  return runs ? id : std::nullopt;
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

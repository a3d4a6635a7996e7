// SPDX-License-Identifier: MIT
#include "source/linux/holder_table.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace netlog::source {
namespace {

constexpr std::size_t kMaxUnanswered = 200'000;

}  // namespace

bool HolderTable::record_socket(std::uint64_t inode, Descriptor at) {
  if (const auto answered = answered_.find(inode); answered != answered_.end()) {
    if (answered->second.pid != at.pid) {
      shared_socket_pids_[answered->second.pid].insert(at.pid);
    }
    return false;
  }
  const auto [entry, added] = unanswered_.try_emplace(inode, at);
  if (!added && entry->second.pid != at.pid) {
    const auto other = entry->second.pid;
    // A master and its workers can have started within one clock tick.
    const bool is_first = std::pair{start_of_(at.pid), at.pid} < std::pair{start_of_(other), other};
    entry->second = is_first ? at : entry->second;
    shared_socket_pids_[is_first ? at.pid : other].insert(is_first ? other : at.pid);
  }
  return added;
}

std::optional<Descriptor> HolderTable::candidate(std::uint64_t inode) const {
  const auto found = unanswered_.find(inode);
  return found == unanswered_.end() ? std::nullopt : std::optional{found->second};
}

std::optional<Descriptor> HolderTable::answer(std::uint64_t inode) {
  const auto found = unanswered_.find(inode);
  if (found == unanswered_.end()) {
    return std::nullopt;
  }
  const auto holder = found->second;
  unanswered_.erase(found);
  answered_[inode] = holder;
  return holder;
}

std::optional<Descriptor> HolderTable::forget(std::uint64_t inode) {
  const auto found = answered_.find(inode);
  if (found == answered_.end()) {
    return std::nullopt;
  }
  const auto holder = found->second;
  answered_.erase(found);
  return holder;
}

std::vector<std::uint32_t> HolderTable::with_sharers(std::vector<std::uint32_t> pids) const {
  const auto given = pids.size();
  for (std::size_t i = 0; i < given; ++i) {
    const auto shared = shared_socket_pids_.find(pids[i]);
    if (shared == shared_socket_pids_.end()) {
      continue;
    }
    for (const auto pid : shared->second) {
      if (std::find(pids.begin(), pids.end(), pid) == pids.end()) {
        pids.push_back(pid);
      }
    }
  }
  return pids;
}

void HolderTable::limit_unanswered() {
  if (unanswered_.size() > kMaxUnanswered) {
    unanswered_.clear();
  }
}

void HolderTable::drop_vanished(const std::vector<std::uint32_t>& alive) {
  const auto has_vanished = [&](std::uint32_t pid) {
    return !std::binary_search(alive.begin(), alive.end(), pid);
  };
  for (auto entry = shared_socket_pids_.begin(); entry != shared_socket_pids_.end();) {
    std::erase_if(entry->second, has_vanished);
    const bool is_over = has_vanished(entry->first) || entry->second.empty();
    entry = is_over ? shared_socket_pids_.erase(entry) : std::next(entry);
  }
}

}  // namespace netlog::source

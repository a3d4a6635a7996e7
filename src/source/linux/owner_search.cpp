// SPDX-License-Identifier: MIT
#include "source/linux/owner_search.hpp"

#include <algorithm>
#include <set>

namespace netlog::source {
namespace {

using namespace std::chrono_literals;

constexpr auto kFullScanEvery = 1s;

}  // namespace

std::vector<HolderAnswer> OwnerSearch::find(std::span<const OwnerQuery> queries,
                                            std::chrono::nanoseconds budget) {
  const auto began = Clock::now();
  deadline_ = began + budget;
  if (descriptors_.is_sweep_due()) {
    drop_vanished(all_pids());
  }
  if (!full_scan_began_) {
    scan_all_processes();
  }
  begin_queries(queries, began);
  std::erase_if(open_, [&](const OwnerQuery* query) {
    if (!answer_query(query->key)) {
      if (query->owner_pid != 0) {
        descriptors_.read_all(query->owner_pid, on_socket_);
      }
      scan_likely_descriptors(*query);
      scan_parents(*query);
    }
    return holders_.is_answered(query->key) || answer_query(query->key);
  });
  scan_likely_processes();
  if (!open_.empty() && is_in_time()) {
    scan_new_processes();
    answer_open_queries();
  }
  const bool has_repeated = std::any_of(open_.begin(), open_.end(), [&](const auto* query) {
    return pending_[query->key].times > 1;
  });
  if (has_repeated && began - *full_scan_began_ >= kFullScanEvery) {
    scan_all_processes();
    answer_open_queries();
  }
  answer_owner_not_found();
  open_.clear();
  return std::exchange(answers_, {});
}

void OwnerSearch::forget(std::span<const std::uint64_t> inodes) {
  for (const auto inode : inodes) {
    if (const auto holder = holders_.forget(inode)) {
      descriptors_.mark_released(*holder);
    }
  }
}

/// Answers the queries whose holders are known. The others are open.
void OwnerSearch::begin_queries(std::span<const OwnerQuery> queries, Clock::time_point now) {
  std::unordered_map<std::uint64_t, Pending> pending;
  for (const auto& query : queries) {
    recheck_holder(query.key);
    scan_parents(query);
    if (!answer_query(query.key)) {
      const auto before = pending_.find(query.key);
      auto& entry = pending[query.key];
      entry = before == pending_.end() ? Pending{now, 0} : before->second;
      ++entry.times;
      open_.push_back(&query);
    }
  }
  pending_ = std::move(pending);
}

/// An answered socket is queried again when its holder may have ended: read its descriptor again.
void OwnerSearch::recheck_holder(std::uint64_t inode) {
  if (const auto holder = holders_.forget(inode)) {
    descriptors_.mark_released(*holder);
    // A worker of the holder, which is likely to hold it too, must not be found before.
    if (!descriptors_.read(*holder, on_socket_)) {
      descriptors_.read_all(holder->pid, on_socket_);
    }
  }
}

bool OwnerSearch::answer_query(std::uint64_t inode) {
  const auto holder = holders_.answer(inode);
  if (!holder) {
    return false;
  }
  descriptors_.mark_answered(*holder);
  answers_.push_back(HolderAnswer{inode, holder->pid, {}});
  pending_.erase(inode);
  return true;
}

void OwnerSearch::answer_open_queries() {
  std::erase_if(open_, [&](const OwnerQuery* query) { return answer_query(query->key); });
}

/// If a full scan that began after a query did not find the socket, no process that we may look
/// into holds it.
void OwnerSearch::answer_owner_not_found() {
  const auto why = descriptors_.was_refused() ? UnknownOwner::not_permitted : UnknownOwner::gone;
  for (const auto* const query : open_) {
    const auto pending = pending_.find(query->key);
    if (pending != pending_.end() && pending->second.since < *full_scan_began_) {
      answers_.push_back(HolderAnswer{query->key, std::nullopt, why});
    }
  }
}

void OwnerSearch::scan_likely_descriptors(const OwnerQuery& query) {
  const auto is_found = [&] { return holders_.is_unanswered(query.key); };
  for (const auto pid : holders_.with_sharers(query.likely_pids)) {
    if (!is_in_time() || is_found()) {
      return;
    }
    descriptors_.read_likely(pid, on_socket_, is_found);
  }
}

/// Another process than its owner was found to hold a listener. If it is a worker, its master,
/// which started first, holds it, too.
void OwnerSearch::scan_parents(const OwnerQuery& query) {
  constexpr int kMaxLevels = 8;
  auto holder = holders_.candidate(query.key);
  for (int level = 0; level < kMaxLevels && query.owner_pid != 0 && holder && is_in_time();
       ++level) {
    const auto parent =
        holder->pid == query.owner_pid ? 0 : process_parent(holder->pid).value_or(0);
    if (parent <= 1) {
      return;
    }
    descriptors_.read_all(parent, on_socket_);
    const auto older = holders_.candidate(query.key);
    if (older->pid == holder->pid) {
      return;
    }
    holder = older;
  }
}

void OwnerSearch::scan_likely_processes() {
  std::set<std::uint32_t> pids;
  for (const auto* const query : open_) {
    const auto likely = holders_.with_sharers(query->likely_pids);
    pids.insert(likely.begin(), likely.end());
  }
  for (const auto pid : pids) {
    if (is_in_time()) {
      descriptors_.read_all(pid, on_socket_);
    }
  }
  answer_open_queries();
}

void OwnerSearch::scan_new_processes() {
  const auto alive = all_pids();
  drop_vanished(alive);
  std::vector<std::uint32_t> news;
  for (const auto pid : alive) {
    if (!descriptors_.contains(pid)) {
      descriptors_.read_all(pid, on_socket_);
      news.push_back(pid);
    }
  }
  const bool has_found = std::any_of(open_.begin(), open_.end(), [&](const auto* query) {
    return holders_.is_unanswered(query->key);
  });
  // What they have may be inherited: their parents started first.
  std::set<std::uint32_t> parents;
  for (const auto pid : news) {
    const auto parent = has_found ? process_parent(pid) : std::nullopt;
    if (parent && parents.insert(*parent).second && is_in_time()) {
      descriptors_.read_all(*parent, on_socket_);
    }
  }
}

void OwnerSearch::scan_all_processes() {
  full_scan_began_ = Clock::now();
  descriptors_.clear_refused();
  holders_.limit_unanswered();
  const auto alive = all_pids();
  drop_vanished(alive);
  if (scan_kernel_list()) {
    return;
  }
  for (const auto pid : alive) {
    descriptors_.read_all(pid, on_socket_);
  }
}

/// @return false if the kernel gives no list, or stopped giving one
bool OwnerSearch::scan_kernel_list() {
  if (!kernel_list_) {
    return false;
  }
  const auto held = kernel_list_->list();
  if (!held) {
    kernel_list_.reset();
    return false;
  }
  for (const auto& socket : *held) {
    const Descriptor at{socket.pid, socket.descriptor};
    if (descriptors_.note(at)) {
      holders_.record_socket(socket.inode, at);
    }
  }
  return true;
}

void OwnerSearch::drop_vanished(const std::vector<std::uint32_t>& alive) {
  descriptors_.drop_vanished(alive);
  holders_.drop_vanished(alive);
}

}  // namespace netlog::source

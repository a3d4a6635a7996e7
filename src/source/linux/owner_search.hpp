// SPDX-License-Identifier: MIT
#pragma once

#include "model/process.hpp"
#include "source/linux/descriptor_table.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/linux/holder_table.hpp"
#include "source/linux/process.hpp"
#include "source/live_source.hpp"

#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <unordered_map>
#include <utility>
#include <vector>

namespace netlog::source {

/// Who holds a socket, or why no holder was found.
struct HolderAnswer {
  std::uint64_t inode = 0;
  std::optional<std::uint32_t> pid;
  UnknownOwner why = UnknownOwner::gone;  ///< meaningful without a pid
};

/// Finds the process that holds a socket. It looks where the socket is likely first: in the free
/// descriptors of the processes that a query names, then in all their descriptors, then in new
/// processes, and at last in all processes.
class OwnerSearch {
 public:
  OwnerSearch() = default;
  /// Uses `kernel_list`, if given, to look into all processes.
  explicit OwnerSearch(std::optional<HeldSockets> kernel_list)
      : kernel_list_{std::move(kernel_list)} {}
  OwnerSearch(const OwnerSearch&) = delete;
  OwnerSearch& operator=(const OwnerSearch&) = delete;
  ~OwnerSearch() = default;

  /// Answers as many queries as `budget` allows; a query without an answer may be repeated. The
  /// first call looks into every process, however long that takes.
  std::vector<HolderAnswer> find(std::span<const OwnerQuery> queries,
                                 std::chrono::nanoseconds budget);

  /// These sockets are closed: their descriptors are free.
  void forget(std::span<const std::uint64_t> inodes);

  /// The number of links read so far. Tests check that searches read few.
  [[nodiscard]] std::uint64_t links_read() const { return descriptors_.links_read(); }

 private:
  using Clock = std::chrono::steady_clock;

  struct Pending {
    Clock::time_point since;  ///< when the query was first made
    int times = 0;            ///< how often it was made
  };

  void begin_queries(std::span<const OwnerQuery> queries, Clock::time_point now);
  void recheck_holder(std::uint64_t inode);
  bool answer_query(std::uint64_t inode);
  void answer_open_queries();
  void answer_owner_not_found();
  void scan_likely_descriptors(const OwnerQuery& query);
  void scan_parents(const OwnerQuery& query);
  void scan_likely_processes();
  void scan_new_processes();
  void scan_all_processes();
  bool scan_kernel_list();
  void drop_vanished(const std::vector<std::uint32_t>& alive);
  [[nodiscard]] bool is_in_time() const { return Clock::now() < deadline_; }

  std::optional<HeldSockets> kernel_list_;
  DescriptorTable descriptors_;
  HolderTable holders_{process_start};
  DescriptorTable::OnSocket on_socket_ = [this](std::uint64_t inode, Descriptor at) {
    return holders_.record_socket(inode, at);
  };
  std::unordered_map<std::uint64_t, Pending> pending_;  ///< by inode
  std::vector<const OwnerQuery*> open_;                 ///< of this find(), not answered yet
  std::vector<HolderAnswer> answers_;                   ///< of this find()
  Clock::time_point deadline_;                          ///< of this find()
  std::optional<Clock::time_point> full_scan_began_;
};

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "model/process.hpp"
#include "os/linux/unique_fd.hpp"
#include "source/linux/held_sockets.hpp"
#include "source/live_source.hpp"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

namespace netlog::source {

/// Who holds a socket, or why nobody was found.
struct HolderAnswer {
  std::uint64_t inode = 0;
  std::optional<std::uint32_t> pid;
  UnknownOwner why = UnknownOwner::gone;
};

/// Finds the process behind a socket's inode through the links of /proc/PID/fd, as few of them as
/// it can: the kernel gives a new descriptor the lowest free number, so the ones that were freed
/// last and the next one up are tried first.
class OwnerSearch {
 public:
  OwnerSearch() = default;
  /// With the kernel's own list in the place of everybody's links, where there is one.
  explicit OwnerSearch(std::optional<HeldSockets> all) : all_{std::move(all)} {}

  /// Answers what can be answered within `budget`. The first call looks at every process, however
  /// long it takes.
  std::vector<HolderAnswer> find(std::span<const OwnerQuery> questions,
                                 std::chrono::nanoseconds budget);

  /// These sockets are gone: their descriptors are free.
  void forget(std::span<const std::uint64_t> inodes);

  /// Links read so far, for tests of the search's thrift.
  [[nodiscard]] std::uint64_t links_read() const { return links_read_; }

 private:
  using Clock = std::chrono::steady_clock;
  /// A list that stays open costs a descriptor of ours until its process is seen to have vanished.
  static constexpr std::size_t kSweepAfter = 16;

  struct Process {
    os::UniqueFd descriptors;       ///< /proc/PID/fd
    std::unordered_set<int> known;  ///< hold sockets that were asked for and still live
    std::set<int> freed;            ///< candidates for the next socket
    int highest = -1;
  };
  struct Place {
    std::uint32_t pid = 0;
    int fd = -1;
  };
  struct Asked {
    Clock::time_point since;
    int times = 0;
  };

  /// Those named by the question, and who shares a socket with them: a prefork server's workers.
  [[nodiscard]] std::vector<std::uint32_t> candidates(const OwnerQuery& question) const;
  void note_questions(std::span<const OwnerQuery> questions, Clock::time_point now);
  void recheck_held(std::uint64_t inode);
  bool answer_seen(std::uint64_t inode);
  void settle();
  void probe_likely(const OwnerQuery& question);
  void list_likely();
  void give_up_scanned();
  bool probe(std::uint32_t pid, Process& process, int fd);
  void meet(std::uint64_t inode, Place place);
  bool take_kernel_list();
  void list(std::uint32_t pid);
  bool open(std::uint32_t pid, Process& process);
  void list_new_processes();
  void list_all_processes();
  void drop_vanished(const std::vector<std::uint32_t>& alive);
  [[nodiscard]] bool in_time() const { return Clock::now() < deadline_; }

  std::optional<HeldSockets> all_;
  std::unordered_map<std::uint32_t, Process> processes_;
  std::unordered_map<std::uint64_t, Place> held_;  ///< sockets that were asked for and still live
  std::unordered_map<std::uint64_t, Place> seen_;  ///< found on the way, not asked for yet
  std::unordered_map<std::uint64_t, Asked> asked_;
  std::unordered_map<std::uint32_t, std::set<std::uint32_t>> shared_socket_pids_;  ///< by the owner
  std::vector<const OwnerQuery*> open_;  ///< of the call under way, not answered yet
  std::vector<HolderAnswer> answers_;
  Clock::time_point deadline_;
  std::optional<Clock::time_point> full_scan_began_;
  bool unreadable_ = false;  ///< the last full scan met processes that it may not look into
  std::uint64_t links_read_ = 0;
  std::size_t opened_ = 0;  ///< lists of descriptors, since the vanished processes were dropped
};

}  // namespace netlog::source

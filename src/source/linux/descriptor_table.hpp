// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <set>
#include <unordered_map>
#include <unordered_set>
#include <vector>

namespace netlog::source {

/// One descriptor of one process.
struct Descriptor {
  std::uint32_t pid = 0;
  int number = -1;
};

/// The pids of all processes, sorted. Empty when /proc cannot be read.
std::vector<std::uint32_t> all_pids();

/// Reads the links of /proc/PID/fd to find sockets. Each link costs a system call, so the table
/// remembers for each process which descriptors a new socket is likely to get: the kernel hands out
/// the lowest free number.
class DescriptorTable {
 public:
  /// Receives each socket that a link names, by inode. Returns true if the socket is new to the
  /// receiver.
  using OnSocket = std::function<bool(std::uint64_t inode, Descriptor at)>;

  /// Reads one link. @return false if the process has no such descriptor, or it cannot be read.
  bool read(Descriptor at, const OnSocket& on_socket);

  /// Reads the descriptors that the next sockets of this process get, the likeliest first, until
  /// `found` returns true.
  void read_likely(std::uint32_t pid,
                   const OnSocket& on_socket,
                   const std::function<bool()>& found);

  /// Reads all descriptors of a process except those marked as answered.
  void read_all(std::uint32_t pid, const OnSocket& on_socket);

  /// Notes a descriptor that another list names. @return false if it is marked as answered.
  bool note(Descriptor at);

  /// Marks a descriptor whose socket has been answered. read_all() skips it.
  void mark_answered(Descriptor at);
  /// Removes the mark. The number is likely to be used again.
  void mark_released(Descriptor at);

  [[nodiscard]] bool contains(std::uint32_t pid) const { return processes_.contains(pid); }
  /// Forgets the processes that are not in `alive` (sorted).
  void drop_vanished(const std::vector<std::uint32_t>& alive);
  /// True if enough /proc/PID/fd were opened since the last drop_vanished() to call it again: each
  /// costs one of our descriptors as long as the process is remembered.
  [[nodiscard]] bool is_sweep_due() const { return opened_ >= kSweepAfter; }

  /// True if a process refused to be read (EACCES) since the last clear_refused().
  [[nodiscard]] bool was_refused() const { return refused_; }
  void clear_refused() { refused_ = false; }

  /// The number of links read so far. Tests check that searches read few.
  [[nodiscard]] std::uint64_t links_read() const { return links_read_; }

 private:
  static constexpr std::size_t kSweepAfter = 16;

  struct Process {
    os::UniqueFd directory;            ///< /proc/PID/fd
    std::unordered_set<int> answered;  ///< descriptors whose sockets were answered and still live
    std::set<int> likely;              ///< candidates for the next socket
    int highest = -1;
  };

  bool open(std::uint32_t pid, Process& process);
  bool read_link(std::uint32_t pid, Process& process, int number, const OnSocket& on_socket);

  std::unordered_map<std::uint32_t, Process> processes_;
  bool refused_ = false;
  std::uint64_t links_read_ = 0;
  std::size_t opened_ = 0;  ///< /proc/PID/fd opened since the last drop_vanished()
};

}  // namespace netlog::source

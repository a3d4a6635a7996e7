// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/descriptor_table.hpp"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <unordered_map>
#include <vector>

namespace netlog::source {

/// Which process holds which socket, as far as descriptors have been read. A socket is unanswered
/// until a query asks for it, and answered from then until forget().
class HolderTable {
 public:
  /// When a process started; nothing if it has ended.
  using StartOf = std::function<std::optional<std::uint64_t>(std::uint32_t pid)>;
  explicit HolderTable(StartOf start_of) : start_of_{std::move(start_of)} {}

  /// Records that `at` leads to this socket. If several processes hold an unanswered socket, the
  /// one that started first is its holder: a server's master and not its workers.
  /// @return true if the socket was not known before
  bool record_socket(std::uint64_t inode, Descriptor at);

  /// The holder of an unanswered socket, which is answered from now on; nothing if none is known.
  std::optional<Descriptor> answer(std::uint64_t inode);
  /// Forgets an answered socket. @return its holder; nothing if it was not answered
  std::optional<Descriptor> forget(std::uint64_t inode);

  [[nodiscard]] bool is_answered(std::uint64_t inode) const { return answered_.contains(inode); }
  [[nodiscard]] bool is_unanswered(std::uint64_t inode) const {
    return unanswered_.contains(inode);
  }
  /// The holder of an unanswered socket, as far as it is known.
  [[nodiscard]] std::optional<Descriptor> candidate(std::uint64_t inode) const;

  /// These pids, then those that were seen to share a socket with one of them, each once.
  [[nodiscard]] std::vector<std::uint32_t> with_sharers(std::vector<std::uint32_t> pids) const;

  /// Forgets all unanswered sockets if there are too many to keep.
  void limit_unanswered();
  /// Forgets who shared sockets with processes that are not in `alive` (sorted).
  void drop_vanished(const std::vector<std::uint32_t>& alive);

 private:
  StartOf start_of_;
  std::unordered_map<std::uint64_t, Descriptor> answered_;
  std::unordered_map<std::uint64_t, Descriptor> unanswered_;
  std::unordered_map<std::uint32_t, std::set<std::uint32_t>> shared_socket_pids_;  ///< by holder
};

}  // namespace netlog::source

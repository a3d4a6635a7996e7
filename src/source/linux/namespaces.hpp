// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>

namespace netlog::source {

/// The calling thread's network namespace, by inode number.
std::uint64_t own_network_namespace();

/// Network namespaces by inode number, each with a process that lives in it.
using Namespaces = std::map<std::uint64_t, std::uint32_t>;

/// Finds the network namespaces that processes live in, as far as we may look: other users'
/// processes need CAP_SYS_PTRACE. Source: namespaces(7).
class NamespaceSearch {
 public:
  NamespaceSearch();

  /// Asks every process.
  Namespaces all();
  /// Asks only those that began since the last call of either.
  Namespaces newcomers();

 private:
  [[nodiscard]] std::optional<std::uint32_t> newest_pid() const;

  os::UniqueFd loadavg_;
  std::optional<std::uint32_t> newest_pid_;
};

/// Network namespaces that a mount keeps alive without a process, such as those of `ip netns`.
std::set<std::uint64_t> pinned_namespaces();

/// Runs `work` on a thread of its own that has entered the network namespace of a process; needs
/// CAP_SYS_ADMIN. What is opened there stays in it. An error when it can't be entered, or when the
/// process lives in another one than `netns` by now.
Result<void> within_namespace(std::uint64_t netns,
                              std::uint32_t pid,
                              const std::function<void()>& work);

}  // namespace netlog::source

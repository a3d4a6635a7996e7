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

/// Network namespaces by inode number, each with the pid of a process in it.
using Namespaces = std::map<std::uint64_t, std::uint32_t>;

/// Finds the network namespaces of all processes. Those of other users' processes need
/// CAP_SYS_PTRACE and are left out without it. Source: namespaces(7).
class NamespaceSearch {
 public:
  NamespaceSearch();

  /// Looks at every process.
  Namespaces all();
  /// Looks only at processes that began since the last call of all() or newcomers().
  Namespaces newcomers();

 private:
  [[nodiscard]] std::optional<std::uint32_t> newest_pid() const;

  os::UniqueFd loadavg_;
  std::optional<std::uint32_t> newest_pid_;
};

/// The network namespaces that a mount keeps alive without a process, such as those of `ip netns`.
std::set<std::uint64_t> pinned_namespaces();

/// Runs `work` on a new thread that has entered the network namespace `netns` through a process in
/// it. Sockets and files that it opens belong to that namespace. Needs CAP_SYS_ADMIN. Errors: the
/// namespace cannot be entered, or the process has left it.
Result<void> within_namespace(std::uint64_t netns,
                              std::uint32_t pid,
                              const std::function<void()>& work);

}  // namespace netlog::source

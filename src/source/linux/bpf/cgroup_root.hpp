// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

namespace netlog::source {

/// The root of the cgroup2 hierarchy, where it is mounted. Programs that are attached to a part of
/// it would see only the processes in there: in a cgroup namespace a mount of such a part looks
/// like one of the root.
/// Errors: ENOENT where it is not mounted.
Result<os::UniqueFd> open_cgroup_root();

}  // namespace netlog::source

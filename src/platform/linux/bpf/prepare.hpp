// SPDX-License-Identifier: MIT
#pragma once

#include "base/error.hpp"

namespace netlog::platform {

/// Whether programs of ours can say what we want to know: the kernel has to carry its type
/// information, and its pids, which are those of the first pid namespace, have to be ours. From
/// then on libbpf keeps its own words for itself; our errors say it in one line.
Result<void> prepare_bpf();

}  // namespace netlog::platform

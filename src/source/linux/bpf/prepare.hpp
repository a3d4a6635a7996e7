// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

namespace netlog::source {

/// Whether programs of ours can say what we want to know: the kernel has to carry its type
/// information, and its pids, which are those of the first pid namespace, have to be ours. From
/// then on libbpf keeps its own words for itself; our errors say it in one line.
Result<void> prepare_bpf();

}  // namespace netlog::source

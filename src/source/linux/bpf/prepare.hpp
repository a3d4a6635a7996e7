// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

namespace netlog::source {

/// Checks that BPF programs can work here: the kernel has type information (BTF), and we run in the
/// first pid namespace, whose pids the programs report. Also turns off libbpf's own messages.
/// Errors: the system's reason.
Result<void> prepare_bpf();

}  // namespace netlog::source

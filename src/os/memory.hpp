// SPDX-License-Identifier: MIT
#pragma once

namespace netlog::os {

/// Returns memory that this process has freed to the system, as far as its allocator keeps it. It
/// takes some milliseconds. Defined in linux/ and in windows/, whose heap does this by itself.
void return_free_memory();

}  // namespace netlog::os

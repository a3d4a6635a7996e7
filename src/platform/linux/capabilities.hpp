// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace netlog::platform {

/// The effective capabilities of the calling thread, one bit each (linux/capability.h); none where
/// they can't be read.
std::uint64_t capabilities();

/// Gives up capabilities for good, as far as the calling thread has them.
void drop_capabilities(std::uint64_t which);

}  // namespace netlog::platform

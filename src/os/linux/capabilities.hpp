// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>

namespace netlog::os {

/// The effective capabilities of the calling thread, one bit each (linux/capability.h); 0 if they
/// cannot be read.
std::uint64_t capabilities();

/// Makes those of `which` effective that the calling thread is permitted, and no others. It stays
/// permitted to have them.
void set_effective_capabilities(std::uint64_t which);

/// Drops all capabilities of the calling thread except `which`, and its inheritable set. Errors:
/// the system's reason.
Result<void> keep_capabilities(std::uint64_t which);

/// Drops the capabilities `which` of the calling thread for good, if it has them.
void drop_capabilities(std::uint64_t which);

}  // namespace netlog::os

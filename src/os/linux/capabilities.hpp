// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>

namespace netlog::os {

/// The effective capabilities of the calling thread, one bit each (linux/capability.h); none where
/// they can't be read.
std::uint64_t capabilities();

/// Gives up all but these, as far as the calling thread has them, and what a program that it
/// executes would inherit. Errors: the system's reason.
Result<void> keep_capabilities(std::uint64_t which);

/// Gives up capabilities for good, as far as the calling thread has them.
void drop_capabilities(std::uint64_t which);

}  // namespace netlog::os

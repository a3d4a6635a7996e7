// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

namespace bench {

/// How many times this thread has called `new` since it began.
std::int64_t allocations();

}  // namespace bench

// SPDX-License-Identifier: MIT
#include "os/memory.hpp"

namespace netlog::os {

void return_free_memory() {}

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#include "os/memory.hpp"

#include <malloc.h>

namespace netlog::os {

void return_free_memory() {
  ::malloc_trim(0);
}

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#include "os/listening.hpp"

namespace netlog::os {

bool may_reuse_address() {
  return false;
}

}  // namespace netlog::os

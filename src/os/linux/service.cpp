// SPDX-License-Identifier: MIT
#include "os/service.hpp"

namespace netlog::os {

std::unique_ptr<ServiceManager> service_manager() {
  return nullptr;
}

}  // namespace netlog::os

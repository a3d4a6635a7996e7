// SPDX-License-Identifier: MIT
#include "platform/service.hpp"

namespace netlog::platform {

std::unique_ptr<ServiceManager> service_manager() {
  return nullptr;
}

}  // namespace netlog::platform

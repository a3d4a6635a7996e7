// SPDX-License-Identifier: MIT
#include "os/privileges.hpp"

namespace netlog::os {

// An administrator's privileges are disabled until a program asks for one, and this one never does.
Result<void> drop_rights(const LastingRights& /*lasting*/) {
  return {};
}

std::vector<std::string> retained_capabilities(const LastingRights& /*lasting*/) {
  return {};
}

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#include "platform/rights.hpp"

namespace netlog::platform {

// An administrator's privileges are disabled until a program asks for one, and this one never does.
Result<void> drop_rights(const LastingRights& /*lasting*/) {
  return {};
}

std::vector<std::string> lasting_rights(const LastingRights& /*lasting*/) {
  return {};
}

}  // namespace netlog::platform

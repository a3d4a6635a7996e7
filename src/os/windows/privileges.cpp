// SPDX-License-Identifier: MIT
#include "os/privileges.hpp"

namespace netlog::os {

// The privileges of an administrator are disabled until a program enables them.
Result<void> drop_rights(const RetainedRights& /*retained*/) {
  return {};
}

std::vector<std::string> retained_capabilities(const RetainedRights& /*retained*/) {
  return {};
}

void lower_rights() {}

RaisedRights::RaisedRights() {
  static_cast<void>(before_);
}

RaisedRights::~RaisedRights() = default;

Result<void> restrict_system_calls() {
  return {};
}

}  // namespace netlog::os

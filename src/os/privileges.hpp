// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace netlog::os {

/// What a recorder keeps once its sources and its file are open.
struct LastingRights {
  std::filesystem::path recording;
  bool lets_read = false;  ///< the recording is given to a group
};

/// Gives up for good all rights of this process but those that a recorder goes on needing. To be
/// called while there is one thread: those that it starts have no more. On Linux all other
/// capabilities, the bounding and the ambient set, and whatever a program that is executed could
/// gain (no_new_privs); on Windows there is nothing to give up. Errors: the system's reason.
/// Source: capabilities(7), prctl(2). Defined once in linux/ or windows/.
Result<void> drop_rights(const LastingRights& lasting);

/// The names of what drop_rights() would keep of what this process has, without their `cap_`.
std::vector<std::string> retained_capabilities(const LastingRights& lasting);

}  // namespace netlog::os

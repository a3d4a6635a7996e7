// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
#include <string>
#include <vector>

namespace netlog::os {

/// What a recorder needs privileges for after its sources and its file are open.
struct RetainedRights {
  std::filesystem::path recording;  ///< the file that it writes
  bool group_read = false;          ///< a group may read the recording
};

/// Drops all privileges of this process for good, except those that a recorder needs while it
/// records. Call it before other threads start: they inherit what is left. On Linux it drops
/// capabilities, empties the bounding and the ambient set and sets no_new_privs. On Windows it does
/// nothing. Errors: the system's reason. Source: capabilities(7), prctl(2). Defined in linux/ and
/// in windows/.
Result<void> drop_rights(const RetainedRights& retained);

/// The capabilities of this process that drop_rights() would keep, by name without `cap_`.
std::vector<std::string> retained_capabilities(const RetainedRights& retained);

}  // namespace netlog::os

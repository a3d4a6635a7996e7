// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace netlog::os {

/// What a recorder needs privileges for after its sources and its file are open.
struct RetainedRights {
  bool group_read = false;  ///< a group may read the recording
};

/// Drops all privileges of this process for good, except those that a recorder needs while it
/// records. Call it before other threads start: they inherit what is left. On Linux it drops
/// capabilities, empties the bounding and the ambient set and sets no_new_privs. On Windows it
/// removes all privileges but SeDebugPrivilege and SeChangeNotifyPrivilege. Errors: the system's
/// reason. Source: capabilities(7), prctl(2). Defined in linux/ and in windows/.
Result<void> drop_rights(const RetainedRights& retained);

/// Puts the capabilities of a user other than root aside: the binary or a service manager has lent
/// them for reading other processes and the kernel, not for opening files that a caller names. To
/// be called before other threads start. On Windows it does nothing.
void lower_rights();

/// While it lives, the calling thread, and those that it starts, have the capabilities that
/// lower_rights() has put aside.
class RaisedRights {
 public:
  RaisedRights();
  RaisedRights(const RaisedRights&) = delete;
  RaisedRights& operator=(const RaisedRights&) = delete;
  ~RaisedRights();

 private:
  std::uint64_t before_ = 0;
};

/// What a recorder needs system calls for besides recording.
struct AllowedCalls {
  bool accept = false;  ///< to accept connections at sockets that listen already
};

/// Forbids this process for good, with all threads that it starts later, the system calls that a
/// recorder does not need: to start programs, to look into the memory of others, to make Internet
/// sockets, to mount, to load modules, to change users. They fail with EPERM. On Linux by seccomp;
/// on Windows, and in a build with sanitizers, it does nothing. Errors: the system's reason (a
/// kernel without seccomp).
Result<void> restrict_system_calls(const AllowedCalls& allowed);

/// The capabilities of this process that drop_rights() would keep, by name without `cap_`.
std::vector<std::string> retained_capabilities(const RetainedRights& retained);

}  // namespace netlog::os

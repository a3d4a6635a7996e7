// SPDX-License-Identifier: MIT
#include "source/live_source.hpp"

#include "source/ip_helper/source.hpp"
#include "source/windows/calls.hpp"
#include "source/windows/processes.hpp"

namespace netlog::source {

bool can_hash_executables() {
  return false;
}

Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options) {
  enable_debug_privilege();  // without it other users' processes have only a name
  return ip_helper::make_source(make_windows_calls(), options.choice);
}

}  // namespace netlog::source

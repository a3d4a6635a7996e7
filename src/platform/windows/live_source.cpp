// SPDX-License-Identifier: MIT
#include "platform/live_source.hpp"

#include "platform/ip_helper/source.hpp"
#include "platform/windows/calls.hpp"
#include "platform/windows/processes.hpp"

namespace netlog::platform {

Result<std::unique_ptr<LiveSource>> make_live_source(const SourceOptions& options) {
  enable_debug_privilege();  // without it other users' processes have a name and no more
  return ip_helper::make_source(make_windows_calls(), options.choice);
}

}  // namespace netlog::platform

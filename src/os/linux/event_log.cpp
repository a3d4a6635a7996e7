// SPDX-License-Identifier: MIT
#include "os/event_log.hpp"

namespace netlog::os {

void log_event(LogEvent /*event*/, const std::string& /*text*/) {}

}  // namespace netlog::os

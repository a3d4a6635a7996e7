// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <string>
#include <string_view>

namespace netlog::os {

/// The text as the viewer may show it, which takes `%1` for another text: it becomes `% 1`. Source:
/// learn.microsoft.com, ReportEvent.
std::string event_text(std::string_view text);

/// From now on log_event() writes.
void begin_event_log();

/// Registers the source `netlog` of events, so that the viewer shows their text. Errors: the
/// system's reason (not an administrator).
Result<void> register_event_source();
/// The opposite. No error if it is not registered.
Result<void> remove_event_source();

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

namespace netlog::os {

/// From now on log_event() writes.
void begin_event_log();

/// Registers the source `netlog` of events, so that the viewer shows their text. Errors: the
/// system's reason (not an administrator).
Result<void> register_event_source();
/// The opposite. No error if it is not registered.
Result<void> remove_event_source();

}  // namespace netlog::os

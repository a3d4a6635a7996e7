// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace netlog::os {

/// Requests a stop, as the console does. Called for requests of the service manager. If there is no
/// watcher yet, the next one stops at once.
void request_stop();

/// Calls `on_start` whenever a watcher starts: by then the recorder has opened its sources.
void on_watching(std::function<void()> on_start);

/// What the system calls for an event of the console, CTRL_C_EVENT and its kin. Of a close and a
/// shutdown it returns when the watcher is gone: then the recording is closed.
/// @return whether the process goes on
bool handle_console_event(unsigned long event);

}  // namespace netlog::os

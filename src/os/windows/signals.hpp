// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace netlog::os {

/// Requests a stop, as the console does. Called for requests of the service manager. If there is no
/// watcher yet, the next one stops at once.
void request_stop();

/// Calls `on_start` whenever a watcher starts: by then the recorder has opened its sources.
void on_watching(std::function<void()> on_start);

}  // namespace netlog::os

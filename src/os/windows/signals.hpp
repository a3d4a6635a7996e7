// SPDX-License-Identifier: MIT
#pragma once

#include <functional>

namespace netlog::os {

/// As if the console had asked: for the service manager's requests. Where nobody watches yet, the
/// next watcher is told.
void request_stop();

/// Calls `told` whenever somebody begins to watch: what is to be recorded is open by then.
void on_watching(std::function<void()> told);

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

namespace netlog::platform {

/// As if the console had asked: for the service manager's requests.
void request_stop();

}  // namespace netlog::platform

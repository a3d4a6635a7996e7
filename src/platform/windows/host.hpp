// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace netlog::platform {

/// `10.0.19045`: major, minor, build.
std::string windows_version();

}  // namespace netlog::platform

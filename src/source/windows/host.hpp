// SPDX-License-Identifier: MIT
#pragma once

#include <string>

namespace netlog::source {

/// `10.0.19045`: major, minor, build.
std::string windows_version();

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <memory>

namespace netlog::source {

/// The calls of this Windows.
std::unique_ptr<ip_helper::Api> make_windows_calls();

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#pragma once

#include "source/ip_helper/api.hpp"

#include <string>

namespace netlog::source::ip_helper {

/// What the documentation of the tables leaves open and a running Windows answers: which states,
/// codes and timestamps there are, and how long a read takes. Lines of text with numbers; it has no
/// addresses, ports, pids or names. Reads each table some times; changes nothing.
std::string witness(Api& api);

}  // namespace netlog::source::ip_helper

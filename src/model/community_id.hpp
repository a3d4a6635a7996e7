// SPDX-License-Identifier: MIT
#pragma once

#include "model/address.hpp"
#include "model/connection.hpp"

#include <string>

namespace netlog {

/// The Community ID, version 1, with the seed 0: `1:LQU9qZlK+B5F3KDmev6m5PMibrg=`. The same for
/// both directions, and for an IPv4 connection of a dual-stack socket that of its packets. A scope
/// is not part of it. Both ends must be of one family. Source:
/// github.com/corelight/community-id-spec.
std::string community_id(Protocol protocol, const Endpoint& one, const Endpoint& other);

}  // namespace netlog

// SPDX-License-Identifier: MIT
#pragma once

namespace netlog::os {

/// True if SO_REUSEADDR allows to listen at a port whose connections are in TIME_WAIT, and no more
/// than that (Linux). On Windows it would let another program listen at the same port, and is not
/// needed. Source: socket(7), learn.microsoft.com "Using SO_REUSEADDR and SO_EXCLUSIVEADDRUSE".
bool may_reuse_address();

}  // namespace netlog::os

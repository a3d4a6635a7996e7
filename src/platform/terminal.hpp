// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>

namespace netlog::platform {

enum class StandardStream { output, error };

bool is_terminal(StandardStream stream);

/// Columns of the terminal behind standard output; 0 when it is none.
std::size_t terminal_width();

/// From now on, writing to a pipe that nobody reads fails instead of ending the process.
void ignore_broken_pipes();

}  // namespace netlog::platform

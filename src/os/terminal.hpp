// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace netlog::os {

enum class StandardStream { output, error };

/// Whether it is a terminal, and one that understands ANSI escape sequences.
bool is_terminal(StandardStream stream);

/// Columns of the terminal behind standard output; 0 when it is none.
std::size_t terminal_width();

/// Whether the user's locale writes UTF-8.
bool locale_is_utf8();

/// From now on the standard streams carry UTF-8 as it is written, and writing to a pipe that nobody
/// reads fails instead of ending the process.
void set_up_standard_streams();

/// The words of the command line as UTF-8, without the program's name.
std::vector<std::string> command_line(int argc, char** argv);

}  // namespace netlog::os

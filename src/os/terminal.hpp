// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <string>
#include <vector>

namespace netlog::os {

enum class StandardStream { output, error };

/// True if the stream is a terminal that understands ANSI escape sequences.
bool is_terminal(StandardStream stream);

/// The columns of the terminal behind standard output; 0 if it is not a terminal.
std::size_t terminal_width();

/// True if the user's locale uses UTF-8.
bool locale_is_utf8();

/// Sets up the standard streams: UTF-8 is written unchanged, and a write to a closed pipe fails and
/// does not end the process.
void set_up_standard_streams();

/// The arguments of the command line as UTF-8, without the program's name.
std::vector<std::string> command_line(int argc, char** argv);

}  // namespace netlog::os

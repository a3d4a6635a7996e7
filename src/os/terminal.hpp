// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::os {

enum class StandardStream { output, error };

bool is_terminal(StandardStream stream);

/// True if the stream is a terminal that understands ANSI escape sequences: on Linux $TERM names
/// one, and it is not `dumb`.
bool understands_escapes(StandardStream stream);

/// True if nobody can read standard output any more: the other end of its pipe is closed. Says so
/// before anything is written.
bool output_is_closed();

/// The columns of the terminal behind the stream; 0 if it is not a terminal or does not say.
std::size_t terminal_width(StandardStream stream);

/// The same for its rows.
std::size_t terminal_height(StandardStream stream);

/// True if the user's locale uses UTF-8.
bool locale_is_utf8();

/// Sets up the standard streams: UTF-8 is written unchanged. A write to a closed pipe, or beyond
/// the limit of a file's size, fails and does not end the process. A stream that was closed at the
/// start is not given to the next file that is opened; to write to it is an error.
void set_up_standard_streams();

/// Writes all bytes to standard output. Errors: the system's reason; broken_pipe if its reader has
/// closed it.
Result<void> write_output(std::string_view bytes);

/// Writes to standard error as far as that goes. Holds no lock of its stream meanwhile: where the
/// write blocks, the process can still end.
void write_error(std::string_view bytes);

/// Reports what the system has only kept for later, such as a network's or a full disk's error.
/// Errors: the system's reason.
Result<void> finish_output();

/// The arguments of the command line as UTF-8, without the program's name.
std::vector<std::string> command_line(int argc, char** argv);

}  // namespace netlog::os

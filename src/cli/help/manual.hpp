// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// The manual page of the program in man(7): its commands, reports and topics.
std::string program_manual(const CLI::App& app);

/// The manual page of one command, netlog-COMMAND(1): its options; of `report` every report, too.
std::string command_manual(const CLI::App& command);

/// Text as roff shows it, whatever is in it: no request, no escape, `-` as typed; what is not ASCII
/// as a named character.
std::string roff_escape(std::string_view text);

}  // namespace netlog::cli

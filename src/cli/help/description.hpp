// SPDX-License-Identifier: MIT
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// The parts of help, manual pages and completions: the tree of commands as CLI11 holds it, and the
/// topics. Reports are described by their own files.

/// The commands that are not hidden, in the order in which they were added.
std::vector<const CLI::App*> commands_of(const CLI::App& app);
/// The one of that name, null when there is none.
const CLI::App* command_named(const CLI::App& app, std::string_view name);

/// Options with a name, without those that are hidden; in the order in which they were added.
std::vector<const CLI::Option*> options_of(const CLI::App& command);
/// The arguments without a name, in their order.
std::vector<const CLI::Option*> arguments_of(const CLI::App& command);

/// The kind of the option's value, such as `FILE` or `STATE`; empty for a flag. The kind of an
/// argument without a type is its name.
std::string kind_of(const CLI::Option& option);

/// One file of docs/topics.
struct Topic {
  std::string name;
  std::string title;  ///< one line
  std::string text;   ///< paragraphs; lines indented by four blanks stand as they are
};
/// All of them, by name.
std::vector<Topic> topics();

}  // namespace netlog::cli

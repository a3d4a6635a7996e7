// SPDX-License-Identifier: MIT
#include "cli/help/description.hpp"

#include "cli/topic_files.hpp"
#include "util/text.hpp"

#include <algorithm>

namespace netlog::cli {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

const CLI::App* command_named(const CLI::App& app, std::string_view name) {
  const auto commands = commands_of(app);
  const auto found = std::find_if(commands.begin(), commands.end(), [&](const auto* command) {
    return command->get_name() == name;
  });
  return found == commands.end() ? nullptr : *found;
}

std::vector<const CLI::Option*> options_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) {
    return option->nonpositional() && !option->get_group().empty();
  });
}

std::vector<const CLI::Option*> arguments_of(const CLI::App& command) {
  return command.get_options([](const CLI::Option* option) { return option->get_positional(); });
}

std::string kind_of(const CLI::Option& option) {
  if (option.get_items_expected_max() == 0) {
    return {};
  }
  const auto type = option.get_type_name();
  return type.empty() ? option.get_name(true) : type;
}

std::vector<Topic> topics() {
  constexpr std::string_view kHeading = ": ";
  std::vector<Topic> topics;
  for (const auto& [name, file] : kTopicFiles) {
    const auto line = file.find('\n');
    const auto title = file.substr(0, line);
    topics.push_back(
        Topic{std::string{name},
              std::string{title.substr(title.find(kHeading) + kHeading.size())},
              std::string{file.substr(std::min(file.find_first_not_of('\n', line), file.size()))}});
  }
  return topics;
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/watched_report.hpp"

#include <memory>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_diff(CLI::App& app) {
  auto* const command = app.add_subcommand("diff", "What changed between two windows");
  const auto options = std::make_shared<ReportOptions>();
  options->name = "diff";
  command->add_option("BEFORE", options->query.before, "Such as 13:55..14:00")
      ->type_name("")
      ->required();
  command->add_option("AFTER", options->query.since, "Such as 14:00..14:05")
      ->type_name("")
      ->required();
  add_report_options(*command, *options);
  for (const auto* const window : {"--since", "--until", "--at"}) {
    command->remove_option(command->get_option(window));
  }
  command->callback([options] { show_report(*options); });
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/watched_report.hpp"

#include <memory>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_at(CLI::App& app) {
  auto* const command = app.add_subcommand("at", "What was open at an instant");
  const auto options = std::make_shared<ReportOptions>();
  options->name = "at";
  command->add_option("TIME", options->query.at, "Such as 14:03:07, 2026-11-21T14:03:07Z or -10m")
      ->type_name("")
      ->required();
  add_report_options(*command, *options);
  command->remove_option(command->get_option("--at"));
  command->callback([options] { show_report(*options); });
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/watched_report.hpp"

#include <memory>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_report(CLI::App& app) {
  auto* const command = app.add_subcommand("report", "Answer a question from a recording");
  const auto options = std::make_shared<ReportOptions>();
  command->add_option("REPORT", options->name, "Which report; --list names them")
      ->type_name("")
      ->capture_default_str();
  command->add_flag("--list", options->list, "Name all reports");
  command->add_flag("--sql", options->sql, "Print the query instead of its answer");
  add_report_options(*command, *options);
  command->callback([options] { show_report(*options); });
}

}  // namespace netlog::cli

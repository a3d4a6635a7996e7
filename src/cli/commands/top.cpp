// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/watched_report.hpp"

#include <memory>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_top(CLI::App& app) {
  auto* const command =
      app.add_subcommand("top", "Who opens and ends how many connections a second, live");
  const auto options = std::make_shared<ReportOptions>();
  options->name = "rates";
  options->watch = "2s";
  add_report_options(*command, *options);
  command->get_option("--since")->description("Rates of the time since then; by default -10s");
  command->remove_option(command->get_option("--output"));
  command->callback([options] {
    const auto& query = options->query;
    if (query.since.empty() && query.until.empty() && query.at.empty()) {
      options->query.since = "-10s";
    }
    show_report(*options);
  });
}

}  // namespace netlog::cli

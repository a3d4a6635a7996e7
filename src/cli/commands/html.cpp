// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/page_file.hpp"
#include "cli/options/output.hpp"
#include "report/definition.hpp"

#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_html(CLI::App& app) {
  struct Options {
    PageOptions page;
    std::string limit;
    std::vector<std::string> reports;
  };
  auto* const command =
      app.add_subcommand("html", "Show a window as one page for any browser, with charts");
  const auto options = std::make_shared<Options>();
  command->add_option("-o,--output", options->page.out, "New file to make")
      ->type_name("FILE")
      ->required();
  command
      ->add_option("--limit",
                   options->limit,
                   "At most so many connections, the worst ones; by default as many as fit 10 MB")
      ->type_name("ROWS");
  command
      ->add_option("--reports",
                   options->reports,
                   "Names of reports with commas, or all; by default all where they take no longer "
                   "than the rest")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("REPORT");
  add_database_options(*command, options->page.query);
  add_filter_options(*command, options->page.query);
  for (const auto* const other : {"--at", "--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] {
    options->page.max_connections = parse_limit(options->limit);
    if (!options->reports.empty()) {
      for (const auto& name : options->reports) {
        if (name != kAllReports) {
          report::check_report_name(name);
        }
      }
      options->page.reports = options->reports;
    }
    write_page(options->page);
  });
}

}  // namespace netlog::cli

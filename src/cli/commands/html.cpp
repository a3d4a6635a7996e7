// SPDX-License-Identifier: MIT
#include "cli/commands/commands.hpp"
#include "cli/commands/page_file.hpp"
#include "cli/options/output.hpp"

#include <memory>
#include <string>

#include <CLI/CLI.hpp>

namespace netlog::cli {

void add_html(CLI::App& app) {
  struct Options {
    PageOptions page;
    std::string limit;
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
  add_database_options(*command, options->page.query);
  add_filter_options(*command, options->page.query);
  for (const auto* const other : {"--at", "--format", "--utc", "--ascii"}) {
    command->remove_option(command->get_option(other));
  }
  command->callback([options] {
    options->page.max_connections = parse_limit(options->limit);
    write_page(options->page);
  });
}

}  // namespace netlog::cli

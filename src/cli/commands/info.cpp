// SPDX-License-Identifier: MIT
#include "report/info.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"
#include "store/read/reader.hpp"

#include <iostream>
#include <memory>

#include <CLI/CLI.hpp>

namespace netlog::cli {
namespace {

void print_info(const QueryOptions& options) {
  const auto format = parse_format(options.format);
  const auto path = database_path(options);
  QueryProgress progress;
  store::Reader reader{path};
  progress.watch(reader);
  const auto answer = report::info(reader, path);
  progress.clear();
  print(std::cout, answer, format, text_style(options));
}

}  // namespace

void add_info(CLI::App& app) {
  auto* const command = app.add_subcommand("info", "What is in a recording");
  const auto options = std::make_shared<QueryOptions>();
  add_database_options(*command, *options);
  command->callback([options] { print_info(*options); });
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "report/join.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"
#include "util/text.hpp"

#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

namespace netlog::cli {
namespace {

struct JoinOptions {
  QueryOptions query;
  std::string limit;
  std::string a;
  std::string b;
};

void run_join(const JoinOptions& options) {
  constexpr std::int64_t kMaxTextRows = 20;
  const auto format = parse_format(options.query.format);
  const auto asked_for = parse_limit(options.limit);
  const auto limit = asked_for                ? *asked_for
                     : format == Format::text ? kMaxTextRows
                                              : std::numeric_limits<std::int64_t>::max();
  QueryProgress progress;
  store::Reader a{path_from_utf8(options.a)};
  store::Reader b{path_from_utf8(options.b)};
  progress.watch(a);
  progress.watch(b);
  const auto answer = report::join(a, b, limit);
  progress.clear();
  print(std::cout, answer, format, text_style(options.query));
}

}  // namespace

void add_join(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "join", "Match the connections in the recordings of two hosts; show what one end missed");
  const auto options = std::make_shared<JoinOptions>();
  command->add_option("A", options->a, "Recording of one host")->type_name("FILE")->required();
  command->add_option("B", options->b, "Recording of the other host")
      ->type_name("FILE")
      ->required();
  command
      ->add_option(
          "--limit", options->limit, "At most so many rows in long tables; 20 are shown as text")
      ->type_name("ROWS");
  add_database_options(*command, options->query);
  add_names_option(*command, options->query);
  command->remove_option(command->get_option("--db"));
  command->callback([options] { run_join(*options); });
}

}  // namespace netlog::cli

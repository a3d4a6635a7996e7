// SPDX-License-Identifier: MIT
#include "report/join.hpp"

#include "cli/commands.hpp"
#include "cli/patience.hpp"
#include "cli/question.hpp"
#include "util/text.hpp"

#include <cstdint>
#include <limits>
#include <memory>
#include <string>

#include <CLI/CLI.hpp>

namespace netlog::cli {
namespace {

struct JoinOptions {
  Question question;
  std::string a;
  std::string b;
};

void run_join(const JoinOptions& options) {
  constexpr std::int64_t kRowsForPeople = 20;
  const auto format = parse_format(options.question.format);
  Patience patience;
  store::Reader a{path_from_utf8(options.a)};
  store::Reader b{path_from_utf8(options.b)};
  patience.watch(a);
  patience.watch(b);
  const auto answer = report::join(
      a, b, format == Format::text ? kRowsForPeople : std::numeric_limits<std::int64_t>::max());
  patience.clear();
  print(answer, format, text_style(options.question));
}

}  // namespace

void add_join(CLI::App& app) {
  auto* const command = app.add_subcommand(
      "join",
      "Two recordings of two hosts: both ends of their connections, and what one end missed");
  const auto options = std::make_shared<JoinOptions>();
  command->add_option("A", options->a, "Recording of one host")->type_name("FILE")->required();
  command->add_option("B", options->b, "Recording of the other host")
      ->type_name("FILE")
      ->required();
  add_database_options(*command, options->question);
  add_names_option(*command, options->question);
  command->remove_option(command->get_option("--db"));
  command->callback([options] { run_join(*options); });
}

}  // namespace netlog::cli

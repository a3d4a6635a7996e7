// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/query_progress.hpp"
#include "cli/options/query_options.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <cstdint>
#include <iostream>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>

namespace netlog::cli {
namespace {

struct ReportOptions {
  QueryOptions question;
  std::string name = "overview";
  std::string limit;
  bool list = false;
  bool sql = false;
};

std::int64_t parse_limit(const std::string& text) {
  if (text.empty()) {
    return -1;
  }
  const auto limit = parse_number<std::int64_t>(text);
  if (!limit || *limit < 1) {
    throw UsageError{fmt::format("--limit {} is not a number of rows above 0", quote(text))};
  }
  return *limit;
}

void list_reports() {
  for (const auto& report : report::list_reports()) {
    std::cout << fmt::format("{:<12} {}\n", report.name, report.about);
  }
}

void run_report(const ReportOptions& options) {
  if (options.list) {
    return list_reports();
  }
  report::check_report_name(options.name);
  if (options.name == "process" && options.question.pids.empty()) {
    throw UsageError{"process tells the story of one: name it with --pid"};
  }
  if (options.name == "diff" && options.question.before.empty()) {
    throw UsageError{"diff compares two windows: netlog diff 13:55..14:00 14:00..14:05"};
  }
  const auto format = parse_format(options.question.format);
  auto limit = parse_limit(options.limit);
  if (limit < 0 && format != Format::text) {
    limit = std::numeric_limits<std::int64_t>::max();  // a program wants all rows
  }
  auto question = options.question;
  if (options.name == "who" && question.local_port.empty()) {
    question.local_port = std::exchange(question.port, {});  // a port is held on our side
  }
  const ParsedFilter filter{question};
  QueryProgress progress;
  store::Reader reader{database_path(options.question)};
  progress.watch(reader);
  const auto asked = filter.resolve(reader);
  if (options.sql) {
    std::cout << report::sql_of(options.name, asked, limit, report::basis_for(reader, asked));
    return;
  }
  const auto answer = report::ask(reader, options.name, asked, limit);
  progress.clear();
  print(answer, format, text_style(options.question));
}

void add_limit_option(CLI::App& command, ReportOptions& options) {
  command
      .add_option("--limit",
                  options.limit,
                  "At most so many rows in long tables; ranked ones show 20 as text")
      ->type_name("ROWS");
}

}  // namespace

void add_report(CLI::App& app) {
  auto* const command = app.add_subcommand("report", "Answer a question from a recording");
  const auto options = std::make_shared<ReportOptions>();
  command->add_option("REPORT", options->name, "Which report; --list names them")
      ->type_name("")
      ->capture_default_str();
  command->add_flag("--list", options->list, "Name all reports");
  command->add_flag("--sql", options->sql, "Print the query instead of its answer");
  add_limit_option(*command, *options);
  add_database_options(*command, options->question);
  add_names_option(*command, options->question);
  add_filter_options(*command, options->question);
  command->callback([options] { run_report(*options); });
}

void add_at(CLI::App& app) {
  auto* const command = app.add_subcommand("at", "What was open at an instant");
  const auto options = std::make_shared<ReportOptions>();
  options->name = "connections";
  command
      ->add_option("TIME", options->question.at, "Such as 14:03:07, 2026-11-21T14:03:07Z or -10m")
      ->type_name("")
      ->required();
  add_limit_option(*command, *options);
  add_database_options(*command, options->question);
  add_names_option(*command, options->question);
  add_filter_options(*command, options->question);
  command->remove_option(command->get_option("--at"));
  command->callback([options] { run_report(*options); });
}

void add_diff(CLI::App& app) {
  auto* const command = app.add_subcommand("diff", "What changed between two windows");
  const auto options = std::make_shared<ReportOptions>();
  options->name = "diff";
  command->add_option("BEFORE", options->question.before, "Such as 13:55..14:00")
      ->type_name("")
      ->required();
  command->add_option("AFTER", options->question.since, "Such as 14:00..14:05")
      ->type_name("")
      ->required();
  add_limit_option(*command, *options);
  add_database_options(*command, options->question);
  add_names_option(*command, options->question);
  add_filter_options(*command, options->question);
  for (const auto* const window : {"--since", "--until", "--at"}) {
    command->remove_option(command->get_option(window));
  }
  command->callback([options] { run_report(*options); });
}

}  // namespace netlog::cli

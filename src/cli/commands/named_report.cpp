// SPDX-License-Identifier: MIT
#include "cli/commands/named_report.hpp"

#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "report/definition.hpp"
#include "report/report.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <cstdint>
#include <iostream>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

/// Without a limit: -1 for text, for which a report has a limit of its own; all rows for a program.
std::int64_t parse_limit(const std::string& text, Format format) {
  if (text.empty()) {
    return format == Format::text ? -1 : std::numeric_limits<std::int64_t>::max();
  }
  const auto limit = parse_number<std::int64_t>(text);
  if (!limit || *limit < 1) {
    throw UsageError{fmt::format("--limit {} is not a number of rows above 0", quote(text))};
  }
  return *limit;
}

void print_report_list() {
  for (const auto& report : report::list_reports()) {
    std::cout << fmt::format("{:<12} {}\n", report.name, report.about);
  }
}

void check_required_options(const ReportOptions& options) {
  report::check_report_name(options.name);
  if (options.name == "process" && options.query.pids.empty()) {
    throw UsageError{"process reports on one process; name it with --pid"};
  }
  if (options.name == "diff" && options.query.before.empty()) {
    throw UsageError{"diff compares two windows: netlog diff 13:55..14:00 14:00..14:05"};
  }
}

}  // namespace

void add_report_options(CLI::App& command, ReportOptions& options) {
  command
      .add_option("--limit",
                  options.limit,
                  "At most so many rows in long tables; ranked ones show 20 as text")
      ->type_name("ROWS");
  add_database_options(command, options.query);
  add_names_option(command, options.query);
  add_filter_options(command, options.query);
}

void print_report(const ReportOptions& options) {
  if (options.list) {
    return print_report_list();
  }
  check_required_options(options);
  const auto format = parse_format(options.query.format);
  const auto limit = parse_limit(options.limit, format);
  auto query = options.query;
  if (options.name == "who" && query.local_port.empty()) {
    query.local_port = std::exchange(query.port, {});  // a process holds the local port
  }
  const auto parsed = parse_filter(query);
  QueryProgress progress;
  store::Reader reader{database_path(query)};
  progress.watch(reader);
  const auto filter = resolve(parsed, reader);
  if (options.sql) {
    const auto granularity = report::choose_granularity(reader, filter);
    std::cout << report::report_sql(options.name, filter, limit, granularity);
    return;
  }
  const auto answer = report::run_report(reader, options.name, filter, limit);
  progress.clear();
  print(answer, format, text_style(query));
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/named_report.hpp"

#include "cli/commands/page_file.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/options/query_filter.hpp"
#include "cli/options/query_progress.hpp"
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "report/report.hpp"
#include "report/whole_hours.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <cstdint>
#include <iostream>
#include <limits>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

/// Without a limit: -1 for text, for which a report has a limit of its own; all rows for a program.
std::int64_t limit_of(const std::string& text, Format format) {
  const auto limit = parse_limit(text);
  return limit ? *limit : format == Format::text ? -1 : std::numeric_limits<std::int64_t>::max();
}

/// @throws UsageError: the report has no such table.
void check_section(const ReportOptions& options, const report::Filter& filter) {
  if (options.section.empty()) {
    return;
  }
  const auto names = report::section_names(options.name, filter);
  if (std::find(names.begin(), names.end(), options.section) == names.end()) {
    throw UsageError{fmt::format("--section {} is none of {}{}",
                                 quote(options.section),
                                 fmt::join(names, ", "),
                                 suggestion(options.section, names))};
  }
}

/// The columns of numbers of the tables that have more than one row, each once.
std::vector<std::string> ranked_columns(const Answer& answer) {
  using enum Unit;
  std::vector<std::string> names;
  for (const auto& table : answer.tables) {
    for (const auto& column : table.columns) {
      const auto unit = column.unit;
      const bool is_number = unit == count || unit == bytes || unit == time || unit == ns ||
                             unit == us || unit == percent;
      if (table.rows.size() > 1 && is_number &&
          std::find(names.begin(), names.end(), column.name) == names.end()) {
        names.push_back(column.name);
      }
    }
  }
  return names;
}

/// Removes the rows without this text in any cell.
void keep_rows_with(Answer& answer, const std::string& text, const render::TextStyle& style) {
  if (text.empty()) {
    return;
  }
  const auto wanted = lower(text);
  for (auto& table : answer.tables) {
    std::erase_if(table.rows, [&](const auto& row) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        const auto shown = render::cell_text(row[i], table.columns[i].unit, style);
        if (lower(shown).find(wanted) != std::string::npos) {
          return false;
        }
      }
      return true;
    });
  }
}

/// A program that reads CSV wants one table.
void point_out_sections(const Answer& answer) {
  if (answer.tables.size() > 1) {
    std::vector<std::string> names;
    for (const auto& table : answer.tables) {
      names.push_back(table.name);
    }
    std::cerr << fmt::format(
        "netlog: report {} has {} tables, with an empty line between two; for one of them: "
        "--section {}\n",
        answer.report,
        names.size(),
        fmt::join(names, "|"));
  }
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

/// @throws UsageError: a lookup has nothing that such a filter restricts.
void check_filters(const ReportOptions& options, const report::Filter& filter) {
  if (options.name == "lookups" && report::is_of_connections_only(filter)) {
    throw UsageError{
        "lookups takes the filters --pid --process --exe --user --netns --since --until --at, and "
        "--remote with a name"};
  }
}

/// The report as a page, with the connections of its window.
void print_page(const ReportOptions& options) {
  check_required_options(options);
  const auto parsed = parse_filter(options.query);
  check_section(options, parsed.filter);
  check_filters(options, parsed.filter);
  write_page({options.query,
              std::vector<std::string>{options.name},
              std::nullopt,
              parse_limit(options.limit),
              options.section,
              options.sort,
              options.out});
}

}  // namespace

void add_report_options(CLI::App& command, ReportOptions& options) {
  command
      .add_option("--limit",
                  options.limit,
                  "At most so many rows in long tables; ranked ones show 20 as text")
      ->type_name("ROWS");
  command
      .add_option("--section",
                  options.section,
                  "Only the table of this name; `netlog help` with a report's name lists them")
      ->type_name("SECTION");
  command
      .add_option("--sort",
                  options.sort,
                  "The largest values of this column first, such as bytes_sent; --format csv shows "
                  "the names")
      ->type_name("COLUMN");
  command
      .add_flag("--watch",
                options.watch,
                "Show it again and again, each 2 s or so often; on a terminal in place, with keys")
      ->type_name("[=INTERVAL]");
  command.add_option("-o,--output", options.out, "New file to make, for --format html")
      ->type_name("FILE");
  add_database_options(command, options.query);
  command.get_option("--format")
      ->description("text, json, csv or html (a page for a browser)")
      ->type_name("FORMAT|html");
  add_names_option(command, options.query);
  add_filter_options(command, options.query);
}

void print_report(const ReportOptions& options) {
  if (options.list) {
    return print_report_list();
  }
  if (options.query.format == kHtml) {
    return print_page(options);
  }
  if (!options.out.empty()) {
    throw UsageError{"-o is for --format html; other formats go to standard output: > FILE"};
  }
  QueryProgress progress;
  write_report(options, progress, std::cout);
}

WrittenReport write_report(const ReportOptions& options,
                           QueryProgress& progress,
                           std::ostream& out) {
  check_required_options(options);
  const auto format = parse_format(options.query.format);
  const auto limit = options.containing.empty() ? limit_of(options.limit, format)
                                                : std::numeric_limits<std::int64_t>::max();
  auto query = options.query;
  if (options.name == "who" && query.local_port.empty()) {
    query.local_port = std::exchange(query.port, {});  // a process holds the local port
  }
  auto parsed = parse_filter(query);
  parsed.fixed = options.window;
  check_section(options, parsed.filter);
  check_filters(options, parsed.filter);
  store::Reader reader{database_path(query)};
  progress.watch(reader);
  auto filter = resolve(parsed, reader);
  const auto recorded = report::recorded_span(reader);
  close_window(filter, recorded);
  WrittenReport written{{filter.since_ns, filter.until_ns}, recorded ? recorded->ended_ns : 0, {}};
  if (filter.asked_ns) {
    written.window = {filter.asked_ns, filter.asked_ns};
  }
  report::answer_from_whole_hours(reader, options.name, filter);
  if (options.sql) {
    const auto granularity = report::choose_granularity(reader, filter);
    out << report::report_sql(
        reader, options.name, filter, limit, granularity, options.section, options.sort);
    return written;
  }
  auto answer =
      report::run_report(reader, options.name, filter, limit, options.section, options.sort);
  const auto unknown = report::unknown_pids(reader, filter.pids);
  const auto unmet = report::unmet_conditions(reader, filter);
  const bool lacks_name = report::lacks_name(reader, filter);
  const auto gap = report::gap_over_instant(reader, filter);
  progress.clear();
  written.ranked = ranked_columns(answer);
  const auto style = text_style(query);
  keep_rows_with(answer, options.containing, style);
  auto& notes = format == Format::text ? out : std::cerr;
  if (!unknown.empty()) {
    notes << unknown_pids_text(unknown);
  }
  for (const auto& condition : unmet) {
    notes << unmet_condition_text(condition);
  }
  if (lacks_name) {
    notes << unknown_name_text(*filter.remote_name);
  }
  if (gap) {
    notes << gap_text(*gap);
  }
  notes << outside_text(*answer.completeness, style);
  const bool no_pid_known = !unknown.empty() && unknown.size() == filter.pids.size();
  if ((no_pid_known || !unmet.empty() || lacks_name) && format == Format::text) {
    answer.tables.clear();
  }
  if (format == Format::csv && options.watch.empty()) {
    point_out_sections(answer);
  }
  if (!options.section.empty() && format == Format::json) {
    answer.completeness.reset();  // every line is a row of the table
  }
  print(out, answer, format, style);
  return written;
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_filter.hpp"
#include "cli/options/query_options.hpp"
#include "cli/options/query_progress.hpp"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// The options of the commands that run a named report: `report`, `at` and `diff`.
struct ReportOptions {
  QueryOptions query;
  std::string name = "overview";
  std::string limit;
  std::string section;     ///< only this table; empty: all
  std::string sort;        ///< largest values of this column first; empty: as the report has it
  bool list = false;       ///< print the names of all reports
  bool sql = false;        ///< print the statements instead of their rows
  std::string out;         ///< new file for a page; empty: standard output
  std::string watch;       ///< show it again and again, at such intervals; empty: once
  std::string containing;  ///< only rows with this text, in any case of its letters; empty: all
  std::optional<FixedWindow> window;  ///< instead of that of `query`
};

/// --limit, --section, --sort, --watch and everything of QueryOptions.
void add_report_options(CLI::App& command, ReportOptions& options);

/// Runs the report and prints its answer.
/// @throws UsageError, CommandFailed, StoreError
void print_report(const ReportOptions& options);

/// What write_report() has written.
struct WrittenReport {
  FixedWindow window;               ///< without an end it reaches to `end_ns`
  std::int64_t end_ns = 0;          ///< of the recording, UTC ns
  std::vector<std::string> ranked;  ///< columns of numbers that differ from row to row
};

/// Answers from the file as it is now. What is no part of the answer, such as that it has no such
/// pid, goes with text to `out`, otherwise to standard error.
/// @throws as print_report()
WrittenReport write_report(const ReportOptions& options,
                           QueryProgress& progress,
                           std::ostream& out);

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"

#include <string>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// The options of the commands that run a named report: `report`, `at` and `diff`.
struct ReportOptions {
  QueryOptions query;
  std::string name = "overview";
  std::string limit;
  std::string section;  ///< only this table; empty: all
  bool list = false;    ///< print the names of all reports
  bool sql = false;     ///< print the statements instead of their rows
};

/// --limit, --section and everything of QueryOptions.
void add_report_options(CLI::App& command, ReportOptions& options);

/// Runs the report and prints its answer.
/// @throws UsageError, CommandFailed, StoreError
void print_report(const ReportOptions& options);

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

/// The name of the format that is a page.
constexpr std::string_view kHtml = "html";

/// Stands for the names of all reports.
constexpr std::string_view kAllReports = "all";

/// What a page shows.
struct PageOptions {
  QueryOptions query;
  /// Absent: as IncidentOptions says.
  std::optional<std::vector<std::string>> reports;
  std::optional<std::int64_t> max_connections;  ///< absent: as many as fit a page of usual size
  std::optional<std::int64_t> max_rows;         ///< of each table of a report
  std::string section;                          ///< only this table of the reports; empty: all
  std::string sort;                             ///< as in ReportOptions
  std::string out;                              ///< new file; empty: standard output
};

/// Writes a page about the filter's window.
/// @throws UsageError, CommandFailed, StoreError
void write_page(const PageOptions& options);

}  // namespace netlog::cli

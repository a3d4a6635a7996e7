// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::report {

/// One table of a report. src/report/sql/README.md describes the form.
struct Section {
  Table heading;    ///< name, title and the described columns, without rows
  std::string sql;  ///< one SELECT
  /// `true`: answers from sums only, `false`: from connections only; absent: from both.
  std::optional<bool> of_sums;
};

/// A report's file: at least one section.
struct Definition {
  std::string about;  ///< one line
  std::vector<Section> sections;
};

/// Parses the text of a report's file.
/// @throws std::invalid_argument for text that is not of the form. The files are embedded by the
/// build, and a test parses them all.
Definition parse_definition(std::string_view text);

/// The definition of a named report.
/// @throws UsageError for an unknown name; it suggests the nearest one.
Definition definition(std::string_view name);

struct ReportName {
  std::string name;
  std::string about;  ///< one line
};

/// All named reports, in the order of their names.
std::vector<ReportName> list_reports();

/// @throws UsageError for an unknown name; it suggests the nearest one.
void check_report_name(std::string_view name);

}  // namespace netlog::report

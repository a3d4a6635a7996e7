// SPDX-License-Identifier: MIT
#include "report/report.hpp"
#include "report/reports.hpp"

#include <algorithm>

namespace netlog::report {

Definition definition(std::string_view name) {
  check_report_name(name);
  const auto* const report = std::find_if(
      kReports.begin(), kReports.end(), [&](const auto& entry) { return entry.first == name; });
  return parse_definition(report->second);
}

}  // namespace netlog::report

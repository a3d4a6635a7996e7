// SPDX-License-Identifier: MIT
#pragma once

#include "cli/commands/named_report.hpp"

namespace netlog::cli {

/// Prints the report, or with --watch shows it again and again until it is ended: on a terminal in
/// place, with keys (docs/usage.md), otherwise as one block after the other.
/// @throws UsageError, CommandFailed, StoreError
void show_report(const ReportOptions& options);

}  // namespace netlog::cli

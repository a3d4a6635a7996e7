// SPDX-License-Identifier: MIT
#pragma once

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// Each registers one subcommand: its options, and what it does as the callback. A callback throws
/// UsageError for input that it does not understand and CommandFailed for what does not work.
void add_record(CLI::App& app);
void add_report(CLI::App& app);
void add_top(CLI::App& app);
void add_at(CLI::App& app);
void add_diff(CLI::App& app);
void add_join(CLI::App& app);
void add_tail(CLI::App& app);
void add_clip(CLI::App& app);
void add_html(CLI::App& app);
void add_export(CLI::App& app);
void add_ship(CLI::App& app);
void add_sql(CLI::App& app);
void add_info(CLI::App& app);
void add_check(CLI::App& app);
void add_doctor(CLI::App& app);
void add_help(CLI::App& app);
void add_completion(CLI::App& app);
/// Only where the system has a service manager that netlog speaks to.
void add_service(CLI::App& app);

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::report {

struct ReportName {
  std::string name;
  std::string about;  ///< one line
};

/// All named reports, by name.
std::vector<ReportName> list_reports();

/// @throws UsageError for an unknown name, with the nearest one.
void check_report_name(std::string_view name);

/// Asks one report. `limit` bounds the rows of each table that has no bound of its own; -1: all.
/// @throws UsageError for an unknown name (with the nearest one); StoreError from the reader.
Answer ask(store::Reader& reader, std::string_view name, const Filter& filter, std::int64_t limit);

/// The same from a basis that is no smaller than basis_for() has it: the answer does not depend on
/// it, but for medians and the like, which sums know to 12.5 %, and for the ports of services.
Answer ask(store::Reader& reader,
           std::string_view name,
           const Filter& filter,
           std::int64_t limit,
           Basis basis);

/// The statements that ask() runs, with their values in place, each under its title: they can be
/// pasted into a plain `sqlite3` shell.
/// @throws UsageError for an unknown name.
std::string sql_of(std::string_view name, const Filter& filter, std::int64_t limit, Basis basis);

/// The parts of a report's file: see src/report/sql/README.md.
struct Section {
  Table heading;                ///< name, title and the columns that are described; no rows
  std::string sql;              ///< one SELECT
  std::optional<bool> of_sums;  ///< whether it answers from sums or from connections; absent: both
};
struct Definition {
  std::string about;
  std::vector<Section> sections;
};

/// @throws std::invalid_argument for a file that is not of the form; only a build can contain one,
/// and a test reads them all.
Definition parse_definition(std::string_view text);

/// What a named report's own file says.
/// @throws UsageError for an unknown name.
Definition definition(std::string_view name);

/// The line of honesty for a window: coverage in it and gaps that touch it.
Honesty honesty(store::Reader& reader, const Filter& filter);
Honesty honesty(store::Reader& reader, const Filter& filter, Basis basis);

}  // namespace netlog::report

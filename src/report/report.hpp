// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "report/granularity.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::report {

/// Runs a named report. `limit` bounds the rows of each table that has no bound of its own; -1: as
/// many as people want to read. A table that has more rows says how many. `overview` with a pid
/// runs `process` instead. `section` is the name of the only table that is wanted; empty: all.
/// `sort` is a column, as CSV names it, of which the largest values come first where a table has
/// it; empty: each table has an order of its own.
/// @throws UsageError for an unknown name (it suggests the nearest one); StoreError from the
/// reader.
Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  std::string_view section = {},
                  std::string_view sort = {});

/// The names of a report's tables, as `section` in JSON. With this filter `overview` may be
/// `process`.
/// @throws UsageError for an unknown report.
std::vector<std::string> section_names(std::string_view report, const Filter& filter);

/// Those of the pids that no process in the recording has.
/// @throws StoreError from the reader.
std::vector<std::int64_t> unknown_pids(store::Reader& reader,
                                       const std::vector<std::int64_t>& pids);

/// What a filter says of the owner.
struct OwnerCondition {
  std::string_view what;  ///< `name or script`, `exe` or `user`
  std::string value;      ///< or a pattern
};

/// Those of the filter's conditions on the owner that no process in the recording meets.
/// @throws StoreError from the reader.
std::vector<OwnerCondition> unmet_conditions(store::Reader& reader, const Filter& filter);

/// Whether the filter gives a name, or a pattern of names, that the recording does not have.
/// @throws StoreError from the reader.
bool lacks_name(store::Reader& reader, const Filter& filter);

/// The same by a granularity that is at least as fine as choose_granularity() returns. The answers
/// are the same, except that sums know medians and the like to 12.5 % and only the ports of
/// services.
Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  Granularity granularity,
                  std::string_view wanted = {},
                  std::string_view sort = {});

/// The statements that run_report() runs, each after its title, with their values in place. They
/// can be pasted into a plain `sqlite3` shell.
/// @throws UsageError for an unknown name.
std::string report_sql(store::Reader& reader,
                       std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity,
                       std::string_view wanted = {},
                       std::string_view sort = {});

}  // namespace netlog::report

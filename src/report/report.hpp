// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "report/filter.hpp"
#include "report/granularity.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <string>
#include <string_view>

namespace netlog::report {

/// Runs a named report. `limit` bounds the rows of each table that has no bound of its own; -1: as
/// many as people want to read. `overview` with a pid runs `process` instead.
/// @throws UsageError for an unknown name (it suggests the nearest one); StoreError from the
/// reader.
Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit);

/// The same by a granularity that is at least as fine as choose_granularity() returns. The answers
/// are the same, except that sums know medians and the like to 12.5 % and only the ports of
/// services.
Answer run_report(store::Reader& reader,
                  std::string_view name,
                  const Filter& filter,
                  std::int64_t limit,
                  Granularity granularity);

/// The statements that run_report() runs, each after its title, with their values in place. They
/// can be pasted into a plain `sqlite3` shell.
/// @throws UsageError for an unknown name.
std::string report_sql(std::string_view name,
                       const Filter& filter,
                       std::int64_t limit,
                       Granularity granularity);

}  // namespace netlog::report

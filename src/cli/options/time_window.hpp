// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"
#include "cli/options/time_spec.hpp"
#include "report/filter.hpp"

#include <cstdint>
#include <optional>
#include <utility>

namespace netlog::cli {

/// The times of a query as the user wrote them. What a local time means depends on the recording,
/// so they are resolved later.
struct TimeWindow {
  std::optional<TimeSpec> since;
  std::optional<TimeSpec> until;                        ///< equal to `since` for an instant
  std::optional<std::pair<TimeSpec, TimeSpec>> before;  ///< the window to compare with
};

/// Reads --since, --until, --at and the windows of `diff`.
/// @throws UsageError
TimeWindow parse_time_window(const QueryOptions& options);

/// Sets the filter's since_ns, until_ns and before_ns. `now_ns` is the wall clock, UTC ns.
/// @throws UsageError: a window that ends before it begins.
void resolve_window(const TimeWindow& window,
                    std::int64_t now_ns,
                    const Span& recorded,
                    report::Filter& filter);

}  // namespace netlog::cli

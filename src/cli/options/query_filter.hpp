// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"
#include "cli/options/time_window.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <optional>

namespace netlog::cli {

/// A window as report::Filter has it, UTC ns.
struct FixedWindow {
  std::optional<std::int64_t> since_ns;
  std::optional<std::int64_t> until_ns;
};

/// The filters of a query, checked. Only its times are still as the user wrote them.
struct ParsedFilter {
  report::Filter filter;  ///< without times
  TimeWindow window;
  std::optional<FixedWindow> fixed;  ///< instead of `window`
};

/// Checks all filter options before a recording is opened.
/// @throws UsageError
ParsedFilter parse_filter(const QueryOptions& options);

/// The whole filter, with its times resolved against the recording and the wall clock.
/// @throws UsageError: a window that ends before it begins; StoreError from the reader.
report::Filter resolve(const ParsedFilter& parsed, store::Reader& reader);

/// Where only one end of the window was given, and it lies beyond the recording: the window is this
/// moment, since the recording holds nothing from there on, or up to there.
void close_window(report::Filter& filter, const std::optional<Span>& recorded);

}  // namespace netlog::cli

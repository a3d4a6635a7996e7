// SPDX-License-Identifier: MIT
#pragma once

#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netlog::report {

/// Whether ended connections of this time have no rows: retention has deleted them, or there were
/// more than could be written. Then only sums have all. UTC ns; absent: without this limit.
/// @throws StoreError from the reader.
bool lacks_rows(store::Reader& reader,
                std::optional<std::int64_t> since_ns = std::nullopt,
                std::optional<std::int64_t> until_ns = std::nullopt);

/// Lets sums answer for the whole hours of a long window, and single connections for its edges:
/// sets `filter.hours`. Where connections of the window have no rows, sums are all that there is:
/// there the window is widened to whole hours. The filter stays as it is if single connections
/// answer it well, if only they can (a state, an outcome, a moment, two windows), or if the report
/// of this name reads no sums.
/// @throws StoreError from the reader.
void answer_from_whole_hours(store::Reader& reader, std::string_view report, Filter& filter);

/// Adds the values that use_whole_hours() puts into a statement; none without hours.
void bind_whole_hours(store::Parameters& parameters, const Filter& filter);

/// Replaces the views of sums in a statement by their rows of `:from_hour` to `:to_hour` (not
/// included) and the connections of the edges of the window.
void use_whole_hours(std::string& sql);

}  // namespace netlog::report

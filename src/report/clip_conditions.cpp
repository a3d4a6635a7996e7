// SPDX-License-Identifier: MIT
#include "report/clip_conditions.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

/// The largest error of an opening in the recording.
std::int64_t max_open_error_ns(store::Reader& reader) {
  const auto found = reader.query("SELECT coalesce(max(open_error_ns), 0) FROM flow_sum");
  const auto* const value = std::get_if<std::int64_t>(&found.cells.at(0).at(0));
  return value == nullptr ? 0 : std::max<std::int64_t>(*value, 0);
}

/// `a + b` for b ≥ 0, at most the largest number there is.
std::int64_t saturating_add(std::int64_t a, std::int64_t b) {
  return a + std::min(b, std::numeric_limits<std::int64_t>::max() - std::max<std::int64_t>(a, 0));
}

}  // namespace

std::vector<store::ConnectionCondition> clip_conditions(store::Reader& reader,
                                                        const Filter& filter) {
  auto within = connection_clause(filter);
  std::vector<store::ConnectionCondition> conditions{
      {std::move(within.sql), std::move(within.parameters)}};
  if (!filter.until_ns) {
    return conditions;
  }
  // Opened after the window, but perhaps, by the error of the opening, within it.
  auto later = filter;
  later.until_ns = saturating_add(*filter.until_ns, max_open_error_ns(reader));
  auto clause = connection_clause(later);
  clause.parameters.emplace("clip_until", *filter.until_ns);
  conditions.push_back(
      {fmt::format("({}) AND opened_ns > :clip_until AND opened_ns - open_error_ns <= :clip_until",
                   clause.sql),
       std::move(clause.parameters)});
  return conditions;
}

}  // namespace netlog::report

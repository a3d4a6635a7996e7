// SPDX-License-Identifier: MIT
#include "report/clock_offset.hpp"

#include "util/time.hpp"

#include <algorithm>
#include <utility>

namespace netlog::report {

std::optional<Agreement> agree(const std::vector<OffsetBound>& bounds) {
  // Where a bound begins (-1) and ends (1); at one place the beginnings come first.
  std::vector<std::pair<std::int64_t, int>> edges;
  for (const auto& bound : bounds) {
    edges.emplace_back(bound.min_ns, -1);
    edges.emplace_back(bound.max_ns, 1);
  }
  std::sort(edges.begin(), edges.end());
  std::optional<Agreement> best;
  std::int64_t overlapping = 0;
  for (std::size_t i = 0; i < edges.size(); ++i) {
    overlapping -= edges[i].second;
    if (edges[i].second < 0 && (!best || overlapping > best->agreeing)) {
      best = Agreement{{edges[i].first, edges[i + 1].first}, overlapping};
    }
  }
  return best;
}

std::optional<OffsetBound> offset_bound(const RecordedEnd& a, const RecordedEnd& b) {
  if (!a.opened_ns || !b.opened_ns) {
    return std::nullopt;
  }
  const auto rtt_ns = a.rtt_ns ? a.rtt_ns : b.rtt_ns;
  const auto delay_ns = rtt_ns ? 2 * *rtt_ns + kNsPerMs : kMaxOpenDelayNs;
  const bool a_connects = a.direction == "outbound" || b.direction == "inbound";
  return OffsetBound{b.earliest_open_ns() - *a.opened_ns - (a_connects ? delay_ns : 0),
                     *b.opened_ns - a.earliest_open_ns() + (a_connects ? 0 : delay_ns)};
}

}  // namespace netlog::report

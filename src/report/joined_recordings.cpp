// SPDX-License-Identifier: MIT
#include "report/joined_recordings.hpp"

#include <algorithm>
#include <string_view>
#include <unordered_map>
#include <utility>

#include <fmt/format.h>

namespace netlog::report {
namespace {

bool is_loopback(std::string_view address) {
  return address.starts_with("127.") || address == "::1" || address.starts_with("::ffff:127.");
}

/// Indices of a recording's ends by two of their endpoints, each list in order of time.
using EndsByTuple = std::unordered_map<std::string, std::vector<std::size_t>>;

EndsByTuple by_tuple(const std::vector<RecordedEnd>& ends,
                     std::string RecordedEnd::*first,
                     std::string RecordedEnd::*second) {
  EndsByTuple lookup;
  for (std::size_t i = 0; i < ends.size(); ++i) {
    lookup[ends[i].*first + ' ' + ends[i].*second].push_back(i);
  }
  return lookup;
}

/// Bounds from tuples that occur once in each recording, whose ends belong together for certain.
std::vector<OffsetBound> offset_bounds(const JoinedRecordings& joined,
                                       const EndsByTuple& of_a,
                                       const EndsByTuple& of_b) {
  std::vector<OffsetBound> found;
  for (const auto& [tuple, ours] : of_a) {
    const auto theirs = of_b.find(tuple);
    if (theirs == of_b.end() || ours.size() != 1 || theirs->second.size() != 1) {
      continue;
    }
    const auto& a = joined.a.ends[ours.front()];
    const auto bound = offset_bound(a, joined.b.ends[theirs->second.front()]);
    if (bound && joined.may_join(a)) {
      found.push_back(*bound);
    }
  }
  return found;
}

ClockOffset clock_offset(const std::vector<OffsetBound>& bounds) {
  ClockOffset clock;
  clock.agreement = agree(bounds);
  clock.pairs = static_cast<std::int64_t>(bounds.size());
  if (clock.agreement) {
    const auto& bound = clock.agreement->bound;
    clock.offset_ns = bound.min_ns + (bound.max_ns - bound.min_ns) / 2;
    clock.error_ns = (bound.max_ns - bound.min_ns + 1) / 2;
  }
  return clock;
}

/// Matches the ends of one tuple. The two ends of a connection live at the same time, and the uses
/// of a tuple do not overlap.
void match(JoinedRecordings& joined,
           const std::vector<std::size_t>& ours,
           const std::vector<std::size_t>& theirs) {
  const auto& clock = joined.clock;
  auto other = theirs.begin();
  for (const auto mine : ours) {
    auto& a = joined.a.ends[mine];
    const auto begun = a.earliest_open_ns() + clock.offset_ns - clock.error_ns;
    const auto ended = a.latest_close_ns() + clock.offset_ns + clock.error_ns + kMaxOpenDelayNs;
    while (other != theirs.end() &&
           joined.b.ends[*other].latest_close_ns() + kMaxOpenDelayNs < begun) {
      ++other;
    }
    if (joined.may_join(a) && other != theirs.end() &&
        joined.b.ends[*other].earliest_open_ns() <= ended) {
      a.other = *other;
      joined.b.ends[*other].other = mine;
      ++other;
    }
  }
}

}  // namespace

bool JoinedRecordings::may_join(const RecordedEnd& end) const {
  return one_host || !is_loopback(end.remote_address);
}

JoinedRecordings join_ends(RecordedEnds a, RecordedEnds b) {
  const bool one_host = same_host(a, b);
  JoinedRecordings joined{std::move(a), std::move(b), {}, one_host};
  const auto of_a = by_tuple(joined.a.ends, &RecordedEnd::local, &RecordedEnd::remote);
  const auto of_b = by_tuple(joined.b.ends, &RecordedEnd::remote, &RecordedEnd::local);
  joined.clock = clock_offset(offset_bounds(joined, of_a, of_b));
  for (const auto& [tuple, ours] : of_a) {
    if (const auto theirs = of_b.find(tuple); theirs != of_b.end()) {
      match(joined, ours, theirs->second);
    }
  }
  return joined;
}

Unmatched find_unmatched(const JoinedRecordings& joined,
                         const RecordedEnds& has,
                         const RecordedEnds& lacks,
                         std::int64_t shift_ns) {
  Unmatched found;
  for (const auto& end : has.ends) {
    if (end.other || !joined.may_join(end) || !lacks.addresses.contains(end.remote_address)) {
      continue;
    }
    if (end.is_leftover() ||
        end.latest_close_ns() + shift_ns < lacks.completeness.recorded_from_ns ||
        end.began_ns() + shift_ns > lacks.completeness.recorded_to_ns) {
      ++found.outside;
    } else {
      found.inside.push_back(&end);
    }
  }
  return found;
}

std::string missing_reason(const RecordedEnd& end,
                           const RecordedEnds& lacks,
                           std::int64_t shift_ns) {
  const auto begun = end.began_ns() + shift_ns;
  const auto ended = std::min(end.latest_close_ns() + shift_ns, lacks.completeness.recorded_to_ns);
  const bool in_gap = std::any_of(lacks.gaps.begin(), lacks.gaps.end(), [&](const auto& gap) {
    return gap[0] <= ended && gap[1] >= begun;
  });
  if (in_gap) {
    return "in a gap of the other";
  }
  if (lacks.polled && ended - begun < lacks.interval_ns) {
    return "shorter than the other's interval";
  }
  return end.never_connected ? "no connection came of it" : "not seen";
}

std::string mismatch_reason(const RecordedEnd& a, const RecordedEnd& b) {
  const auto was_reset = [](const RecordedEnd& end) {
    return end.outcome == "reset" || end.outcome == "aborted";
  };
  const auto is_open = [](const RecordedEnd& end) { return end.outcome == "open"; };
  if (is_open(a) != is_open(b)) {
    return fmt::format("{} has ended, {} has not", is_open(a) ? "b" : "a", is_open(a) ? "a" : "b");
  }
  if ((a.outcome == "closed" && was_reset(b)) || (b.outcome == "closed" && was_reset(a))) {
    return "closed at one end, reset at the other";
  }
  if (is_open(a)) {
    return {};  // its bytes may still be on their way
  }
  const auto lost = [](const char* name, const RecordedEnd& from, const RecordedEnd& to) {
    return from.bytes_sent && to.bytes_received && *from.bytes_sent > *to.bytes_received
               ? fmt::format("{} B that {} sent did not arrive",
                             *from.bytes_sent - *to.bytes_received,
                             name)
               : std::string{};
  };
  const auto one = lost("a", a, b);
  const auto other = lost("b", b, a);
  return one + (one.empty() || other.empty() ? "" : "; ") + other;
}

}  // namespace netlog::report

// SPDX-License-Identifier: MIT
#pragma once

#include "report/recorded_ends.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace netlog::report {

/// An interval that contains the offset of a clock, ns.
struct OffsetBound {
  std::int64_t min_ns = 0;
  std::int64_t max_ns = 0;

  bool operator==(const OffsetBound&) const = default;
};

/// The interval that most of several bounds share, and how many do.
struct Agreement {
  OffsetBound bound;
  std::int64_t agreeing = 0;

  bool operator==(const Agreement&) const = default;
};

/// Marzullo's algorithm, as RFC 5905 §11.2.1 uses it for clocks. Nothing for no bounds.
std::optional<Agreement> agree(const std::vector<OffsetBound>& bounds);

/// How long an opening may take from one end to the other where the round-trip time is not known:
/// the first SYN is sent again after a second (RFC 6298).
constexpr std::int64_t kMaxOpenDelayNs = 1'000'000'000;

/// What the openings of both ends of one connection say of b's clock minus a's. The end that
/// connects is first; the other one is open at most one and a half round trips later (RFC 9293
/// §3.5), plus the time for which its host was busy. Nothing where an opening was not seen.
std::optional<OffsetBound> offset_bound(const RecordedEnd& a, const RecordedEnd& b);

}  // namespace netlog::report

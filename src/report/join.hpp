// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace netlog::report {

/// An interval that a clock's offset lies in, ns.
struct OffsetBound {
  std::int64_t least_ns = 0;
  std::int64_t most_ns = 0;

  bool operator==(const OffsetBound&) const = default;
};

/// What most of several bounds agree on, and how many do (Marzullo's algorithm, as in RFC 5905
/// §11.2.1 for clocks). Nothing for none.
struct Agreement {
  OffsetBound bound;
  std::int64_t agreeing = 0;

  bool operator==(const Agreement&) const = default;
};
std::optional<Agreement> agree(const std::vector<OffsetBound>& bounds);

/// Joins the two ends of the TCP connections between two hosts, each recorded at its own end: what
/// one end calls local is the other's remote. The tuples that occur once in each tell the offset
/// between the clocks; with it those that repeat find their other end. Tables: `recordings`,
/// `clocks`, `ends`, `disagreements`, `seen_by_one`. Loopback joins only where both are of one
/// host. At most `limit` rows in the last two.
Answer join(store::Reader& a, store::Reader& b, std::int64_t limit);

}  // namespace netlog::report

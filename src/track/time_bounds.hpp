// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"

#include <algorithm>
#include <cstdint>

namespace netlog::track {

/// Somewhere in (lower, upper]. Exactly at `upper` when the bounds cross.
inline Moment between(std::int64_t lower_ns, std::int64_t upper_ns) {
  return {upper_ns, std::max<std::int64_t>(upper_ns - lower_ns, 0)};
}

/// The time that lies within both bounds. Bounds that do not overlap come from a table that lacked
/// the socket before its process closed it: the socket had ended by then, so the earlier one holds.
inline Moment overlap(const Moment& a, const Moment& b) {
  const auto& earlier = a.at_ns < b.at_ns ? a : b;
  const auto& later = a.at_ns < b.at_ns ? b : a;
  if (later.at_ns - later.error_ns >= earlier.at_ns) {
    return earlier;
  }
  return between(std::max(a.at_ns - a.error_ns, b.at_ns - b.error_ns), std::min(a.at_ns, b.at_ns));
}

}  // namespace netlog::track

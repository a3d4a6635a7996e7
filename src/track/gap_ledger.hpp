// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"

#include <cstdint>
#include <vector>

namespace netlog::track {

/// Joins gaps that follow one another for the same reason: a source that fails at every tick is one
/// row and not ten a second. A joined gap is given out when no other has joined it for `quiet_ns`,
/// or when it is `longest_ns` long, so that a recorder that is killed loses little. Times are
/// boot-clock ns.
class GapLedger {
 public:
  GapLedger(std::int64_t quiet_ns, std::int64_t longest_ns)
      : quiet_ns_{quiet_ns}, longest_ns_{longest_ns} {}

  void add(const Gap& gap);
  /// Gaps that are over at this time, in the order in which they began.
  std::vector<Gap> take(std::int64_t now_ns);
  /// All that are left.
  std::vector<Gap> finish();

 private:
  std::int64_t quiet_ns_;
  std::int64_t longest_ns_;
  std::vector<Gap> runs_;
};

}  // namespace netlog::track

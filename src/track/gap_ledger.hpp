// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"

#include <cstdint>
#include <vector>

namespace netlog::track {

/// Joins gaps that follow one another for the same reason, so that a source that fails at every
/// tick is one row and not ten a second. A run is given out when nothing joined it for `quiet_ns`,
/// or when it is `longest_ns` long, so that little is lost with a recorder that is killed.
class GapLedger {
 public:
  GapLedger(std::int64_t quiet_ns, std::int64_t longest_ns)
      : quiet_ns_{quiet_ns}, longest_ns_{longest_ns} {}

  void add(const Gap& gap);
  /// Runs that are over at this time, in the order in which they began.
  std::vector<Gap> take(std::int64_t now_ns);
  std::vector<Gap> finish();

 private:
  std::int64_t quiet_ns_;
  std::int64_t longest_ns_;
  std::vector<Gap> runs_;
};

}  // namespace netlog::track

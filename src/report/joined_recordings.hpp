// SPDX-License-Identifier: MIT
#pragma once

#include "report/clock_offset.hpp"
#include "report/recorded_ends.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog::report {

/// b's clock minus a's.
struct ClockOffset {
  std::optional<Agreement> agreement;
  std::int64_t pairs = 0;  ///< connections that give a bound
  std::int64_t offset_ns = 0;
  std::int64_t error_ns = 0;
};

/// Two recordings whose ends know each other by RecordedEnd::other.
struct JoinedRecordings {
  RecordedEnds a;
  RecordedEnds b;
  ClockOffset clock;
  bool one_host = false;  ///< then loopback connections have both ends, too

  /// Whether the other end can be in the other recording.
  [[nodiscard]] bool may_join(const RecordedEnd& end) const;
};

/// Finds the offset of the clocks and the other end of each connection.
JoinedRecordings join_ends(RecordedEnds a, RecordedEnds b);

/// Ends of one recording that have no other end in the other one. The pointers are to ends of the
/// JoinedRecordings.
struct Unmatched {
  std::vector<const RecordedEnd*> inside;  ///< lived while the other recorder ran
  std::int64_t outside = 0;
};

/// `has` and `lacks` are the two recordings of `joined`; `shift_ns` leads from the clock of `has`
/// to that of `lacks`.
Unmatched find_unmatched(const JoinedRecordings& joined,
                         const RecordedEnds& has,
                         const RecordedEnds& lacks,
                         std::int64_t shift_ns);

/// Why the other recording lacks this end.
std::string missing_reason(const RecordedEnd& end,
                           const RecordedEnds& lacks,
                           std::int64_t shift_ns);

/// What the two ends of one connection report differently; empty where they agree.
std::string mismatch_reason(const RecordedEnd& a, const RecordedEnd& b);

}  // namespace netlog::report

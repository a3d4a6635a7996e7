// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "model/recording.hpp"

#include <cstdint>
#include <optional>
#include <vector>

namespace netlog::record {

/// Counts ticks, and finds the gaps between them: the system was suspended, ticks were skipped, or
/// the interval was stretched. Decides what is due at the end of a tick. Times are on the boot
/// clock and come with the calls.
class TickMonitor {
 public:
  explicit TickMonitor(std::int64_t interval_ns)
      : interval_ns_{interval_ns}, current_interval_ns_{interval_ns} {}

  /// A tick begins at this time. @return the gaps since the tick before, oldest first: they lie
  /// over the time in which nothing was read
  std::vector<Gap> begin(std::int64_t at_ns, const capture::TickBegin& tick);

  /// From here on ticks are this far apart, or the session's interval if that is longer.
  void set_interval(std::int64_t interval_ns);

  /// The session's heartbeat, at the first call and then once a second.
  std::optional<Heartbeat> heartbeat(std::int64_t now_ns);

  /// True at the first call and then once a second: connections that changed without an event are
  /// to be written.
  bool refresh_due(std::int64_t now_ns);

  /// The counts so far, at this time.
  [[nodiscard]] Heartbeat counts(std::int64_t now_ns) const;

 private:
  std::int64_t interval_ns_;
  std::int64_t current_interval_ns_;
  std::optional<std::int64_t> last_tick_ns_;
  std::optional<std::int64_t> last_heartbeat_ns_;
  std::optional<std::int64_t> last_refresh_ns_;
  std::int64_t ticks_ = 0;
  std::int64_t late_ticks_ = 0;
  std::int64_t skipped_ticks_ = 0;
  std::int64_t missed_early_ = 0;  ///< of the next tick's skipped ones: those in a gap already
};

}  // namespace netlog::record

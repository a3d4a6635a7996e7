// SPDX-License-Identifier: MIT
#pragma once

#include "record/utc_timeline.hpp"
#include "store/write/writer.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <span>

namespace netlog::record {

/// Turns the boot-clock times of items into UTC as the items leave for the store: the one place
/// where that happens.
///
/// What is reported for the first time is stamped by the wall clock of now, also where it happened
/// before that was set: in the file the clock step precedes it, so durations come out right. What
/// was reported before keeps its stamps: the opening of a connection, and its end. Of an open
/// connection, the time when it was seen last moves with the wall clock, as the store moves it.
class UtcStamper {
 public:
  /// UTC drifts: from `boot_ns` on it is the boot clock plus `offset_ns`.
  void drift(std::int64_t boot_ns, std::int64_t offset_ns) { timeline_.drift(boot_ns, offset_ns); }
  /// UTC was set. What was reported before must have been stamped.
  void set(std::int64_t boot_ns, std::int64_t offset_ns) { timeline_.set(boot_ns, offset_ns); }

  /// Stamps items in place.
  void stamp(std::span<store::Item> items);

  /// By the wall clock of now.
  [[nodiscard]] std::int64_t to_utc(std::int64_t boot_ns) const;
  [[nodiscard]] const UtcTimeline& timeline() const { return timeline_; }

 private:
  using Epoch = UtcTimeline::Epoch;
  static constexpr std::size_t kMaxLateEnds = 20'000;

  void note_late_end(const ConnectionEvents& of);
  void stamp(Connection& connection, bool is_new, Epoch seen_epoch) const;
  [[nodiscard]] Epoch epoch_of_end(const Connection& connection) const;

  UtcTimeline timeline_;
  /// Connections that ended before UTC was set and were reported after that, with the epoch in
  /// which they were reported. The oldest are dropped first.
  std::map<ConnectionId, Epoch> late_ends_;
};

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

namespace netlog::record {

/// Converts boot-clock times to UTC. Remembers which offset was in force from when on, so that a
/// time keeps its UTC whatever the wall clock does later. Pure: no clock is read.
///
/// When UTC is set, it jumps and a new epoch begins. In between it drifts: it never runs backwards,
/// but stands still while the offset falls. Times before the first offset are converted by the
/// first one. The number of offsets is bounded: times older than all that are left are converted by
/// the oldest. Without any offset UTC is the boot clock.
class UtcTimeline {
 public:
  /// How often UTC has been set.
  using Epoch = std::uint32_t;
  static constexpr std::size_t kMaxBreakpoints = 4096;

  /// From `boot_ns` on UTC is the boot clock plus `offset_ns`. Calls come in order of time.
  void drift(std::int64_t boot_ns, std::int64_t offset_ns);
  /// The same, because UTC was set.
  void set(std::int64_t boot_ns, std::int64_t offset_ns);

  /// UTC of a boot-clock time, by the offset that was in force then.
  [[nodiscard]] std::int64_t to_utc(std::int64_t boot_ns) const;
  /// UTC of a boot-clock time as the wall clock of this epoch would have shown it.
  [[nodiscard]] std::int64_t to_utc(std::int64_t boot_ns, Epoch epoch) const;

  /// The latest boot-clock time, no later than `now_ns`, at which the wall clock showed `utc_ns`.
  /// Where UTC jumped over it: the moment of the jump.
  [[nodiscard]] std::int64_t to_boot(std::int64_t utc_ns, std::int64_t now_ns) const;

  [[nodiscard]] Epoch epoch() const { return epoch_; }
  [[nodiscard]] Epoch epoch_at(std::int64_t boot_ns) const;

 private:
  struct Breakpoint {
    Epoch epoch = 0;
    std::int64_t boot_ns = 0;
    std::int64_t offset_ns = 0;
    std::int64_t min_utc_ns = 0;  ///< of all times from here on, in this epoch
  };

  void add(const Breakpoint& breakpoint);

  std::deque<Breakpoint> breakpoints_;  ///< by epoch and time
  Epoch epoch_ = 0;
};

}  // namespace netlog::record

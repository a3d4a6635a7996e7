// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netlog::track {

/// Compares the kernel's count of opened connections with the recorded one, for each namespace and
/// each window of time. Times are boot-clock ns.
///
/// ActiveOpens grows when a SYN is sent, PassiveOpens when the handshake of an accepted connection
/// is complete (RFC 4022; net/ipv4/tcp_output.c tcp_connect, tcp_minisocks.c
/// tcp_create_openreq_child), so a half-open connection counts only once it leaves SYN_RECEIVED.
class CoverageMeter {
 public:
  /// The first window of a namespace lasts `first_ns`, each later one twice as long as the one
  /// before, up to `window_ns`: so a report in the first minute has a coverage, too.
  CoverageMeter(std::int64_t window_ns, std::int64_t first_ns)
      : window_ns_{window_ns}, first_ns_{first_ns} {}
  explicit CoverageMeter(std::int64_t window_ns) : CoverageMeter{window_ns, window_ns} {}

  /// Counts an event. Call it for each event of a tick, before the counters of that tick. What is
  /// newer than the counters counts with the next ones.
  void count(const ConnectionEvents& of);

  /// Takes back an event that was counted and will not be recorded.
  void uncount(const ConnectionEvents& of);

  /// A namespace was created at this time: its counters were 0.
  void begin(std::uint64_t netns, std::int64_t at_ns);

  /// A namespace has ended. @return its last window, absent when nothing was measured in it
  std::optional<Coverage> end(std::uint64_t netns);

  /// Adds the kernel's counters. @return the window that they complete, if they do
  std::optional<Coverage> measure(const Counters& counters);

  /// Whether it has had counters of the namespace, or their begin.
  [[nodiscard]] bool is_measuring(std::uint64_t netns) const;

  /// The windows that have begun, up to the last counters of each.
  std::vector<Coverage> finish();

 private:
  struct Sample {
    std::int64_t at_ns = 0;
    std::int64_t kernel_opens = 0;
    std::optional<std::int64_t> kernel_failures;
    std::int64_t recorded_opens = 0;
    std::int64_t recorded_failures = 0;
  };
  /// How many events were recorded, and the times of those since the last counters.
  class Recorded {
   public:
    /// At this time, or earlier by `error_ns` at most.
    void add(const Moment& at);
    void remove(const Moment& at);
    /// Those that may have been at this time or before.
    std::int64_t until(std::int64_t at_ns);
    /// The earliest one since the last call of until(); absent if there is none, or not each is
    /// known.
    [[nodiscard]] std::optional<std::int64_t> oldest_ns() const;

   private:
    std::int64_t total_ = 0;
    std::vector<Moment> recent_;
  };
  struct Namespace {
    Recorded opens;
    Recorded failures;
    std::int64_t window_ns = 0;  ///< length of the last window; 0: there was none
    std::optional<Sample> first;
    std::optional<Sample> last;
  };
  static Sample baseline(std::optional<std::int64_t> oldest_ns, const Sample& now);
  static std::optional<Coverage> rest(std::uint64_t netns, const Namespace& of);
  static Coverage between(std::uint64_t netns, const Sample& first, const Sample& last);

  std::int64_t window_ns_;
  std::int64_t first_ns_;
  std::map<std::uint64_t, Namespace> namespaces_;
};

}  // namespace netlog::track

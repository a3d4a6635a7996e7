// SPDX-License-Identifier: MIT
#pragma once

#include "model/event.hpp"
#include "model/recording.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <vector>

namespace netlog::track {

/// Compares what the kernel counts as opened with what was recorded as opened, window by window and
/// namespace by namespace.
///
/// ActiveOpens grows when a SYN is sent, PassiveOpens when the handshake of an accepted connection
/// is complete (RFC 4022; net/ipv4/tcp_output.c tcp_connect, tcp_minisocks.c
/// tcp_create_openreq_child), so a half-open connection counts only once it leaves SYN_RECEIVED.
class CoverageMeter {
 public:
  explicit CoverageMeter(std::int64_t window_ns) : window_ns_{window_ns} {}

  /// Every event of a tick, before that tick's counters.
  void count(const Event& event);

  /// An event that was counted and that the recording will not have.
  void uncount(const Event& event);

  /// A namespace that came into use at this time: its counters began with nothing then.
  void begin(std::uint64_t netns, std::int64_t at_ns);

  /// A namespace that is over: what is left of its window.
  std::optional<Coverage> end(std::uint64_t netns);

  /// The kernel's counters. A Coverage when they complete a window.
  std::optional<Coverage> measure(const Counters& counters);

  /// What is left of the windows that have begun.
  std::vector<Coverage> finish();

 private:
  struct Sample {
    std::int64_t at_ns = 0;
    std::int64_t kernel_opens = 0;
    std::optional<std::int64_t> kernel_failures;
    std::int64_t recorded_opens = 0;
    std::int64_t recorded_failures = 0;
  };
  struct Namespace {
    std::int64_t recorded_opens = 0;
    std::int64_t recorded_failures = 0;
    std::optional<Sample> first;
    std::optional<Sample> last;
  };
  static std::optional<Coverage> rest(std::uint64_t netns, const Namespace& of);
  static Coverage between(std::uint64_t netns, const Sample& first, const Sample& last);

  std::int64_t window_ns_;
  std::map<std::uint64_t, Namespace> namespaces_;
};

}  // namespace netlog::track

// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/process.hpp"
#include "source/linux/trace.hpp"
#include "source/linux/udp_flows.hpp"
#include "source/live_source.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <utility>

namespace netlog::source {

/// Turns the events of a trace into raw records. The processes that they name are reported first.
class Tracer {
 public:
  /// Drops the capabilities that only loading the programs needs. Errors: why there is no trace.
  static Result<Tracer> open(const SourceOptions& options);

  /// Emits the events since the last call. @return false if some were lost
  bool drain(ProcessTable& processes, capture::RecordSink& sink);

  /// Emits what is kept in the kernel until its time.
  void flush(capture::RecordSink& sink);

  /// Emits a failure if UDP flows are not counted any more.
  void check_flows(capture::RecordSink& sink);

  /// Reports when this process executes a program and when it ends.
  void follow(std::uint32_t pid) { trace_.follow(pid); }

  [[nodiscard]] bool attached() const { return trace_.attached(); }

 private:
  Tracer(Trace trace, std::optional<UdpFlows> flows);

  void drain_flows(capture::RecordSink& sink);
  void lose_flows(std::string why);

  Trace trace_;
  std::optional<UdpFlows> flows_;  ///< absent: they cannot be counted here, or not any more
  std::string no_flows_;           ///< why not any more; empty: they are counted, or never were
  std::int64_t flows_checked_ns_;
  std::int64_t drained_ns_;  ///< when the last drain began
  bool has_begun_ = false;   ///< a trace record was emitted
};

}  // namespace netlog::source

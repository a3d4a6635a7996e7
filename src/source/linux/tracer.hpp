// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/packets.hpp"
#include "source/linux/process.hpp"
#include "source/linux/trace.hpp"
#include "source/live_source.hpp"

#include <cstddef>
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

  /// Emits a failure if packets are not read any more.
  void check_packets(capture::RecordSink& sink);

  /// Reports when this process executes a program and when it ends.
  void follow(std::uint32_t pid) { trace_.follow(pid); }

  [[nodiscard]] bool attached() const { return trace_.attached(); }

  /// Why packets are not read though they are wanted; empty if they are.
  [[nodiscard]] const std::string& no_packets_reason() const { return no_packets_; }

 private:
  Tracer(Trace trace,
         const Packets::Wanted& wanted,
         std::optional<Packets> packets,
         std::string no_packets);

  void drain_flows(capture::RecordSink& sink);
  void lose_packets(std::string why);

  Trace trace_;
  Packets::Wanted wanted_;
  std::optional<Packets> packets_;  ///< absent: they cannot be read here, or not any more
  std::string no_packets_;          ///< why not; empty: they are read, or not wanted
  bool had_packets_;
  std::int64_t packets_checked_ns_;
  std::int64_t drained_ns_;     ///< when the last drain began
  bool has_begun_ = false;      ///< a trace record was emitted
  std::size_t last_bytes_ = 0;  ///< of the last drain
};

}  // namespace netlog::source

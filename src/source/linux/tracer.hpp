// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/process.hpp"
#include "source/linux/trace.hpp"
#include "source/live_source.hpp"

#include <cstdint>
#include <utility>

namespace netlog::source {

/// Turns the events of a trace into raw records. The processes that they name are reported first.
class Tracer {
 public:
  /// Drops the capabilities that only loading the programs needs. Errors: why there is no trace.
  static Result<Tracer> open(const SourceOptions& options);

  /// Emits the events since the last call. @return false if some were lost
  bool drain(ProcessTable& processes, capture::RecordSink& sink);

  /// Reports when this process executes a program and when it ends.
  void follow(std::uint32_t pid) { trace_.follow(pid); }

  [[nodiscard]] bool attached() const { return trace_.attached(); }

 private:
  explicit Tracer(Trace trace);

  Trace trace_;
  std::int64_t drained_ns_;  ///< when the last drain began
  bool has_begun_ = false;   ///< a trace record was emitted
};

}  // namespace netlog::source

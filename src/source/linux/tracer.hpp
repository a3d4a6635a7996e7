// SPDX-License-Identifier: MIT
#pragma once

#include "source/linux/process.hpp"
#include "source/linux/trace.hpp"
#include "source/live_source.hpp"

#include <cstdint>
#include <utility>

namespace netlog::source {

/// The trace as raw records, each after the processes that it names.
class Tracer {
 public:
  /// Gives up the capabilities that only starting takes.
  static Result<Tracer> open(const SourceOptions& options);

  /// False when events were lost.
  bool drain(ProcessTable& processes, capture::RecordSink& sink);

  [[nodiscard]] bool attached() const { return trace_.attached(); }

 private:
  explicit Tracer(Trace trace);

  Trace trace_;
  std::int64_t drained_ns_;  ///< when the last drain began
  bool told_ = false;        ///< that there is a trace
};

}  // namespace netlog::source

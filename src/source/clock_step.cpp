// SPDX-License-Identifier: MIT
#include "source/clock_step.hpp"

#include "os/clock.hpp"

namespace netlog::source {

void report_clock_step(capture::RecordSink& sink) {
  const auto change = os::follow_wall_clock();
  if (!change.is_step) {
    return;
  }
  capture::RawRecord record;
  record.kind = capture::RecordKind::clock_step;
  record.asked = Span{os::utc_now_ns(), os::utc_now_ns()};
  record.a = change.by_ns;
  sink.consume(record);
}

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#include "source/clock_step.hpp"

#include "os/clock.hpp"

namespace netlog::source {

void report_clock_step(capture::RecordSink& sink) {
  const auto change = os::follow_wall_clock();
  if (!change.is_step) {
    return;
  }
  const auto now_ns = os::utc_now_ns();
  sink.consume({0, Span{now_ns, now_ns}, capture::ClockSet{change.by_ns}});
}

}  // namespace netlog::source

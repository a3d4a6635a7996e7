// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"

namespace netlog::source {

/// Follows the wall clock, and emits a clock_step record when it was stepped.
void report_clock_step(capture::RecordSink& sink);

}  // namespace netlog::source

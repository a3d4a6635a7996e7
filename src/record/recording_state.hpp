// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "record/recorder.hpp"
#include "record/recording_counts.hpp"
#include "store/write/writer.hpp"
#include "track/open_counts.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace netlog::record {

/// How a recording is doing at one moment.
struct RecordingState {
  std::string source;           ///< in use
  std::int64_t started_ns = 0;  ///< UTC
  std::int64_t interval_ns = 0;
  std::optional<std::int64_t> last_tick_ns;  ///< UTC; absent: there was no tick
  Progress progress;
  store::WriterTotals totals;
  RecordingCounts counts;
  track::OpenCounts open;
};

/// The state as tables, for render::prometheus_text(): each has columns of words and columns of
/// numbers. Times are in ns. No word is an address, a port or the name of a process. Pure.
std::vector<Table> state_tables(const RecordingState& state);

}  // namespace netlog::record

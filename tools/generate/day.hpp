// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>

namespace generate {

struct DayOptions {
  std::int64_t connections = 10'000'000;  ///< about so many
  std::int64_t hours = 24;
  std::uint64_t seed = 1;
  std::int64_t began_ns = 0;  ///< UTC; the day's midnight
};

struct DayTotals {
  std::int64_t connections = 0;
  std::int64_t events = 0;
};

/// Writes the recording of a day as the recorder would have written it. The same options make the
/// same rows.
DayTotals record_day(const std::filesystem::path& path, const DayOptions& options);

}  // namespace generate

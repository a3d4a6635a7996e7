// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <cstdint>

namespace netlog::report {

struct Checked {
  Answer answer;  ///< tables `checks` and `violations`
  std::int64_t violations = 0;
};

/// Runs SQLite's own checks of the file and every check in src/report/checks. Each of these reports
/// at most `max_violations`.
/// @throws StoreError from the reader.
Checked check(store::Reader& reader, std::int64_t max_violations);

}  // namespace netlog::report

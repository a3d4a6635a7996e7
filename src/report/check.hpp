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

/// Asks every check in src/report/checks whether the recording is whole and consistent with itself.
/// A check names at most `most` violations; more are counted as `most`.
/// @throws StoreError from the reader.
Checked check(store::Reader& reader, std::int64_t most);

}  // namespace netlog::report

// SPDX-License-Identifier: MIT
#pragma once

#include "report/filter.hpp"
#include "store/clip/clip.hpp"
#include "store/read/reader.hpp"

#include <vector>

namespace netlog::report {

/// The connections that a clip of the filter's window must hold, so that its reports find in the
/// window, and at each instant in it, what those of the recording find.
/// @throws StoreError from the reader.
std::vector<store::ConnectionCondition> clip_conditions(store::Reader& reader,
                                                        const Filter& filter);

}  // namespace netlog::report

// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/read/reader.hpp"

#include <filesystem>

namespace netlog::report {

/// What is in a recording, for `netlog info`: its file, sessions, what a clip was cut from, rows of
/// each view and gaps by reason.
/// @throws StoreError from the reader.
Answer info(store::Reader& reader, const std::filesystem::path& path);

}  // namespace netlog::report

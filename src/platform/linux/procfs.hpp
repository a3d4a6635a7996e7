// SPDX-License-Identifier: MIT
#pragma once

#include "base/error.hpp"

#include <cstddef>
#include <string>
#include <vector>

namespace netlog::platform {

/// A whole file that may grow while it is read, at most `most` bytes; more is errc::too_large.
Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t most);
/// The same below an open directory.
Result<std::vector<std::byte>> read_file_at(int directory, const char* name, std::size_t most);

}  // namespace netlog::platform

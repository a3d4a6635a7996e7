// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstddef>
#include <filesystem>
#include <string>

namespace netlog::os {

/// The whole text of a regular file. Errors: is_a_directory; not_supported if it is neither a
/// regular file nor a directory; errc::too_large if it has more than `most` bytes; else the
/// system's reason (no such file, permission denied).
Result<std::string> read_text_file(const std::filesystem::path& path, std::size_t most);

}  // namespace netlog::os

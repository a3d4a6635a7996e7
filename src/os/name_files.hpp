// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
#include <string>

namespace netlog::os {

/// The directory of the system's files `hosts` and `services`: /etc, on Windows
/// System32\drivers\etc.
std::filesystem::path name_files_directory();

/// The whole text of such a file. Errors: those of read_text_file(); it may have 16 MiB.
Result<std::string> read_name_file(const std::filesystem::path& path);

}  // namespace netlog::os

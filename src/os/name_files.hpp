// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>
#include <string>

namespace netlog::os {

/// Where the system has its files `hosts` and `services`: /etc, on Windows System32\drivers\etc.
std::filesystem::path name_files_directory();

/// The whole text of such a file. Errors: no_such_file_or_directory (it is not there or may not be
/// read), errc::too_large beyond 16 MiB.
Result<std::string> read_name_file(const std::filesystem::path& path);

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <filesystem>

namespace netlog::os {

/// Where the copy of the program for the service is kept: in a folder of its own below Program
/// Files, where only administrators may write. Errors: this Windows does not say where that is.
Result<std::filesystem::path> kept_program();

/// Copies a program there, in the place of an older one. Errors: access_denied if others may write
/// there; the system's reason, such as that the older one runs.
Result<void> keep_program(const std::filesystem::path& program, const std::filesystem::path& kept);

/// Removes it and its folder, at the next boot if it runs now. Not being there is no error.
Result<void> remove_kept_program(const std::filesystem::path& kept);

}  // namespace netlog::os

// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <array>
#include <filesystem>
#include <optional>

namespace netlog::os {

/// What SQLite puts beside a database: the name of the file, and one of these. Source:
/// https://www.sqlite.org/tempfiles.html
inline constexpr std::array<const char*, 3> kSideFiles{"-wal", "-shm", "-journal"};

/// Those that are there while a database in WAL mode is open. Every recording is in that mode.
inline constexpr std::array<const char*, 2> kWalFiles{"-wal", "-shm"};

/// Renames a file, pipe or link to the first of PATHsuffix-1, PATHsuffix-2 that is free.
/// @returns its name now. Errors: the system's reason; file_exists if a thousand are in use.
Result<std::filesystem::path> set_aside(const std::filesystem::path& path, const char* suffix);

/// What stands beside a recording as -wal, -shm or -journal. SQLite takes it for a part of it.
std::optional<std::filesystem::path> find_side_file(const std::filesystem::path& recording);

/// The file that is there, and for a part of which SQLite takes what has this name: `a.db` for
/// `a.db-wal`. SQLite would read it, overwrite it and delete it.
std::optional<std::filesystem::path> find_recording_of(const std::filesystem::path& side_file);

/// Errors: invalid_argument if find_recording_of() finds one.
Result<void> refuse_name_of_side_file(const std::filesystem::path& path);

}  // namespace netlog::os

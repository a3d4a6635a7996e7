// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

namespace netlog::os {

enum class FileUse : std::uint8_t { read, write };

/// Why this process must not use a recording, in half a sentence; nothing where it may. On Linux:
/// - Root uses only what root alone may write: the recording, what SQLite keeps beside it (-wal,
///   -shm, -journal), and each folder and link of the path. In a sticky folder others may create
///   files, but not replace ours.
/// - Everybody else records only into files of their own or of root.
/// - What stands beside a recording is a regular file with one name, and belongs to the owner of
///   the recording, to root or to us.
/// - A -journal does not name a super-journal, which SQLite would delete.
/// A file that does not exist is no objection. On Windows nothing is checked.
std::optional<std::string> distrust(const std::filesystem::path& recording, FileUse use);

/// The same for the folders and links above a file that is to be created.
std::optional<std::string> distrust_folder(const std::filesystem::path& file);

}  // namespace netlog::os

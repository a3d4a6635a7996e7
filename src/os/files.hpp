// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>

namespace netlog::os {

/// A group of this system whose members may read a recording.
struct Readers {
  std::uint32_t group = 0;
};

/// Holds a recording for one recorder: the file exists (created for its owner alone when it did
/// not) and nobody else records into it. Released when destroyed; the file stays.
class RecordingFile {
 public:
  RecordingFile() = default;
  RecordingFile(const RecordingFile&) = delete;
  RecordingFile& operator=(const RecordingFile&) = delete;
  virtual ~RecordingFile() = default;

  [[nodiscard]] virtual bool created() const = 0;
  /// Whether its path still leads to it: nobody has deleted, moved or replaced it.
  [[nodiscard]] virtual bool in_place() const = 0;

  /// Lets a group read (0640) the file and what SQLite keeps beside it (-wal, -shm); the system's
  /// place for recordings is opened to the group as well. Errors: the system's reason (not a member
  /// of that group).
  [[nodiscard]] virtual Result<void> grant_group_read(const Readers& readers) = 0;
};

/// The group of that name, or number. Errors: invalid_argument when there is none; not_supported on
/// Windows, where the owner of a file says who else may read it.
Result<Readers> find_readers(const std::string& group);

/// The file is 0600 afterwards, and so are the side files that a killed recorder may have left,
/// whatever they were before: who else may read is said anew each time.
/// Errors: resource_unavailable_try_again when another recorder holds it; else the system's reason
/// (no such directory, permission denied, read-only, not the owner).
Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path);

/// Creates an empty file that only its owner may read; one that exists is an error.
Result<void> create_private_file(const std::filesystem::path& path);

/// Gives a finished file the name that it is to have, for good: also after a power cut. Both names
/// are in one directory. A file that has the name already stays, and is an error (file_exists).
Result<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// A file of at most 64 KiB that holds a secret. Nothing where there is none. It is an error when
/// it is no regular file, is longer, or others than its owner may read or write it (on Windows
/// nobody asks for that).
Result<std::optional<std::string>> read_private_file(const std::filesystem::path& path);

/// Creates a directory, and those above it, that only its owner may look into; on Windows the
/// system and administrators, too. One that exists stays as it is.
Result<void> create_private_directories(const std::filesystem::path& path);

/// Where recordings go when nothing names a file: $NETLOG_DB, else /var/lib/netlog/netlog.db for
/// root, else $XDG_STATE_HOME (or ~/.local/state)/netlog/netlog.db. On Windows: below ProgramData
/// for an administrator, else below LOCALAPPDATA. Its directory may not exist yet.
std::filesystem::path default_recording_path();

}  // namespace netlog::os

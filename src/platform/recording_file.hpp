// SPDX-License-Identifier: MIT
#pragma once

#include "base/error.hpp"

#include <filesystem>
#include <memory>

namespace netlog::platform {

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
};

/// Errors: resource_unavailable_try_again when another recorder holds it; else the system's reason
/// (no such directory, permission denied, read-only).
Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path);

/// Creates an empty file that only its owner may read; one that exists is an error.
Result<void> create_private_file(const std::filesystem::path& path);

/// Creates a directory, and those above it, that only its owner may look into; on Windows the
/// system and administrators, too. One that exists stays as it is.
Result<void> create_private_directories(const std::filesystem::path& path);

/// Where recordings go when nothing names a file: $NETLOG_DB, else /var/lib/netlog/netlog.db for
/// root, else $XDG_STATE_HOME (or ~/.local/state)/netlog/netlog.db. On Windows: below ProgramData
/// for an administrator, else below LOCALAPPDATA. Its directory may not exist yet.
std::filesystem::path default_recording_path();

}  // namespace netlog::platform

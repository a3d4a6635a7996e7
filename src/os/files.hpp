// SPDX-License-Identifier: MIT
#pragma once

#include "util/error.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace netlog::os {

/// Distinguishes a file from another one that has its name later.
struct FileId {
  std::uint64_t volume = 0;
  std::uint64_t number = 0;
  bool operator==(const FileId&) const = default;
};

/// What this name leads to; absent if there is nothing, or it may not be looked at.
std::optional<FileId> identify(const std::filesystem::path& path);

/// Whether this process has the file open. On Windows always true: what SQLite has open can neither
/// be renamed nor deleted there.
bool has_open(const FileId& file);

/// A group of this system whose members may read a recording.
struct Readers {
  std::uint32_t group = 0;
  std::string sid = {};  ///< Windows: its SID as text
};

/// A recording that is locked for one recorder. The file exists and no other recorder writes it.
/// Destruction releases the lock; the file stays.
class RecordingFile {
 public:
  RecordingFile() = default;
  RecordingFile(const RecordingFile&) = delete;
  RecordingFile& operator=(const RecordingFile&) = delete;
  virtual ~RecordingFile() = default;

  /// True if the file did not exist before.
  [[nodiscard]] virtual bool created() const = 0;
  /// Files of somebody else that stood where SQLite keeps its own, by the names that they have now.
  [[nodiscard]] virtual std::vector<std::filesystem::path> set_aside() const = 0;
  /// As hold_recording_file() does for the side files: renames those of somebody else and, in a
  /// sticky folder, takes their names. SQLite must have none of them open. @returns where the
  /// renamed files are now. Errors: as there.
  [[nodiscard]] virtual Result<std::vector<std::filesystem::path>> secure_side_files() = 0;
  /// True if its path still leads to it: nobody has deleted, moved or replaced it.
  [[nodiscard]] virtual bool in_place() const = 0;
  /// True if it has no name any more.
  [[nodiscard]] virtual bool is_deleted() const = 0;
  /// Where the file is now; absent if it is nowhere any more, or cannot be found.
  [[nodiscard]] virtual std::optional<std::filesystem::path> moved_to() const = 0;

  /// Lets a group read (0640) the file and SQLite's side files (-wal, -shm), and look into the
  /// directory if it is the system's directory for recordings. On Windows the group is added to the
  /// access list of each. Errors: the system's reason (not a member of that group).
  [[nodiscard]] virtual Result<void> grant_group_read(const Readers& readers) = 0;
};

/// The group with this name or number; on Windows with this SID. Errors: invalid_argument if there
/// is none; on Windows if it is no SID.
Result<Readers> find_readers(const std::string& group);

/// Opens or creates a recording and locks it. Afterwards the file and its side files are 0600, also
/// if they had other rights before: grant_group_read() has to be called for each session. A file
/// that is not a recording stays as it is. Errors: resource_unavailable_try_again if another
/// recorder holds it; else the system's reason (no such directory, permission denied, read-only,
/// not the owner); untrusted where distrust() has an objection (os/file_trust.hpp). On Windows a
/// file, or a side file, must be ours, of the system or of the administrators; its access list is
/// replaced by one for these.
Result<std::unique_ptr<RecordingFile>> hold_recording_file(const std::filesystem::path& path);

/// The whole name of a file. On Windows also of one on another machine (`\\server\share\x.db`) and
/// by a long name (`\\?\C:\x.db`), of which std::filesystem::absolute() of mingw-w64 makes another.
std::filesystem::path absolute_path(const std::filesystem::path& path);

/// Whether statfs(2) says that a file system is another machine's. Source: statfs(2),
/// linux/magic.h.
bool is_network_file_system(std::int64_t type);

/// Whether a file is, or would be, on a network drive. There SQLite's WAL cannot be shared with
/// readers on other machines. False where that is not known.
bool is_on_network(const std::filesystem::path& path);

/// Whether a recorder holds this file. On Windows always, since this cannot be asked there.
bool is_being_recorded(const std::filesystem::path& path);

/// What a file takes on its disk, at most its size: a file can be long and hold nothing. 0 if it
/// does not exist.
std::uintmax_t stored_bytes(const std::filesystem::path& path);

/// The size of the file of this name, also while a program has it open: the entry of a folder of
/// Windows can have an older one. Errors: the system's reason (no such file, a directory).
Result<std::uint64_t> current_size(const std::filesystem::path& path);

/// How large a file of this process may become (`ulimit -f`); absent: there is no limit.
std::optional<std::int64_t> file_size_limit();

/// Whether this process could open a dozen files now, as it needs for a recording. Windows has no
/// such limit.
bool may_open_more_files();

/// Creates an empty file that only its owner may read. Errors: the file exists; untrusted where
/// distrust_folder() has an objection; the system's reason.
Result<void> create_private_file(const std::filesystem::path& path);

/// Renames a finished file durably: the new name survives a power cut. Both names must be in one
/// directory. Errors: file_exists if the new name is in use; the system's reason.
Result<void> move_into_place(const std::filesystem::path& from, const std::filesystem::path& to);

/// Reads a file that holds a secret; nothing if it does not exist. Errors: it is not a regular
/// file, has more than 64 KiB, or others than its owner may use it, or that is neither root nor we
/// (not checked on Windows).
Result<std::optional<std::string>> read_private_file(const std::filesystem::path& path);

/// Creates a directory and those above it. Only its owner may use them; on Windows also the system
/// and administrators. A directory that exists stays as it is. Errors: the system's reason.
Result<void> create_private_directories(const std::filesystem::path& path);

/// The recording to use if none is named: $NETLOG_DB, else /var/lib/netlog/netlog.db for root, else
/// $XDG_STATE_HOME (or ~/.local/state)/netlog/netlog.db; empty if there is no home directory. On
/// Windows: netlog\netlog.db in ProgramData for an administrator, else in LOCALAPPDATA. Its
/// directory may not exist.
std::filesystem::path default_recording_path();

}  // namespace netlog::os

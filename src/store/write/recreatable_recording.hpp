// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/write/batch_queue.hpp"
#include "store/write/recording.hpp"
#include "store/write/writer_options.hpp"

#include <chrono>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>

#include <SQLiteCpp/Exception.h>

namespace netlog::store {

/// The recording of one session, whose file may be deleted, replaced or found damaged while it is
/// written. Then it is created again at the same path. Not thread-safe.
class RecreatableRecording {
 public:
  /// Opens or creates the file and starts the session.
  /// @throws SQLite::Exception, or StoreError: not netlog's, a newer schema.
  RecreatableRecording(std::filesystem::path path, Session session, WriterOptions options);

  /// The open recording. Only while is_open().
  [[nodiscard]] Recording& operator*() { return *recording_; }
  [[nodiscard]] Recording* operator->() { return &*recording_; }
  /// False after rename_damaged() or a recreate() that failed.
  [[nodiscard]] bool is_open() const { return recording_.has_value(); }

  /// Whether recreate() must be called before the next write: the file is not open, or it is gone.
  /// A file that was moved is not lost: see leave(). The path is looked up five times a second at
  /// most.
  bool is_lost();

  /// Whether the file was moved, and a new one is held at its path. The session goes on in the
  /// moved one until succeed(). A new file that cannot be held now is tried again once a second,
  /// and `on_message` gets one line.
  [[nodiscard]] bool is_leaving() const { return moved_to_.has_value() && new_is_held_; }

  /// Ends the session in the moved file, which is whole then, and starts it again in the new one.
  /// All connections of the session are new to it.
  /// @returns where the file is that was moved
  /// @throws SQLite::Exception (SQLITE_CANTOPEN): the moved file is closed; recreate() it.
  std::filesystem::path succeed();

  /// Closes a damaged file and renames it and its WAL, to `PATH.damaged-1` or the next free number.
  /// @returns false if it cannot be renamed, or could not be created again
  bool rename_damaged(const SQLite::Exception& damage);

  /// Creates the file and starts the session again, at `started_ns` or when the lost file was last
  /// written. All connections of the session are new to this file.
  /// @returns why, for the gap of what the new file does not have
  /// @throws SQLite::Exception (SQLITE_CANTOPEN): not now; try again later.
  DropReason recreate(std::optional<std::int64_t> started_ns);

  /// Where the damaged file is now and what was wrong with it; empty after recreate().
  [[nodiscard]] const std::string& damage() const { return damage_; }

  void set_limits(const RetentionLimits& limits);
  void close();
  /// Ends the session. A file that was moved is closed then.
  /// @returns whether the file at the path needs its WAL, since somebody else has it open
  bool end(std::int64_t ended_ns);

 private:
  [[nodiscard]] bool is_in_place() const;
  bool restore_index();
  void renew_side_files();
  void follow();
  void retire(std::int64_t ended_ns);
  void secure_side_files() const;
  void open(std::int64_t started_ns);

  std::filesystem::path path_;
  Session session_;
  WriterOptions options_;
  std::optional<Recording> recording_;
  std::chrono::steady_clock::time_point next_check_;
  std::int64_t written_until_ns_ = 0;
  Heartbeat last_heartbeat_;  ///< that was written
  std::string damage_;
  std::optional<std::filesystem::path> moved_to_;  ///< of the open file
  bool new_is_held_ = false;
  bool reported_ = false;  ///< that a new file cannot be held
};

}  // namespace netlog::store

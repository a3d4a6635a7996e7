// SPDX-License-Identifier: MIT
#pragma once

#include "store/write/item_writer.hpp"
#include "store/write/items.hpp"
#include "store/write/retention.hpp"
#include "store/write/session_start.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <span>
#include <string>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// The open file of a recording, and the session that is written to it. A call that fails throws
/// SQLite::Exception and leaves the file as it was before the call.
class Recording {
 public:
  Recording(const std::filesystem::path& path,
            const Session& session,
            const WriterOptions& options);
  Recording(const Recording&) = delete;
  Recording& operator=(const Recording&) = delete;
  ~Recording();

  [[nodiscard]] const SessionStart& start() const { return start_; }

  /// The session began in another file. A Resync brings what is open. @param there the last
  /// heartbeat in that file
  void begin_in_another_file(const Heartbeat& there);

  void set_limits(const RetentionLimits& limits);

  /// Writes items in one transaction.
  void write(std::span<const Item> batch, Detail detail = Detail::whole);
  /// Deletes some of the oldest rows if the file is over its limits, in one transaction.
  /// @returns whether it is still over them
  bool trim();
  /// Ends the session, and merges as much of the WAL as readers allow. Nothing may be written
  /// afterwards. Closing removes the WAL if nobody reads the file and it is at its path.
  /// @returns whether the file has all and nobody else has it open: it needs no WAL
  bool end(std::int64_t ended_ns);

  /// Merges the WAL and makes new side files. @returns false if a reader prevents it; then as much
  /// is merged as it allows
  bool renew_wal();
  /// Whether somebody has cut short the index of the WAL (the -shm), which this process has mapped.
  /// Nothing is committed then. Without os::go_on_when_a_mapped_file_is_cut() the process ends
  /// first.
  [[nodiscard]] bool has_lost_index();
  /// Opens the file again, which makes the index again. It must be at its path.
  void restore_index();

  /// The file is damaged: closing it leaves it and its WAL as they are.
  void abandon();
  /// Closing merges the WAL and deletes no side files: SQLite would delete them by names that now
  /// belong to another file.
  void keep_side_files();

  /// The last heartbeat that was written, with the counts of the recorder: they may have begun in
  /// another file.
  [[nodiscard]] const Heartbeat& last_heartbeat() const { return last_heartbeat_; }
  /// The latest time of an event or heartbeat that was written, UTC.
  [[nodiscard]] std::int64_t latest_ns() const { return latest_ns_; }

  /// Size of the database and its WAL, after the last commit.
  [[nodiscard]] std::int64_t bytes();

 private:
  ItemWriter& inserts();
  void bound_wal();
  bool leave_wal();
  void keep_wal_with(std::int64_t ended_ns);
  void require_wal();
  void check_size();
  [[nodiscard]] bool is_wal_cut();
  void check_wal();
  void check_index();
  void note_pages();
  [[nodiscard]] std::int64_t pages();
  [[nodiscard]] std::int64_t wal_bytes();
  void make_room_in_wal();

  std::filesystem::path path_;
  RetentionLimits limits_;
  Synchronous synchronous_;
  std::function<void(const std::string&)> on_message_;
  std::function<Result<void>()> secure_side_files_;
  bool in_wal_ = true;
  SQLite::Database database_;
  SessionStart start_;
  std::optional<Retention> retention_;  ///< absent after a restore_index() that failed
  std::optional<ItemWriter> inserts_;   ///< absent after a batch that failed
  bool reported_reader_ = false;        ///< that it keeps the WAL from being emptied
  std::int64_t now_ns_ = 0;             ///< the last heartbeat that was written, UTC
  Heartbeat last_heartbeat_;            ///< that was written, with the counts of the recorder
  std::int64_t latest_ns_ = 0;
  std::int64_t page_bytes_ = 0;
  /// In this process, when the file was opened; absent after a restore_index() that failed.
  std::optional<std::uint64_t> replaced_pages_;
  std::uint32_t wal_frames_ = 0;   ///< at the last check_wal()
  std::int64_t fewest_pages_ = 0;  ///< that the database had since check_size()
  std::int64_t file_bytes_ = 0;    ///< at the last check_size()
};

}  // namespace netlog::store

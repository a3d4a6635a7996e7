// SPDX-License-Identifier: MIT
#pragma once

#include "store/write/item_writer.hpp"
#include "store/write/items.hpp"
#include "store/write/retention.hpp"
#include "store/write/session_start.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// The open file of a recording, and the session that is written to it. A call that fails throws
/// SQLite::Exception and leaves the file as it was before the call.
class Recording {
 public:
  Recording(const std::filesystem::path& path,
            const Session& session,
            const WriterOptions& options);

  [[nodiscard]] const SessionStart& start() const { return start_; }

  /// The session began in another file: this file has none of its connections.
  void reset_ids();

  /// Writes items in one transaction.
  void write(std::span<const Item> batch);
  /// Deletes some of the oldest rows if the file is over its limits, in one transaction.
  /// @returns whether it is still over them
  bool trim();
  /// Ends the session. If nobody reads the file, its WAL is merged and removed.
  void end(std::int64_t ended_ns);

  /// Size of the database and its WAL, after the last commit.
  [[nodiscard]] std::int64_t bytes() const;

 private:
  ItemWriter& inserts();
  void make_room_in_wal();

  std::filesystem::path path_;
  std::int64_t max_bytes_;
  SQLite::Database database_;
  SessionStart start_;
  Retention retention_;
  std::optional<ItemWriter> inserts_;  ///< absent after a batch that failed
  std::int64_t now_ns_ = 0;            ///< the last heartbeat that was written, UTC
};

}  // namespace netlog::store

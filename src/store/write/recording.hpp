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

/// A recording's file with one session being written into it. Everything that fails throws
/// SQLite::Exception, and leaves the file as it was before the call.
class Recording {
 public:
  Recording(const std::filesystem::path& path,
            const Session& session,
            const WriterOptions& options);

  [[nodiscard]] const SessionStart& start() const { return start_; }

  /// The connections of a session that began elsewhere: all of them are new to this file.
  void reset_ids();

  /// One transaction.
  void write(std::span<const Item> batch);
  /// Deletes a little of what is over the limits, if anything is.
  /// @returns whether there is more
  bool trim();
  /// Ends the session and leaves one plain file where nobody reads it now.
  void end(std::int64_t ended_ns);

  /// Database and WAL, at the last commit.
  [[nodiscard]] std::int64_t bytes() const;

 private:
  ItemWriter& inserts();
  void make_room_in_wal();

  std::filesystem::path path_;
  std::int64_t max_bytes_;
  SQLite::Database database_;
  SessionStart start_;
  Retention retention_;
  std::optional<ItemWriter> inserts_;  ///< absent until the next batch after a failed one
  std::int64_t now_ns_ = 0;            ///< the latest sign of life that was written
};

}  // namespace netlog::store

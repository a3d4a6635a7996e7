// SPDX-License-Identifier: MIT
#include "store/write/recording.hpp"

#include "store/db/migrate.hpp"
#include "store/db/opening_limit.hpp"
#include "store/db/recording_check.hpp"
#include "store/db/sqlite_name.hpp"
#include "store/db/statement.hpp"
#include "util/text.hpp"

#include <algorithm>

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kCacheKiB = 8'192;
constexpr int kCheckpointPages = 4'000;
constexpr int kBusyMs = 5'000;  // for a reader that checkpoints

SQLite::Database open_for_writing(const std::filesystem::path& path) {
  SQLite::Database database{sqlite_name(path),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
                            kBusyMs};
  {
    const OpeningLimit limit{database};
    // Only a new file takes this: retention can give free pages back to the file system.
    if (database.tryExec("PRAGMA auto_vacuum = INCREMENTAL") == SQLITE_INTERRUPT) {
      refuse_slow_schema(path);
    }
  }
  migrate(database, path);
  database.exec("PRAGMA journal_mode = WAL");
  // The cache holds the pages of a batch. Checkpoints are rarer than SQLite's 1,000 pages.
  database.exec(fmt::format("PRAGMA cache_size = -{}", kCacheKiB));
  database.exec(fmt::format("PRAGMA wal_autocheckpoint = {}", kCheckpointPages));
  return database;
}

std::int64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

}  // namespace

Recording::Recording(const std::filesystem::path& path,
                     const Session& session,
                     const WriterOptions& options)
    : path_{path},
      max_bytes_{options.max_bytes},
      database_{open_for_writing(path)},
      start_{start_session(database_, session)},
      retention_{database_, options, start_.session_id},
      now_ns_{session.started_ns} {
  database_.exec(options.synchronous == Synchronous::every_batch ? "PRAGMA synchronous = FULL"
                                                                 : "PRAGMA synchronous = NORMAL");
  if (const auto wal = retention_.wal_bytes()) {
    // A commit may grow the WAL beyond the first bound; a checkpoint truncates it to the second.
    database_.exec(fmt::format("PRAGMA wal_autocheckpoint = {}",
                               *wal / 2 / database_.execAndGet("PRAGMA page_size").getInt64()));
    database_.exec(fmt::format("PRAGMA journal_size_limit = {}", *wal / 2));
  }
}

void Recording::reset_ids() {
  start_.left_open = {};
  start_.left_open_rows.clear();
}

ItemWriter& Recording::inserts() {
  return inserts_ ? *inserts_ : inserts_.emplace(database_, start_);
}

void Recording::write(std::span<const Item> batch) {
  make_room_in_wal();
  try {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    auto& rows = inserts();
    for (const auto& item : batch) {
      std::visit(rows, item);
    }
    rows.end_batch();
    transaction.commit();
  } catch (...) {
    inserts_.reset();
    throw;
  }
  for (const auto& item : batch) {
    if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      now_ns_ = heartbeat->at_ns;
    }
  }
}

bool Recording::trim() {
  if (!retention_.due(now_ns_)) {
    return false;
  }
  try {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    auto& rows = inserts();
    if (retention_.step(rows.flows(), now_ns_)) {
      rows.forget();
    }
    transaction.commit();
  } catch (...) {
    retention_.forget();
    inserts_.reset();
    throw;
  }
  return retention_.due(now_ns_);
}

/// Empties a WAL that is too large. A reader that keeps an old snapshot prevents that.
void Recording::make_room_in_wal() {
  const auto most = retention_.wal_bytes();
  if (!most || size_of(with_suffix(path_, "-wal")) <= *most) {
    return;
  }
  // Without waiting for readers.
  sqlite3_busy_timeout(database_.getHandle(), 0);
  database_.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_busy_timeout(database_.getHandle(), kBusyMs);
  if (size_of(with_suffix(path_, "-wal")) > *most && bytes() > max_bytes_) {
    throw SQLite::Exception{
        "a reader keeps the write-ahead log from being emptied, and --max-size "
        "is reached",
        SQLITE_LOCKED};
  }
}

void Recording::end(std::int64_t ended_ns) {
  SQLite::Statement end{database_, "UPDATE session SET ended_ns = ?1, alive_ns = ?1 WHERE id = ?2"};
  BoundStatement{end}.with(ended_ns).with(start_.session_id).exec();
  inserts_.reset();
  // Without a WAL the file can be read where nothing may be written. While somebody reads it, the
  // mode cannot be changed.
  const auto code = database_.tryExec("PRAGMA journal_mode = DELETE");
  if (code == SQLITE_BUSY) {
    database_.tryExec("PRAGMA wal_checkpoint(PASSIVE)");
  } else if (code != SQLITE_OK) {
    // A journal is left over: it must be rolled back, which a read-only reader cannot do.
    database_.tryExec("SELECT count(*) FROM session");
    database_.tryExec("PRAGMA journal_mode = DELETE");
  }
}

std::int64_t Recording::bytes() const {
  return size_of(path_) + size_of(with_suffix(path_, "-wal"));
}

}  // namespace netlog::store

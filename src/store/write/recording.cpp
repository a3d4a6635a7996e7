// SPDX-License-Identifier: MIT
#include "store/write/recording.hpp"

#include "os/cut_files.hpp"
#include "store/db/migrate.hpp"
#include "store/db/opening_limit.hpp"
#include "store/db/recording_check.hpp"
#include "store/db/schema.hpp"
#include "store/db/sqlite_name.hpp"
#include "store/db/statement.hpp"
#include "store/write/wal_index.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <array>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kCacheKiB = 8'192;
constexpr std::int64_t kCheckpointPages = 4'000;  // rarer than SQLite's 1,000
// Beyond --max-size, while a reader keeps the WAL: no reader may cost what is recorded meanwhile.
constexpr std::int64_t kMaxKeptWal = std::int64_t{1} << 30;

void refuse_used_up(const std::filesystem::path& path,
                    std::int64_t last_id,
                    std::string_view table) {
  constexpr std::int64_t kLargestId = std::int64_t{1} << 62;
  if (last_id >= kLargestId) {
    refuse_recording(
        path,
        fmt::format("its numbers are used up, a row of {} has the id {}; record into a new file",
                    table,
                    last_id));
  }
}

/// Ids are counted up, and SQLite chooses any after the last one.
void refuse_used_up_ids(SQLite::Database& database, const std::filesystem::path& path) {
  for (const auto& table : current_schema().tables) {
    if (table.columns.front().name != "id") {
      continue;
    }
    const auto last =
        database.execAndGet(fmt::format("SELECT max(id) FROM main.\"{}\"", table.name)).getInt64();
    refuse_used_up(path, last, table.name);
  }
  const auto last =
      database
          .execAndGet("SELECT max(last_event) FROM main.connection WHERE last_event IS NOT NULL")
          .getInt64();
  refuse_used_up(path, last, "connection (last_event)");
}

SQLite::Database open_for_writing(const std::filesystem::path& path, Synchronous synchronous) {
  SQLite::Database database{sqlite_name(path),
                            SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE | SQLite::OPEN_NOMUTEX,
                            kBusyMs};
  // Also journals of single statements: there may be no place for temporary files.
  database.exec("PRAGMA temp_store = MEMORY");
  {
    const OpeningLimit limit{database};
    // Only a new file takes this: retention can give free pages back to the file system.
    if (database.tryExec("PRAGMA auto_vacuum = INCREMENTAL") == SQLITE_INTERRUPT) {
      refuse_slow_schema(path);
    }
  }
  migrate(database, path);
  refuse_used_up_ids(database, path);
  database.exec("PRAGMA journal_mode = WAL");
  // The cache holds the pages of a batch.
  database.exec(fmt::format("PRAGMA cache_size = -{}", kCacheKiB));
  database.exec(synchronous == Synchronous::every_batch ? "PRAGMA synchronous = FULL"
                                                        : "PRAGMA synchronous = NORMAL");
  return database;
}

std::optional<std::int64_t> size_of(SQLite::Database& database, int which) {
  auto* const file = open_file(database, which);
  sqlite3_int64 size = 0;
  return file != nullptr && file->pMethods->xFileSize(file, &size) == SQLITE_OK
             ? std::optional<std::int64_t>{size}
             : std::nullopt;
}

/// A size that is not known is not 0.
bool is_empty(const std::optional<std::int64_t>& size) {
  return size == std::optional<std::int64_t>{0};
}

/// Sets the format versions of the header (sqlite.org/fileformat.html, 1.3.3), if nobody else has
/// the file open. @returns false if somebody has, or has written to the WAL, or it failed
bool mark_as_without_wal(SQLite::Database& database) {
  constexpr int kVersionsAt = 18;
  constexpr std::array<char, 2> kWithWal{2, 2};
  constexpr std::array<char, 2> kWithout{1, 1};
  constexpr int kSize = kWithout.size();
  auto* const file = open_file(database, SQLITE_FCNTL_FILE_POINTER);
  if (file == nullptr) {
    return false;
  }
  const auto& call = *file->pMethods;
  std::array<char, 2> now{};
  // A lock that fails half-way keeps others out, so it is given back, too.
  const bool is_ours = call.xLock(file, SQLITE_LOCK_EXCLUSIVE) == SQLITE_OK;
  const bool is_marked = is_ours && is_empty(size_of(database, SQLITE_FCNTL_JOURNAL_POINTER)) &&
                         call.xRead(file, now.data(), kSize, kVersionsAt) == SQLITE_OK &&
                         now == kWithWal &&
                         call.xWrite(file, kWithout.data(), kSize, kVersionsAt) == SQLITE_OK &&
                         call.xSync(file, SQLITE_SYNC_NORMAL) == SQLITE_OK;
  call.xUnlock(file, SQLITE_LOCK_SHARED);
  return is_marked;
}

}  // namespace

Recording::Recording(const std::filesystem::path& path,
                     const Session& session,
                     const WriterOptions& options)
    : path_{path},
      limits_{options.limits},
      synchronous_{options.synchronous},
      on_message_{options.on_message ? options.on_message : [](const std::string&) {}},
      secure_side_files_{options.secure_side_files},
      database_{open_for_writing(path, synchronous_)},
      start_{start_session(database_, session)},
      retention_{std::in_place, database_, limits_, start_.session_id},
      now_ns_{session.started_ns},
      latest_ns_{session.started_ns},
      page_bytes_{database_.execAndGet("PRAGMA page_size").getInt64()},
      replaced_pages_{os::replaced_pages()} {
  bound_wal();
}

Recording::~Recording() {
  if (has_lost_index() || is_wal_cut()) {
    abandon();  // closing would merge it
  }
}

void Recording::set_limits(const RetentionLimits& limits) {
  limits_ = limits;
  if (retention_) {
    retention_->set_limits(limits);
    bound_wal();
  }
}

/// A commit may grow the WAL beyond the first bound; a checkpoint truncates it to the second.
void Recording::bound_wal() {
  const auto wal = retention_->wal_bytes();
  const auto checkpoint_pages = wal ? *wal / 2 / page_bytes_ : kCheckpointPages;
  database_.exec(fmt::format("PRAGMA wal_autocheckpoint = {}", checkpoint_pages));
  database_.exec(fmt::format("PRAGMA journal_size_limit = {}", wal ? *wal / 2 : -1));
}

void Recording::begin_in_another_file(const Heartbeat& there) {
  last_heartbeat_ = there;
  start_.begin_in_another_file(there);
}

ItemWriter& Recording::inserts() {
  return inserts_ ? *inserts_ : inserts_.emplace(database_, start_);
}

void Recording::write(std::span<const Item> batch, Detail detail) {
  require_wal();
  check_size();
  make_room_in_wal();
  try {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    auto& rows = inserts();
    rows.set_detail(detail);
    for (const auto& item : batch) {
      std::visit(rows, item);
    }
    rows.end_batch();
    check_wal();
    transaction.commit();
  } catch (...) {
    inserts_.reset();
    check_index();  // the error may come from it
    throw;
  }
  note_pages();
  for (const auto& item : batch) {
    if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      last_heartbeat_ = *heartbeat;
      now_ns_ = heartbeat->at_ns;
      latest_ns_ = std::max(latest_ns_, now_ns_);
    } else if (const auto* const of = std::get_if<ConnectionEvents>(&item)) {
      for (const auto& event : of->events) {
        latest_ns_ = std::max(latest_ns_, event.at.at_ns);
      }
    } else if (const auto* const step = std::get_if<ClockStep>(&item)) {
      now_ns_ += step->step_ns;
      latest_ns_ += step->step_ns;
      retention_->note_clock_step(*step);
    }
  }
}

bool Recording::trim() {
  if (!retention_ || !retention_->due(now_ns_)) {
    return false;
  }
  try {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    auto& rows = inserts();
    if (retention_->step(rows.flows(), now_ns_)) {
      rows.forget();
    }
    check_wal();
    transaction.commit();
  } catch (...) {
    retention_->forget();
    inserts_.reset();
    check_index();
    throw;
  }
  note_pages();
  return retention_->due(now_ns_);
}

/// Never throws: it is called when a transaction is committed.
std::int64_t Recording::pages() {
  try {
    return database_.execAndGet("PRAGMA page_count").getInt64();
  } catch (const SQLite::Exception&) {
    return 0;
  }
}

void Recording::note_pages() {
  fewest_pages_ = std::min(fewest_pages_, pages());
}

/// Somebody's checkpoint first sets the count to 0, and cuts the WAL then.
bool Recording::is_wal_cut() {
  constexpr std::int64_t kHeader = 32;
  constexpr std::int64_t kFrameHeader = 24;
  auto* const wal = open_file(database_, SQLITE_FCNTL_JOURNAL_POINTER);
  if (wal == nullptr) {
    return false;
  }
  const auto frames = frames_in_wal(database_).value_or(0);
  const auto bytes = size_of(database_, SQLITE_FCNTL_JOURNAL_POINTER);
  const auto end_of = [&](std::int64_t frame) {
    return kHeader + frame * (kFrameHeader + page_bytes_);
  };
  // A commit in the same moment has made the WAL as long as before, with a hole. No frame begins
  // with 0: that is the number of its page.
  const auto before = std::exchange(wal_frames_, frames);
  std::array<char, 4> page{1};
  if (before > 0 && before <= frames) {
    wal->pMethods->xRead(wal, page.data(), static_cast<int>(page.size()), end_of(before - 1));
  }
  const bool is_cut =
      bytes && frames > 0 && (*bytes < end_of(frames) || page == std::array<char, 4>{});
  return is_cut && frames_in_wal(database_) == frames;
}

/// A commit would leave a hole in a WAL that was cut short, and a checkpoint would copy it.
void Recording::check_wal() {
  check_index();
  if (is_wal_cut()) {
    throw SQLite::Exception{"somebody has cut its -wal short", SQLITE_CORRUPT};
  }
}

/// The file only shrinks when the database has fewer pages. A checkpoint would hide that somebody
/// has cut it short.
void Recording::check_size() {
  check_wal();
  note_pages();
  const auto now_bytes = size_of(database_, SQLITE_FCNTL_FILE_POINTER);
  if (!now_bytes) {
    return;
  }
  const auto least_bytes = std::min(file_bytes_, fewest_pages_ * page_bytes_);
  file_bytes_ = *now_bytes;
  fewest_pages_ = pages();
  if (*now_bytes < least_bytes) {
    throw SQLite::Exception{"somebody has cut the file short", SQLITE_CORRUPT};
  }
}

/// Empties a WAL that is too large. A reader that keeps an old snapshot prevents that.
void Recording::make_room_in_wal() {
  const auto most = retention_->wal_bytes();
  if (!most || (!reported_reader_ && wal_bytes() <= *most)) {
    return;
  }
  // Without waiting for readers.
  sqlite3_busy_timeout(database_.getHandle(), 0);
  database_.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
  sqlite3_busy_timeout(database_.getHandle(), kBusyMs);
  const bool is_kept = wal_bytes() > *most;
  const auto over = is_kept ? bytes() - limits_.max_bytes : 0;
  if (over > kMaxKeptWal) {
    throw SQLite::Exception{
        "a reader keeps the write-ahead log from being emptied, which is 1 GiB over --max-size",
        SQLITE_LOCKED};
  }
  if (over > 0 && !std::exchange(reported_reader_, true)) {
    on_message_(
        fmt::format("a reader keeps the write-ahead log of {} from being emptied; it grows "
                    "beyond --max-size until that reader ends",
                    utf8(path_)));
  } else if (!is_kept && std::exchange(reported_reader_, false)) {
    on_message_(fmt::format("the write-ahead log of {} is emptied again", utf8(path_)));
  }
}

/// Nothing is written without a WAL.
void Recording::require_wal() {
  if (!in_wal_ && !renew_wal()) {
    throw SQLite::Exception{"somebody reads the file, and its WAL cannot be made", SQLITE_BUSY};
  }
}

bool Recording::end(std::int64_t ended_ns) {
  require_wal();
  check_wal();
  SQLite::Statement end{database_, "UPDATE session SET ended_ns = ?1, alive_ns = ?1 WHERE id = ?2"};
  BoundStatement{end}.with(ended_ns).with(start_.session_id).exec();
  const bool is_left = leave_wal();
  if (!is_left) {
    keep_wal_with(ended_ns);
  }
  return is_left;
}

/// Somebody else has the file open, so it stays marked as one with a WAL. An empty WAL, or none,
/// would look as if rows were missing: the end is written once more, and closing deletes nothing.
void Recording::keep_wal_with(std::int64_t ended_ns) {
  keep_side_files();
  database_.tryExec("PRAGMA journal_size_limit = -1");  // closing cuts the WAL to it
  database_.tryExec(
      fmt::format("BEGIN; UPDATE session SET ended_ns = NULL WHERE id = {0}; "
                  "UPDATE session SET ended_ns = {1} WHERE id = {0}; COMMIT",
                  start_.session_id,
                  ended_ns));
}

/// Merges the WAL and marks the file as one without. Opens no name: others may have put files where
/// SQLite would look for a -journal, and beside a file that was moved. Afterwards nothing may be
/// written. @returns whether the file needs no side files any more: the WAL is merged, and nobody
/// else has the file open
bool Recording::leave_wal() {
  inserts_.reset();
  sqlite3_busy_timeout(database_.getHandle(), 0);
  database_.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
  // Without a WAL the file can be read where nothing may be written.
  return mark_as_without_wal(database_);
}

bool Recording::renew_wal() {
  inserts_.reset();
  if (in_wal_) {
    check_wal();
    sqlite3_busy_timeout(database_.getHandle(), 0);
    // Whoever has moved the WAL must not merge it a second time, later.
    database_.tryExec("PRAGMA wal_checkpoint(TRUNCATE)");
    const bool has_left = is_empty(size_of(database_, SQLITE_FCNTL_JOURNAL_POINTER)) &&
                          database_.tryExec("PRAGMA journal_mode = OFF") == SQLITE_OK &&
                          open_file(database_, SQLITE_FCNTL_JOURNAL_POINTER) == nullptr;
    sqlite3_busy_timeout(database_.getHandle(), kBusyMs);
    if (!has_left) {
      return false;
    }
  }
  in_wal_ = false;
  // From here on SQLite opens whatever has these names.
  if (secure_side_files_) {
    if (const auto secured = secure_side_files_(); !secured) {
      throw SQLite::Exception{secured.error().message().c_str(), SQLITE_CANTOPEN};
    }
  }
  // The first read opens the side files.
  in_wal_ = database_.tryExec("PRAGMA journal_mode = WAL") == SQLITE_OK &&
            database_.tryExec("SELECT count(*) FROM session") == SQLITE_OK;
  return in_wal_;
}

bool Recording::has_lost_index() {
  const bool has_index = open_file(database_, SQLITE_FCNTL_JOURNAL_POINTER) != nullptr;
  const bool is_there = !has_index || is_index_whole(database_);
  return !is_there || os::replaced_pages() != replaced_pages_;
}

void Recording::check_index() {
  if (has_lost_index()) {
    throw SQLite::Exception{"somebody has cut its -shm short", SQLITE_BUSY};
  }
}

/// Another connection of this process would get the mapping with the replaced pages, so this one is
/// closed first.
void Recording::restore_index() {
  inserts_.reset();
  retention_.reset();
  replaced_pages_.reset();
  invalidate_index(database_);
  abandon();
  database_ = SQLite::Database{":memory:"};
  const auto replaced_pages = os::replaced_pages();
  database_ = open_for_writing(path_, synchronous_);
  retention_.emplace(database_, limits_, start_.session_id);
  bound_wal();
  replaced_pages_ = replaced_pages;
}

void Recording::abandon() {
  sqlite3_db_config(database_.getHandle(), SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr);
}

void Recording::keep_side_files() {
  int keep = 1;
  sqlite3_file_control(database_.getHandle(), "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

std::int64_t Recording::wal_bytes() {
  return size_of(database_, SQLITE_FCNTL_JOURNAL_POINTER).value_or(0);
}

std::int64_t Recording::bytes() {
  return size_of(database_, SQLITE_FCNTL_FILE_POINTER).value_or(0) + wal_bytes();
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/db/store_error.hpp"
#include "store/write/batch_queue.hpp"
#include "store/write/items.hpp"
#include "store/write/left_open.hpp"
#include "store/write/writer_options.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace netlog::store {

class WriterThread;

struct WriterTotals {
  std::int64_t events = 0;        ///< committed
  std::int64_t file_bytes = 0;    ///< of the database and its WAL, after the last commit
  std::int64_t ticks = 0;         ///< of the recorder, on record; written once a second
  bool needs_wal = false;         ///< it has ended, and somebody has the file open
  std::int64_t queued_items = 0;  ///< that wait to be written
  std::int64_t queue_limit = 0;   ///< so many are a full queue
  bool outage = false;            ///< the file cannot be written now
};

/// One session being recorded. A thread of its own writes what is pushed, in transactions. What
/// cannot be written now (a full or failing disk, a read-only file system, a lock of another
/// program) is kept as far as the queue holds it, and tried again.
class Writer {
 public:
  /// Opens or creates the recording and starts a session. What an earlier session left open is
  /// closed if it did not survive a reboot; the time since then becomes a gap.
  /// @throws StoreError: not a database, not netlog's, a newer schema, not writable.
  Writer(const std::filesystem::path& path, const Session& session, WriterOptions options = {});
  Writer(const Writer&) = delete;
  Writer& operator=(const Writer&) = delete;
  /// Without finish(): what is queued is still written, errors are lost.
  ~Writer();

  [[nodiscard]] const LeftOpen& left_open() const;

  /// Queues items. Waits while the queue is full, but not during an outage.
  /// @throws StoreError what stopped the thread, if something has.
  PushResult push(std::vector<Item> items);

  /// Writes all that is queued, ends the session at `ended_ns` (UTC), checkpoints and closes.
  /// @throws StoreError what stopped the thread, or what cannot be written now.
  void finish(std::int64_t ended_ns);

  /// From the next batch on.
  void set_limits(const RetentionLimits& limits);

  [[nodiscard]] WriterTotals totals() const;

 private:
  std::unique_ptr<WriterThread> thread_;
};

}  // namespace netlog::store

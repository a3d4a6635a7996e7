// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/write/batch_queue.hpp"
#include "store/write/left_open.hpp"
#include "store/write/recreatable_recording.hpp"
#include "store/write/writer.hpp"
#include "store/write/writer_options.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <mutex>
#include <optional>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <SQLiteCpp/Exception.h>

namespace netlog::store {

/// The thread that writes the batches of a queue to a recording, one transaction each. A batch that
/// cannot be written now is kept and tried again; a file that was lost is created again.
class WriterThread {
 public:
  /// Opens the recording on the caller's thread, then starts the thread.
  /// @throws StoreError as Writer does.
  WriterThread(std::filesystem::path path, const Session& session, WriterOptions options);
  WriterThread(const WriterThread&) = delete;
  WriterThread& operator=(const WriterThread&) = delete;
  ~WriterThread() { stop(); }

  [[nodiscard]] BatchQueue& queue() { return queue_; }
  [[nodiscard]] const LeftOpen& left_open() const { return left_open_; }
  [[nodiscard]] WriterTotals totals();

  /// May be called on any thread.
  void set_limits(const RetentionLimits& limits);

  /// Writes what is queued, ends the thread and then the session.
  /// @throws StoreError what stopped the thread, or what cannot be written now.
  void finish(std::int64_t ended_ns);

 private:
  void record_last_loss(std::int64_t ended_ns);
  void check_is_open();
  void stop();
  void run();
  void take_limits();
  void write(std::vector<Item>& batch);
  void look_at_file();
  void begin_new_file();
  void ask_for_resync();
  void write_part(std::span<const Item> batch, std::size_t& written);
  void trim(std::size_t written);
  void recreate_file(std::vector<Item>& batch, std::size_t& written);
  void wait_before_retry(const SQLite::Exception& error);
  void report(const std::string& message) const;

  const std::filesystem::path path_;
  const WriterOptions options_;
  RecreatableRecording recording_;  ///< of the thread, while that runs
  const LeftOpen left_open_;
  BatchQueue queue_;
  std::size_t transaction_items_;  ///< at most
  Detail detail_ = Detail::whole;  ///< of the batch that is being written
  bool resync_asked_ = false;      ///< for a new file, in the place of one that was moved
  std::mutex limits_mutex_;
  std::optional<RetentionLimits> new_limits_;  ///< that the thread has not taken yet
  std::atomic<std::int64_t> events_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::atomic<std::int64_t> ticks_{0};
  std::atomic<bool> needs_wal_{false};
  std::thread thread_;
};

}  // namespace netlog::store

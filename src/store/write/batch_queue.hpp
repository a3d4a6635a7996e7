// SPDX-License-Identifier: MIT
#pragma once

#include "store/write/items.hpp"

#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <exception>
#include <mutex>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace netlog::store {

/// Why items were dropped.
struct DropReason {
  std::string reason;  ///< a short fixed phrase, stored as a gap's reason
  std::string detail;  ///< one line, stored as a gap's detail
};

/// The result of one push.
struct PushResult {
  std::chrono::nanoseconds blocked{};  ///< how long it waited for room
  std::vector<Item> dropped;  ///< of this push or of earlier ones: the file will never have them
  DropReason why;             ///< meaningful if `dropped` is not empty
  bool wants_resync = false;  ///< push all open connections as a Resync now
  std::vector<Item> spare;    ///< empty, with memory for the next items
};

/// The queue of items between the sampling thread and the writer thread. It is bounded: push()
/// waits while the queue is full. During an outage (the writer thread cannot write) it does not
/// wait. Then a full queue is dropped, and so is what is pushed, until a Resync comes. Items that
/// the tracker cannot produce again (gaps, clock steps, service names) are never dropped.
///
/// Knows nothing of files. Each function may be called from the thread named above it.
class BatchQueue {
 public:
  struct Limits {
    std::size_t max_items = 0;                ///< a queue with so many items is full
    std::size_t flush_items = 0;              ///< so many are a batch at once
    std::chrono::milliseconds flush_after{};  ///< fewer items are a batch after this time
    std::chrono::milliseconds idle_after{0};  ///< an empty batch after this time; 0: never
  };

  explicit BatchQueue(Limits limits) : limits_{limits} {}

  // The sampling thread.

  /// Appends items, or drops them. @throws what fail() was given.
  PushResult push(std::vector<Item> items);
  /// No more items will come: the writer thread writes what is queued and ends.
  void stop();
  /// @throws what fail() was given, if anything was.
  void rethrow_failure();
  /// What was dropped since the last push, and why.
  std::pair<std::vector<Item>, DropReason> take_dropped();

  // Any thread.

  struct Fill {
    std::size_t items = 0;  ///< queued, without the batch that is being written
    bool outage = false;
  };
  Fill fill();

  // The writer thread.

  /// Waits for items: the first time for any, later for a batch. @returns all that are queued, in
  /// order; none after `idle_after`; nothing when the queue is empty and stop() was called.
  std::optional<std::vector<Item>> next_batch();
  /// The batch is done with. Its memory serves again.
  void give_back(std::vector<Item> batch);
  /// The batch could not be written. push() no longer waits.
  /// @returns true if no outage was under way
  bool begin_outage(DropReason why);
  /// A batch was written. @returns true if an outage was under way
  bool end_outage();
  /// Waits before the same batch is tried again; less once stop() is called.
  /// @returns false if stop() was called and the batch has been tried again since: give it up.
  bool wait_before_retry(std::chrono::milliseconds wait);
  /// Asks for a Resync; nothing is dropped.
  void ask_for_resync();
  /// The file was lost and is new, which ends an outage. Drops what a new file cannot take, of
  /// `batch` and of the queue, and asks for a Resync.
  void drop_for_new_file(std::vector<Item>& batch, DropReason why);
  /// The writer thread ends with an error.
  void fail(std::exception_ptr failure);

 private:
  [[nodiscard]] bool has_room() const { return items_.size() < limits_.max_items; }

  const Limits limits_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> items_;
  std::vector<Item> spare_;    ///< empty, with memory for the next items
  std::vector<Item> dropped_;  ///< that no push has returned yet
  DropReason why_;
  bool outage_ = false;        ///< the current batch could not be written yet
  bool needs_resync_ = false;  ///< items were dropped, and no Resync has come since
  bool resync_asked_ = false;
  bool stopping_ = false;
  bool has_given_ = false;  ///< a batch with items
  bool tried_since_stop_ = false;
  std::exception_ptr failure_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/write/writer.hpp"

#include "store/write/recording.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <exception>
#include <iterator>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <utility>

#include <SQLiteCpp/Exception.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

// After each part of a batch: so many steps at least, and one for so many items.
constexpr std::size_t kTrims = 4;
constexpr std::size_t kItemsATrim = 250;
constexpr std::chrono::seconds kLookEvery{1};
// What a transaction writes is there before anything can be trimmed for it: a small file takes
// small ones, 5,000 items for 64 MiB.
constexpr std::int64_t kLimitForAnItem = 12'288;
constexpr std::size_t kMinItems = 1'000;

WriterOptions fitted(WriterOptions options) {
  if (options.max_bytes > 0) {
    const auto most = static_cast<std::size_t>(options.max_bytes / kLimitForAnItem);
    options.flush_items = std::min(options.flush_items, std::max(most, kMinItems));
  }
  return options;
}

std::string_view advice(int code) {
  switch (code) {
    case SQLITE_FULL:
      return "; free some space, what was committed is safe";
    case SQLITE_NOTADB:
      return "; name another file with --db";
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
      return "; check that its directory exists and may be written";
    case SQLITE_CORRUPT:
      return "; keep a copy, then record into a new file";
    default:
      return "";
  }
}

StoreError wrap(std::string_view doing,
                const std::filesystem::path& path,
                const SQLite::Exception& error) {
  return StoreError{fmt::format("cannot {} {}: {} [sqlite:{}]{}",
                                doing,
                                utf8(path),
                                one_line(error.what()),
                                error.getExtendedErrorCode(),
                                advice(error.getErrorCode()))};
}

/// What may be otherwise in a moment, by nothing that we do.
bool is_transient(const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
      return true;
    default:
      return false;
  }
}

bool is_damage(const SQLite::Exception& error) {
  return error.getErrorCode() == SQLITE_CORRUPT || error.getErrorCode() == SQLITE_NOTADB;
}

std::string reason_of(const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      return "disk full";
    case SQLITE_READONLY:
      return "file became read-only";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "file locked by another process";
    default:
      return "file could not be written";
  }
}

/// What is few and cannot be told again.
bool stays(const Item& item) {
  return std::holds_alternative<Gap>(item) || std::holds_alternative<ClockStep>(item) ||
         std::holds_alternative<ServiceName>(item) || std::holds_alternative<Resync>(item);
}

/// Moves the rest out of `items`.
void set_aside(std::vector<Item>& items, std::vector<Item>& dropped) {
  const auto first = std::stable_partition(items.begin(), items.end(), stays);
  dropped.insert(
      dropped.end(), std::make_move_iterator(first), std::make_move_iterator(items.end()));
  items.erase(first, items.end());
}

}  // namespace

class Writer::Thread {
 public:
  Thread(std::filesystem::path path, Session session, WriterOptions options)
      : path_{std::move(path)}, session_{std::move(session)}, options_{fitted(std::move(options))} {
    try {
      recording_.emplace(path_, session_, options_);
    } catch (const SQLite::Exception& error) {
      throw wrap("open recording", path_, error);
    }
    left_open_ = recording_->start().left_open;
    thread_ = std::thread{[this] { run(); }};
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { stop(); }

  [[nodiscard]] const LeftOpen& left_open() const { return left_open_; }

  Pushed push(std::vector<Item> items) {
    Pushed pushed;
    std::unique_lock lock{mutex_};
    const auto room = [&] {
      return queue_.size() < options_.queue_items || failure_ || outage_ || lossy_;
    };
    if (!room()) {
      const auto began = std::chrono::steady_clock::now();
      changed_.wait(lock, room);
      pushed.blocked = std::chrono::steady_clock::now() - began;
    }
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    const bool census = std::any_of(items.begin(), items.end(), [](const Item& item) {
      return std::holds_alternative<Resync>(item);
    });
    lossy_ = lossy_ && !census;
    if (!lossy_ && !census && queue_.size() >= options_.queue_items) {
      lossy_ = true;
      set_aside(queue_, dropped_);
    }
    if (lossy_) {
      set_aside(items, dropped_);
    }
    if (queue_.empty()) {
      queue_ = std::move(items);
    } else {
      queue_.insert(queue_.end(),
                    std::make_move_iterator(items.begin()),
                    std::make_move_iterator(items.end()));
    }
    pushed.dropped = std::exchange(dropped_, {});
    pushed.why = reason_;
    pushed.detail = detail_;
    pushed.wants_census = lossy_ && !outage_;
    lock.unlock();
    changed_.notify_all();
    return pushed;
  }

  void finish(std::int64_t ended_ns) {
    stop();
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    if (!recording_) {
      throw StoreError{fmt::format(
          "cannot end the session in recording {}: the file is gone, {}", utf8(path_), damage_)};
    }
    try {
      recording_->end(ended_ns);
    } catch (const SQLite::Exception& error) {
      throw wrap("end the session in recording", path_, error);
    }
    bytes_ = recording_->bytes();
    recording_.reset();
  }

  [[nodiscard]] WriterTotals totals() const { return {events_.load(), bytes_.load()}; }

 private:
  void stop() {
    {
      const std::lock_guard lock{mutex_};
      stopping_ = true;
    }
    changed_.notify_all();
    if (thread_.joinable()) {
      thread_.join();
    }
  }

  void run() {
    try {
      while (auto batch = next_batch()) {
        write_until_written(std::move(*batch));
      }
    } catch (const SQLite::Exception& error) {
      fail(std::make_exception_ptr(wrap("write recording", path_, error)));
    } catch (...) {
      fail(std::current_exception());
    }
  }

  /// What came in since the last batch, as soon as it is enough or old enough; nothing when all is
  /// written and we stop.
  std::optional<std::vector<Item>> next_batch() {
    std::unique_lock lock{mutex_};
    changed_.wait(lock, [&] { return stopping_ || !queue_.empty(); });
    changed_.wait_for(lock, options_.flush_after, [&] {
      return stopping_ || queue_.size() >= options_.flush_items;
    });
    if (queue_.empty()) {
      return std::nullopt;
    }
    auto batch = std::exchange(queue_, {});
    lock.unlock();
    changed_.notify_all();
    return batch;
  }

  void write_until_written(std::vector<Item> batch) {
    for (std::size_t written = 0; written < batch.size();) {
      try {
        if (moved()) {
          recreate_file(batch, written);
          continue;
        }
        const auto part = std::span{batch}.subspan(
            written, std::min(options_.flush_items, batch.size() - written));
        recording_->write(part);
        written += part.size();
        events_ += std::count_if(part.begin(), part.end(), [](const Item& item) {
          return std::holds_alternative<Event>(item);
        });
        bytes_ = recording_->bytes();
        end_outage();
        trim(part.size());
      } catch (const SQLite::Exception& error) {
        if (is_damage(error) && move_damaged_away(error)) {
          continue;
        }
        wait_before_retry(error);
      }
    }
  }

  /// More than what was written can have added, or a busy recording would outgrow its limit.
  void trim(std::size_t written) {
    try {
      for (auto steps = kTrims + written / kItemsATrim; steps > 0 && recording_->trim(); --steps) {
      }
      bytes_ = recording_->bytes();
    } catch (const SQLite::Exception& error) {
      if (!is_transient(error) && !(is_damage(error) && move_damaged_away(error))) {
        throw;
      }
    }
  }

  /// Somebody has deleted the file, or put another one in its place.
  bool moved() {
    const auto now = std::chrono::steady_clock::now();
    if (!recording_) {
      return true;
    }
    if (!options_.in_place || now < look_at_) {
      return false;
    }
    look_at_ = now + kLookEvery;
    return !options_.in_place();
  }

  bool move_damaged_away(const SQLite::Exception& error) {
    if (!options_.reopen) {
      return false;
    }
    std::error_code failed;
    std::filesystem::path aside;
    int count = 0;
    do {
      aside = with_suffix(path_, fmt::format(".damaged-{}", ++count).c_str());
    } while (std::filesystem::exists(std::filesystem::symlink_status(aside, failed)));
    recording_.reset();
    std::filesystem::rename(path_, aside, failed);
    if (failed) {
      return false;
    }
    for (const auto* const side : {"-wal", "-shm"}) {
      std::filesystem::rename(with_suffix(path_, side), with_suffix(aside, side), failed);
    }
    damage_ = fmt::format("what there was is {} now: {}", utf8(aside), one_line(error.what()));
    return true;
  }

  /// A new file in the place of one that is gone; what `batch` tells of connections does not fit
  /// it.
  void recreate_file(std::vector<Item>& batch, std::size_t& written) {
    recording_.reset();
    if (auto taken = options_.reopen(); !taken) {
      throw SQLite::Exception{
          fmt::format("it was deleted or replaced, and cannot be made again: {}",
                      taken.error().message())
              .c_str(),
          SQLITE_CANTOPEN};
    }
    session_.started_ns = latest(batch).value_or(session_.started_ns);
    try {
      recording_.emplace(path_, session_, options_);
    } catch (const StoreError& error) {
      throw SQLite::Exception{error.what(), SQLITE_CANTOPEN};
    }
    recording_->reset_ids();
    batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(written));
    written = 0;
    {
      const std::lock_guard lock{mutex_};
      reason_ = damage_.empty() ? "file was deleted or replaced" : "file was damaged";
      detail_ = damage_.empty() ? "what it held is not here" : damage_;
      lossy_ = true;
      set_aside(batch, dropped_);
      set_aside(queue_, dropped_);
    }
    changed_.notify_all();
    say(damage_.empty()
            ? fmt::format("recording into a new {}: the file was deleted or replaced", utf8(path_))
            : fmt::format("recording into a new {}: the file was damaged, {}",
                          utf8(path_),
                          std::exchange(damage_, {})));
  }

  static std::optional<std::int64_t> latest(const std::vector<Item>& batch) {
    std::optional<std::int64_t> latest;
    for (const auto& item : batch) {
      if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
        latest = heartbeat->at_ns;
      }
    }
    return latest;
  }

  /// Until the next try. @throws the error when it will not pass, or when we are to stop.
  void wait_before_retry(const SQLite::Exception& error) {
    if (!is_transient(error)) {
      throw error;
    }
    bool begins = false;
    {
      std::unique_lock lock{mutex_};
      begins = !std::exchange(outage_, true);
      reason_ = reason_of(error);
      detail_ = one_line(error.what());
    }
    changed_.notify_all();
    if (begins) {
      say(wrap("write recording", path_, error).what() +
          std::string{"; sampling goes on, what can be held is written when it works again"});
    }
    std::unique_lock lock{mutex_};
    if (stopping_ && std::exchange(last_try_, true)) {
      throw error;
    }
    changed_.wait_for(lock, options_.retry_after, [&] { return stopping_ && !last_try_; });
  }

  void end_outage() {
    bool ended = false;
    {
      const std::lock_guard lock{mutex_};
      ended = std::exchange(outage_, false);
      last_try_ = false;
    }
    if (ended) {
      say(fmt::format("recording into {} again", utf8(path_)));
    }
  }

  void say(const std::string& text) const {
    if (options_.tell) {
      options_.tell(text);
    }
  }

  void fail(std::exception_ptr failure) {
    {
      const std::lock_guard lock{mutex_};
      failure_ = std::move(failure);
    }
    changed_.notify_all();
  }

  std::filesystem::path path_;
  Session session_;
  WriterOptions options_;
  LeftOpen left_open_;

  // Of the thread.
  std::optional<Recording> recording_;  ///< absent while its file cannot be made again
  std::chrono::steady_clock::time_point look_at_;
  std::string damage_;  ///< why the file is to be begun anew, if not because it is gone

  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> queue_;
  std::vector<Item> dropped_;
  bool outage_ = false;    ///< the batch under way could not be written yet
  bool lossy_ = false;     ///< something was dropped; what tells of connections waits for a census
  bool last_try_ = false;  ///< we are to stop, and have tried once more
  std::string reason_;
  std::string detail_;
  bool stopping_ = false;
  std::exception_ptr failure_;

  std::atomic<std::int64_t> events_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::thread thread_;
};

Writer::Writer(const std::filesystem::path& path, const Session& session, WriterOptions options)
    : thread_{std::make_unique<Thread>(path, session, std::move(options))} {}

Writer::~Writer() = default;

const LeftOpen& Writer::left_open() const {
  return thread_->left_open();
}

Pushed Writer::push(std::vector<Item> items) {
  return thread_->push(std::move(items));
}

void Writer::finish(std::int64_t ended_ns) {
  thread_->finish(ended_ns);
}

WriterTotals Writer::totals() const {
  return thread_->totals();
}

}  // namespace netlog::store

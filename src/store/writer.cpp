// SPDX-License-Identifier: MIT
#include "store/writer.hpp"

#include "base/text.hpp"
#include "store/inserts.hpp"
#include "store/migrate.hpp"

#include <atomic>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kBusyMs = 5'000;  // a reader that checkpoints, or a migration by another process

std::string_view advice(int code) {
  switch (code) {
    case SQLITE_FULL:
      return "; free some space and start again, what was committed is safe";
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
                                error.what(),
                                error.getExtendedErrorCode(),
                                advice(error.getErrorCode()))};
}

SQLite::Database open_for_writing(const std::filesystem::path& path) {
  try {
    SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE, kBusyMs};
    migrate(database, path);
    database.exec("PRAGMA journal_mode = WAL");
    database.exec("PRAGMA synchronous = FULL");
    return database;
  } catch (const SQLite::Exception& error) {
    throw wrap("open recording", path, error);
  }
}

std::int64_t size_of(const std::filesystem::path& path) {
  std::error_code error;
  const auto size = std::filesystem::file_size(path, error);
  return error ? 0 : static_cast<std::int64_t>(size);
}

}  // namespace

class Writer::Thread {
 public:
  Thread(std::filesystem::path path, const Session& session, WriterOptions options)
      : path_{std::move(path)}, options_{options}, database_{open_for_writing(path_)} {
    try {
      SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
      inserts_.emplace(database_, session);
      transaction.commit();
    } catch (const SQLite::Exception& error) {
      throw wrap("begin a session in recording", path_, error);
    }
    thread_ = std::thread{[this] { run(); }};
  }
  Thread(const Thread&) = delete;
  Thread& operator=(const Thread&) = delete;
  ~Thread() { stop(); }

  std::chrono::nanoseconds push(std::vector<Item> items) {
    std::unique_lock lock{mutex_};
    const auto room = [&] { return queue_.size() < options_.queue_items || failure_; };
    std::chrono::nanoseconds blocked{};
    if (!room()) {
      const auto began = std::chrono::steady_clock::now();
      changed_.wait(lock, room);
      blocked = std::chrono::steady_clock::now() - began;
    }
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    queue_.insert(
        queue_.end(), std::make_move_iterator(items.begin()), std::make_move_iterator(items.end()));
    lock.unlock();
    changed_.notify_all();
    return blocked;
  }

  void finish(std::int64_t ended_ns) {
    stop();
    if (failure_) {
      std::rethrow_exception(failure_);
    }
    try {
      inserts_->end_session(ended_ns);
      inserts_.reset();
      // What is left is one plain file, which can be read where nothing may be written. While
      // somebody reads, it stays as it is.
      if (database_.tryExec("PRAGMA journal_mode = DELETE") != SQLITE_OK) {
        database_.tryExec("PRAGMA wal_checkpoint(PASSIVE)");
      }
    } catch (const SQLite::Exception& error) {
      throw wrap("end the session in recording", path_, error);
    }
    count();
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
        write(*batch);
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

  void write(const std::vector<Item>& batch) {
    SQLite::Transaction transaction{database_, SQLite::TransactionBehavior::IMMEDIATE};
    for (const auto& item : batch) {
      std::visit(*inserts_, item);
    }
    inserts_->end_batch();
    transaction.commit();
    count();
  }

  void count() {
    if (inserts_) {
      events_ = inserts_->events();
    }
    bytes_ = size_of(path_) + size_of(with_suffix(path_, "-wal"));
  }

  void fail(std::exception_ptr failure) {
    {
      const std::lock_guard lock{mutex_};
      failure_ = std::move(failure);
    }
    changed_.notify_all();
  }

  std::filesystem::path path_;
  WriterOptions options_;
  SQLite::Database database_;
  std::optional<Inserts> inserts_;
  std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<Item> queue_;
  bool stopping_ = false;
  std::exception_ptr failure_;
  std::atomic<std::int64_t> events_{0};
  std::atomic<std::int64_t> bytes_{0};
  std::thread thread_;
};

Writer::Writer(const std::filesystem::path& path, const Session& session, WriterOptions options)
    : thread_{std::make_unique<Thread>(path, session, options)} {}

Writer::~Writer() = default;

std::chrono::nanoseconds Writer::push(std::vector<Item> items) {
  return thread_->push(std::move(items));
}

void Writer::finish(std::int64_t ended_ns) {
  thread_->finish(ended_ns);
}

WriterTotals Writer::totals() const {
  return thread_->totals();
}

}  // namespace netlog::store

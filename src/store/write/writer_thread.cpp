// SPDX-License-Identifier: MIT
#include "store/write/writer_thread.hpp"

#include "store/write/write_errors.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <exception>
#include <optional>
#include <span>
#include <utility>

#include <fmt/format.h>

namespace netlog::store {
namespace {

// After each transaction: so many retention steps, and one more for so many items.
constexpr std::size_t kTrimSteps = 4;
constexpr std::size_t kItemsPerTrimStep = 250;
// Retention runs after a transaction, so a file with a small limit gets small transactions: 1,300
// items for 64 MiB. Most items are whole connections.
constexpr std::int64_t kLimitBytesPerItem = 49'152;
constexpr std::size_t kMinFlushItems = 250;
// Where there is nothing to write.
constexpr std::chrono::milliseconds kLookAtFileEvery{200};

std::size_t fitting_items(std::size_t most, const RetentionLimits& limits) {
  const auto fitting = static_cast<std::size_t>(limits.max_bytes / kLimitBytesPerItem);
  return limits.max_bytes == 0 ? most : std::min(most, std::max(fitting, kMinFlushItems));
}

RecreatableRecording open(const std::filesystem::path& path,
                          const Session& session,
                          const WriterOptions& options) try {
  return RecreatableRecording{path, session, options};
} catch (const SQLite::Exception& error) {
  throw store_error("open recording", path, error);
}

std::optional<std::int64_t> last_heartbeat_ns(const std::vector<Item>& items) {
  std::optional<std::int64_t> last;
  for (const auto& item : items) {
    if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      last = heartbeat->at_ns;
    }
  }
  return last;
}

/// Where the first Resync begins, with the processes that come before it; the size if there is
/// none.
std::size_t begin_of_resync(const std::vector<Item>& batch, std::size_t from) {
  const auto first = batch.begin() + static_cast<std::ptrdiff_t>(from);
  auto at = std::find_if(
      first, batch.end(), [](const Item& item) { return std::holds_alternative<Resync>(item); });
  if (at != batch.end()) {
    while (at != first && std::holds_alternative<Process>(*(at - 1))) {
      --at;
    }
  }
  return static_cast<std::size_t>(at - batch.begin());
}

}  // namespace

WriterThread::WriterThread(std::filesystem::path path,
                           const Session& session,
                           WriterOptions options)
    : path_{std::move(path)},
      options_{std::move(options)},
      recording_{open(path_, session, options_)},
      left_open_{recording_->start().left_open},
      queue_{{options_.queue_items,
              fitting_items(options_.flush_items, options_.limits),
              options_.flush_after,
              options_.in_place ? kLookAtFileEvery : std::chrono::milliseconds{0}}},
      transaction_items_{fitting_items(options_.flush_items, options_.limits)},
      thread_{[this] { run(); }} {}

WriterTotals WriterThread::totals() {
  const auto fill = queue_.fill();
  return {events_.load(),
          bytes_.load(),
          ticks_.load(),
          needs_wal_.load(),
          static_cast<std::int64_t>(fill.items),
          static_cast<std::int64_t>(options_.queue_items),
          fill.outage};
}

void WriterThread::finish(std::int64_t ended_ns) {
  stop();
  queue_.rethrow_failure();
  check_is_open();
  try {
    record_last_loss(ended_ns);
    needs_wal_ = recording_.end(ended_ns);
  } catch (const SQLite::Exception& error) {
    if (is_damage(error) && recording_.rename_damaged(error)) {
      check_is_open();
    }
    throw store_error("end the session in recording", path_, error);
  }
  if (recording_.is_open()) {
    bytes_ = recording_->bytes();
    recording_.close();
  }
}

/// What was dropped after the last push: nobody has heard of it.
void WriterThread::record_last_loss(std::int64_t ended_ns) {
  auto [dropped, why] = queue_.take_dropped();
  if (dropped.empty()) {
    return;
  }
  Gap gap{std::nullopt, ended_ns, ended_ns, "writer", why.reason, 0, why.detail};
  for (const auto& item : dropped) {
    if (const auto* const of = std::get_if<ConnectionEvents>(&item)) {
      for (const auto& event : of->events) {
        gap.from_ns = std::min(gap.from_ns, event.at.at_ns);
      }
      gap.lost = gap.lost.value_or(0) + std::ssize(of->events);
    } else if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      gap.from_ns = std::min(gap.from_ns, heartbeat->at_ns);
    }
  }
  const Item item{std::move(gap)};
  recording_->write({&item, 1});
}

void WriterThread::check_is_open() {
  if (!recording_.is_open()) {
    throw StoreError{fmt::format("cannot end the session in recording {}: the file is gone, {}",
                                 utf8(path_),
                                 recording_.damage())};
  }
}

void WriterThread::stop() {
  queue_.stop();
  if (thread_.joinable()) {
    thread_.join();
  }
}

void WriterThread::run() {
  try {
    while (auto batch = queue_.next_batch()) {
      take_limits();
      if (batch->empty()) {
        look_at_file();
      } else {
        write(*batch);
        queue_.give_back(std::move(*batch));
      }
    }
  } catch (const SQLite::Exception& error) {
    queue_.fail(std::make_exception_ptr(store_error("write recording", path_, error)));
  } catch (...) {
    queue_.fail(std::current_exception());
  }
}

void WriterThread::set_limits(const RetentionLimits& limits) {
  const std::lock_guard lock{limits_mutex_};
  new_limits_ = limits;
}

void WriterThread::take_limits() {
  std::unique_lock lock{limits_mutex_};
  const auto limits = std::exchange(new_limits_, std::nullopt);
  lock.unlock();
  if (limits) {
    transaction_items_ = fitting_items(options_.flush_items, *limits);
    recording_.set_limits(*limits);
  }
}

/// Returns when all of the batch is written or dropped.
void WriterThread::write(std::vector<Item>& batch) {
  const bool is_behind = options_.thin_from_items != 0 && batch.size() >= options_.thin_from_items;
  detail_ = is_behind ? Detail::thinned : Detail::whole;
  for (std::size_t written = 0; written < batch.size();) {
    try {
      if (recording_.is_lost()) {
        recreate_file(batch, written);
        continue;
      }
      auto end = batch.size();
      if (recording_.is_leaving()) {
        ask_for_resync();
        end = begin_of_resync(batch, written);
        if (end == written) {
          begin_new_file();
          continue;
        }
      }
      write_part(std::span{batch}.first(end), written);
    } catch (const SQLite::Exception& error) {
      if (!is_damage(error) || !recording_.rename_damaged(error)) {
        wait_before_retry(error);
      }
    }
  }
}

/// With nothing to write: the file may be gone, and readers look for a new one.
void WriterThread::look_at_file() {
  std::vector<Item> none;
  std::size_t written = 0;
  try {
    if (recording_.is_lost()) {
      recreate_file(none, written);
    } else if (recording_.is_leaving()) {
      ask_for_resync();
    }
  } catch (const SQLite::Exception&) {
    // The next batch tries again, and reports it.
  }
}

void WriterThread::ask_for_resync() {
  if (!std::exchange(resync_asked_, true)) {
    queue_.ask_for_resync();
  }
}

/// The session goes on with a Resync: the new file has all that is open, and the moved one has all
/// that was before.
void WriterThread::begin_new_file() {
  resync_asked_ = false;
  const auto moved_to = recording_.succeed();
  report(fmt::format(
      "recording into a new {}: the file was moved to {}", utf8(path_), utf8(moved_to)));
}

/// One transaction. Adds its items to `written`.
void WriterThread::write_part(std::span<const Item> batch, std::size_t& written) {
  const auto part = batch.subspan(written, std::min(transaction_items_, batch.size() - written));
  recording_->write(part, detail_);
  written += part.size();
  for (const auto& item : part) {
    if (const auto* const of = std::get_if<ConnectionEvents>(&item)) {
      events_ += std::ssize(of->events);
    }
    if (const auto* const heartbeat = std::get_if<Heartbeat>(&item)) {
      ticks_ = heartbeat->ticks;
    }
  }
  bytes_ = recording_->bytes();
  if (queue_.end_outage()) {
    report(fmt::format("recording into {} again", utf8(path_)));
  }
  trim(part.size());
}

/// Deletes more than `written` items can have added, so that the file stays within its limits.
void WriterThread::trim(std::size_t written) {
  try {
    for (auto steps = kTrimSteps + written / kItemsPerTrimStep; steps > 0 && recording_->trim();
         --steps) {
    }
    bytes_ = recording_->bytes();
  } catch (const SQLite::Exception& error) {
    // After a transient error the next transaction trims again.
    if (!is_transient(error) && !(is_damage(error) && recording_.rename_damaged(error))) {
      throw;
    }
  }
}

/// Connections of `batch` may have begun in the lost file, so all of them are dropped: the Resync
/// that follows brings them.
void WriterThread::recreate_file(std::vector<Item>& batch, std::size_t& written) {
  resync_asked_ = false;
  const bool was_damaged = !recording_.damage().empty();
  auto why = recording_.recreate(last_heartbeat_ns(batch));
  const auto message = fmt::format("recording into a new {}: the {}{}",
                                   utf8(path_),
                                   why.reason,
                                   was_damaged ? ", " + why.detail : "");
  batch.erase(batch.begin(), batch.begin() + static_cast<std::ptrdiff_t>(written));
  written = 0;
  queue_.drop_for_new_file(batch, std::move(why));
  report(message);
}

/// @throws the error if it is not transient, or if the thread must stop.
void WriterThread::wait_before_retry(const SQLite::Exception& error) {
  if (!is_transient(error)) {
    throw error;
  }
  if (queue_.begin_outage({outage_reason(error), one_line(error.what())})) {
    report(store_error("write recording", path_, error).what() +
           std::string{"; sampling goes on, what can be held is written when it works again"});
  }
  if (!queue_.wait_before_retry(options_.retry_after)) {
    throw error;
  }
}

void WriterThread::report(const std::string& message) const {
  if (options_.on_message) {
    options_.on_message(message);
  }
}

}  // namespace netlog::store

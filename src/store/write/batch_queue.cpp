// SPDX-License-Identifier: MIT
#include "store/write/batch_queue.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace netlog::store {
namespace {

bool is_resync(const Item& item) {
  return std::holds_alternative<Resync>(item);
}

/// Few, and the tracker cannot produce them again.
bool is_never_dropped(const Item& item) {
  return std::holds_alternative<Gap>(item) || std::holds_alternative<ClockStep>(item) ||
         std::holds_alternative<ServiceName>(item) || is_resync(item);
}

void append(std::vector<Item>& to,
            std::vector<Item>::iterator first,
            std::vector<Item>::iterator last) {
  to.insert(to.end(), std::make_move_iterator(first), std::make_move_iterator(last));
}

/// Moves the items that may be dropped from `items` to `dropped`. Both keep their order.
void drop(std::vector<Item>& items, std::vector<Item>& dropped) {
  const auto first = std::stable_partition(items.begin(), items.end(), is_never_dropped);
  append(dropped, first, items.end());
  items.erase(first, items.end());
}

/// Without items, but with their memory, unless they used little of it.
std::vector<Item> emptied(std::vector<Item> items) {
  constexpr std::size_t kLittle = 4;
  if (items.size() < items.capacity() / kLittle) {
    return {};
  }
  items.clear();
  return items;
}

}  // namespace

BatchQueue::Fill BatchQueue::fill() {
  const std::lock_guard lock{mutex_};
  return {items_.size(), outage_};
}

PushResult BatchQueue::push(std::vector<Item> items) {
  PushResult result;
  std::unique_lock lock{mutex_};
  const auto may_continue = [&] { return has_room() || failure_ || outage_ || needs_resync_; };
  if (!may_continue()) {
    const auto began = std::chrono::steady_clock::now();
    changed_.wait(lock, may_continue);
    result.blocked = std::chrono::steady_clock::now() - began;
  }
  if (failure_) {
    std::rethrow_exception(failure_);
  }
  if (std::any_of(items.begin(), items.end(), is_resync)) {
    needs_resync_ = false;
    resync_asked_ = false;
  } else if (!needs_resync_ && !has_room()) {
    needs_resync_ = true;
    drop(items_, dropped_);
  }
  if (needs_resync_) {
    drop(items, dropped_);
  }
  if (items_.capacity() == 0) {  // else its memory is used again
    items_ = std::move(items);
  } else {
    append(items_, items.begin(), items.end());
    result.spare = emptied(std::move(items));
  }
  result.dropped = std::exchange(dropped_, {});
  result.why = why_;
  result.wants_resync = (needs_resync_ || resync_asked_) && !outage_;
  lock.unlock();
  changed_.notify_all();
  return result;
}

void BatchQueue::stop() {
  {
    const std::lock_guard lock{mutex_};
    stopping_ = true;
  }
  changed_.notify_all();
}

void BatchQueue::rethrow_failure() {
  const std::lock_guard lock{mutex_};
  if (failure_) {
    std::rethrow_exception(failure_);
  }
}

std::pair<std::vector<Item>, DropReason> BatchQueue::take_dropped() {
  const std::lock_guard lock{mutex_};
  return {std::exchange(dropped_, {}), why_};
}

std::optional<std::vector<Item>> BatchQueue::next_batch() {
  std::unique_lock lock{mutex_};
  const auto has_work = [&] { return stopping_ || !items_.empty(); };
  if (limits_.idle_after.count() == 0) {
    changed_.wait(lock, has_work);
  } else if (!changed_.wait_for(lock, limits_.idle_after, has_work)) {
    return std::vector<Item>{};
  }
  // A recording that begins has something to show at once.
  if (std::exchange(has_given_, true)) {
    changed_.wait_for(lock, limits_.flush_after, [&] {
      return stopping_ || items_.size() >= limits_.flush_items;
    });
  }
  if (items_.empty()) {
    return std::nullopt;
  }
  auto batch = std::exchange(items_, std::exchange(spare_, {}));
  lock.unlock();
  changed_.notify_all();
  return batch;
}

void BatchQueue::give_back(std::vector<Item> batch) {
  auto spare = emptied(std::move(batch));  // the items end without the lock
  const std::lock_guard lock{mutex_};
  std::swap(spare_, spare);
}

bool BatchQueue::begin_outage(DropReason why) {
  bool begins = false;
  {
    const std::lock_guard lock{mutex_};
    begins = !std::exchange(outage_, true);
    why_ = std::move(why);
  }
  changed_.notify_all();
  return begins;
}

bool BatchQueue::end_outage() {
  const std::lock_guard lock{mutex_};
  tried_since_stop_ = false;
  return std::exchange(outage_, false);
}

bool BatchQueue::wait_before_retry(std::chrono::milliseconds wait) {
  std::unique_lock lock{mutex_};
  if (stopping_ && std::exchange(tried_since_stop_, true)) {
    return false;
  }
  changed_.wait_for(lock, wait, [&] { return stopping_ && !tried_since_stop_; });
  return true;
}

void BatchQueue::ask_for_resync() {
  const std::lock_guard lock{mutex_};
  resync_asked_ = true;
}

void BatchQueue::drop_for_new_file(std::vector<Item>& batch, DropReason why) {
  {
    const std::lock_guard lock{mutex_};
    why_ = std::move(why);
    needs_resync_ = true;
    outage_ = false;  // it was the lost file's
    tried_since_stop_ = false;
    drop(batch, dropped_);
    drop(items_, dropped_);
  }
  changed_.notify_all();
}

void BatchQueue::fail(std::exception_ptr failure) {
  {
    const std::lock_guard lock{mutex_};
    failure_ = std::move(failure);
  }
  changed_.notify_all();
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/write/batch_queue.hpp"

#include "support/catch.hpp"

#include <chrono>
#include <exception>
#include <future>
#include <stdexcept>
#include <string>
#include <vector>

namespace netlog_tests::store_batch_queue_test {

using namespace netlog;
using namespace netlog::store;
using std::chrono::milliseconds;

namespace {

constexpr milliseconds kNever{3'600'000};

/// An item that may be dropped, known by a number.
Item event(std::int64_t number) {
  return ProcessEnded{ProcessId{1, 1}, Moment{number, 0}, {}};
}

Item gap() {
  return Gap{std::nullopt, 1, 2, "tick", "suspended", std::nullopt, std::nullopt};
}

/// The numbers of events, -1 for a gap, -2 for a resync, 0 for anything else.
std::vector<std::int64_t> numbers(const std::vector<Item>& items) {
  std::vector<std::int64_t> list;
  for (const auto& item : items) {
    if (const auto* const ended = std::get_if<ProcessEnded>(&item)) {
      list.push_back(ended->at.at_ns);
    } else {
      list.push_back(std::holds_alternative<Gap>(item)      ? -1
                     : std::holds_alternative<Resync>(item) ? -2
                                                            : 0);
    }
  }
  return list;
}

using Numbers = std::vector<std::int64_t>;

BatchQueue::Limits limits(std::size_t max_items, std::size_t flush_items = 1) {
  return {max_items, flush_items, kNever};
}

}  // namespace

TEST_CASE("BatchQueue returns what was pushed, in order, and nothing after stop()", "[store]") {
  BatchQueue queue{limits(100, 3)};
  queue.push({event(1)});
  queue.push({event(2), event(3)});
  CHECK(numbers(*queue.next_batch()) == Numbers{1, 2, 3});
  queue.push({event(4)});
  queue.stop();
  CHECK(numbers(*queue.next_batch()) == Numbers{4});
  CHECK_FALSE(queue.next_batch().has_value());
}

TEST_CASE("BatchQueue::next_batch() returns few items after flush_after", "[store]") {
  BatchQueue queue{{100, 50, milliseconds{1}}};
  for (const int number : {1, 2}) {
    queue.push({event(number)});
    CHECK(numbers(*queue.next_batch()) == Numbers{number});
  }
}

TEST_CASE("BatchQueue::next_batch() returns the first items at once", "[store]") {
  BatchQueue queue{{100, 50, std::chrono::hours{1}}};
  queue.push({event(1)});
  CHECK(numbers(*queue.next_batch()) == Numbers{1});
  queue.push({event(2)});
  queue.stop();
  CHECK(numbers(*queue.next_batch()) == Numbers{2});
}

TEST_CASE("BatchQueue::next_batch() is woken by a push and by stop()", "[store]") {
  BatchQueue queue{limits(100)};
  auto batch = std::async(std::launch::async, [&] { return queue.next_batch(); });
  queue.push({event(1)});
  CHECK(numbers(*batch.get()) == Numbers{1});
  auto last = std::async(std::launch::async, [&] { return queue.next_batch(); });
  queue.stop();
  CHECK_FALSE(last.get().has_value());
}

TEST_CASE("BatchQueue uses the memory of items again, if they needed it", "[store]") {
  BatchQueue queue{limits(1'000)};
  const auto items = [](std::int64_t count) {
    std::vector<Item> made;
    made.reserve(100);
    for (std::int64_t number = 0; number < count; ++number) {
      made.push_back(event(number));
    }
    return made;
  };
  CHECK(queue.push(items(100)).spare.capacity() == 0);  // the queue has it
  auto first = *queue.next_batch();
  const auto* const memory = first.data();
  queue.give_back(std::move(first));

  queue.push(items(1));
  CHECK(queue.next_batch()->data() != memory);
  CHECK(queue.push(items(60)).spare.capacity() == 100);
  auto second = *queue.next_batch();
  CHECK(second.data() == memory);
  CHECK(second.size() == 60);
  second.resize(1);
  queue.give_back(std::move(second));

  CHECK(queue.push(items(1)).spare.capacity() == 0);
}

TEST_CASE("BatchQueue::push() waits while the queue is full", "[store]") {
  BatchQueue queue{limits(2)};
  CHECK(queue.push({event(1), event(2)}).blocked.count() == 0);
  auto pushed = std::async(std::launch::async, [&] { return queue.push({event(3)}); });
  CHECK(pushed.wait_for(milliseconds{1}) == std::future_status::timeout);
  CHECK(numbers(*queue.next_batch()) == Numbers{1, 2});
  const auto result = pushed.get();
  CHECK(result.dropped.empty());
  CHECK_FALSE(result.wants_resync);
  CHECK(numbers(*queue.next_batch()) == Numbers{3});
}

TEST_CASE("BatchQueue drops a full queue in an outage, except what cannot come again", "[store]") {
  BatchQueue queue{limits(3)};
  CHECK(queue.begin_outage({"disk full", "database or disk is full"}));
  CHECK_FALSE(queue.begin_outage({"disk full", "database or disk is full"}));
  CHECK(queue.push({event(1), gap(), event(2)}).dropped.empty());
  const auto full = queue.push({event(3), gap()});
  CHECK(numbers(full.dropped) == Numbers{1, 2, 3});
  CHECK(full.why.reason == "disk full");
  CHECK(full.why.detail == "database or disk is full");
  CHECK_FALSE(full.wants_resync);  // not before the outage ends
  CHECK(numbers(queue.push({event(4)}).dropped) == Numbers{4});

  CHECK(queue.end_outage());
  CHECK_FALSE(queue.end_outage());
  const auto after = queue.push({event(5), gap()});
  CHECK(numbers(after.dropped) == Numbers{5});
  CHECK(after.wants_resync);
  const auto resync = queue.push({event(6), Resync{}, event(7)});
  CHECK(resync.dropped.empty());
  CHECK_FALSE(resync.wants_resync);
  CHECK(numbers(*queue.next_batch()) == Numbers{-1, -1, -1, 6, -2, 7});
}

TEST_CASE("BatchQueue::begin_outage() wakes a push that waits for room", "[store]") {
  BatchQueue queue{limits(1)};
  queue.push({event(1)});
  auto pushed = std::async(std::launch::async, [&] { return queue.push({event(2)}); });
  CHECK(pushed.wait_for(milliseconds{1}) == std::future_status::timeout);
  queue.begin_outage({"disk full", ""});
  CHECK(numbers(pushed.get().dropped) == Numbers{1, 2});
}

TEST_CASE("BatchQueue::drop_for_new_file() empties the batch and the queue", "[store]") {
  BatchQueue queue{limits(3)};
  queue.push({event(3), gap()});
  std::vector<Item> batch{event(1), gap(), event(2)};
  queue.drop_for_new_file(batch, {"file was deleted or replaced", "what it held is not here"});
  CHECK(numbers(batch) == Numbers{-1});
  const auto result = queue.push({event(4)});
  CHECK(numbers(result.dropped) == Numbers{1, 2, 3, 4});
  CHECK(result.why.reason == "file was deleted or replaced");
  CHECK(result.wants_resync);
  CHECK(numbers(*queue.next_batch()) == Numbers{-1});
}

TEST_CASE("BatchQueue::drop_for_new_file() ends an outage", "[store]") {
  BatchQueue queue{limits(3)};
  CHECK(queue.begin_outage({"file could not be written", "it was deleted or replaced"}));
  std::vector<Item> batch{event(1)};
  queue.drop_for_new_file(batch, {"file was deleted or replaced", "what it held is not here"});
  CHECK(queue.push({event(2)}).wants_resync);
  CHECK_FALSE(queue.end_outage());  // so that it is reported once
  CHECK(queue.begin_outage({"disk full", ""}));
}

TEST_CASE("BatchQueue::fail() ends a push that waits, and every later one", "[store]") {
  BatchQueue queue{limits(1)};
  queue.rethrow_failure();
  queue.push({event(1)});
  auto pushed = std::async(std::launch::async, [&] { return queue.push({event(2)}); });
  queue.fail(std::make_exception_ptr(std::runtime_error{"file is not a database"}));
  CHECK_THROWS_WITH(pushed.get(), "file is not a database");
  CHECK_THROWS_WITH(queue.push({}), "file is not a database");
  CHECK_THROWS_WITH(queue.rethrow_failure(), "file is not a database");
}

TEST_CASE("BatchQueue::wait_before_retry() allows one more retry after stop()", "[store]") {
  BatchQueue queue{limits(1)};
  CHECK(queue.wait_before_retry(milliseconds{1}));
  queue.stop();
  CHECK(queue.wait_before_retry(milliseconds{1}));
  CHECK_FALSE(queue.wait_before_retry(milliseconds{1}));
  queue.end_outage();  // that batch was written after all: the next one has its own retry
  CHECK(queue.wait_before_retry(milliseconds{1}));
  CHECK_FALSE(queue.wait_before_retry(milliseconds{1}));
}

TEST_CASE("BatchQueue asks for a Resync and drops nothing", "[store]") {
  BatchQueue queue{limits(100)};
  queue.ask_for_resync();
  const auto asked = queue.push({event(1)});
  CHECK(asked.wants_resync);
  CHECK(asked.dropped.empty());
  CHECK_FALSE(queue.push({Resync{}}).wants_resync);
  CHECK_FALSE(queue.push({event(2)}).wants_resync);
  CHECK(numbers(*queue.next_batch()) == Numbers{1, -2, 2});
}

TEST_CASE("BatchQueue returns an empty batch where nothing comes", "[store]") {
  BatchQueue queue{{100, 1, milliseconds{1}, milliseconds{1}}};
  CHECK(numbers(*queue.next_batch()).empty());
  queue.push({event(1)});
  CHECK(numbers(*queue.next_batch()) == Numbers{1});
  queue.stop();
  CHECK_FALSE(queue.next_batch().has_value());
}

}  // namespace netlog_tests::store_batch_queue_test

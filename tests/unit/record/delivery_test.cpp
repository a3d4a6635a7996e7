// SPDX-License-Identifier: MIT
#include "record/delivery.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"

#include <utility>
#include <variant>
#include <vector>

namespace netlog_tests::record_delivery_test {

using namespace netlog;
using netlog::record::Delivery;  // not the model's

namespace {

/// A writer's queue: keeps what it gets, and answers once what the test has put there.
struct Queue {
  std::vector<std::vector<store::Item>> pushes;
  store::PushResult answer;

  record::Delivery::Push push() {
    return [this](std::vector<store::Item> items) {
      pushes.push_back(std::move(items));
      return std::exchange(answer, {});
    };
  }
};

ConnectionEvent event_at(std::int64_t at_ns) {
  ConnectionEvent event;
  event.at = Moment{at_ns, 0};
  return event;
}

}  // namespace

TEST_CASE("Delivery: what was added leaves as one push", "[record]") {
  Queue queue;
  record::Delivery delivery{queue.push()};
  CHECK_FALSE(delivery.flush(5).has_value());
  CHECK(queue.pushes.empty());
  delivery.add(event_at(1));
  delivery.add(Gap{});
  queue.answer.blocked = std::chrono::nanoseconds{30};
  CHECK_FALSE(delivery.flush(6).has_value());
  REQUIRE(queue.pushes.size() == 1);
  CHECK(queue.pushes[0].size() == 2);
  CHECK(delivery.take_blocked_ns() == 30);
  CHECK(delivery.take_blocked_ns() == 0);
  CHECK_FALSE(delivery.wants_resync());
}

TEST_CASE("Delivery: what was dropped is a gap, and everything known is queued again", "[record]") {
  Queue queue;
  record::Delivery delivery{queue.push()};
  delivery.add(Heartbeat{100, 1, 0, 0});
  queue.answer.dropped = {event_at(90), Heartbeat{80, 1, 0, 0}, event_at(95)};
  queue.answer.why.reason = "writing failed";
  queue.answer.why.detail = "disk full";
  queue.answer.wants_resync = true;
  const auto loss = delivery.flush(100);
  REQUIRE(loss.has_value());
  CHECK((loss->gap == Gap{std::nullopt, 80, 100, "writer", "writing failed", 2, "disk full"}));
  CHECK(loss->events.size() == 2);
  REQUIRE(delivery.wants_resync());

  Process process;
  process.id = ProcessId{7, 1};
  Connection connection;
  connection.id = 3;
  CHECK_FALSE(delivery.resync({process}, {connection}, 120).has_value());
  CHECK_FALSE(delivery.wants_resync());
  REQUIRE(queue.pushes.size() == 2);
  REQUIRE(queue.pushes[1].size() == 2);
  CHECK((std::get<Process>(queue.pushes[1][0]).id == ProcessId{7, 1}));
  const auto& all = std::get<store::Resync>(queue.pushes[1][1]);
  CHECK(all.since_ns == 80);
  CHECK(all.at_ns == 120);
  REQUIRE(all.connections.size() == 1);
  CHECK(all.connections[0].id == 3);
}

TEST_CASE("Delivery: items leave with UTC times, and a step of UTC is a row and a gap",
          "[record]") {
  Queue queue;
  Delivery delivery{queue.push()};
  delivery.set_utc_offset(10, {1'000'000, 0});
  delivery.add(event_at(20));
  delivery.set_utc_offset(30, {400'000, -600'000});
  delivery.add(event_at(40));
  delivery.flush(50);
  REQUIRE(queue.pushes.size() == 1);
  const auto& items = queue.pushes[0];
  REQUIRE(items.size() == 4);
  CHECK(std::get<ConnectionEvents>(items[0]).events[0].at.at_ns == 1'000'020);
  CHECK((std::get<ClockStep>(items[1]) == ClockStep{400'030, -600'000}));
  const auto& gap = std::get<Gap>(items[2]);
  CHECK(gap.from_ns == 400'030);
  CHECK(gap.to_ns == 1'000'030);
  CHECK(gap.reason == "clock stepped backwards");
  CHECK(std::get<ConnectionEvents>(items[3]).events[0].at.at_ns == 400'040);
  // A loss has boot-clock times again.
  queue.answer.dropped = {items[3]};
  delivery.add(event_at(60));
  const auto loss = delivery.flush(70);
  REQUIRE(loss.has_value());
  CHECK(loss->gap.from_ns == 40);
  CHECK(loss->gap.to_ns == 70);
}

}  // namespace netlog_tests::record_delivery_test

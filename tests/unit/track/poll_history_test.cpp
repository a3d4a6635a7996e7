// SPDX-License-Identifier: MIT
#include "track/poll_history.hpp"

#include "support/catch.hpp"

namespace netlog::track::test::poll_history {

TEST_CASE("PollHistory knows the first poll, the last one, and the last one with TIME_WAIT",
          "[track]") {
  PollHistory polls;
  CHECK_FALSE(polls.last(3).has_value());
  CHECK_FALSE(polls.opened_after(3, 1000).has_value());
  polls.add(3, Span{100, 110}, true);
  polls.add(3, Span{200, 210}, false);
  CHECK(polls.first(3) == Span{100, 110});
  CHECK(polls.last(3) == Span{200, 210});
  CHECK(polls.last_with_time_wait(3) == Span{100, 110});
  CHECK_FALSE(polls.last(2).has_value());
  polls.forget(3);
  CHECK_FALSE(polls.first(3).has_value());
}

TEST_CASE("PollHistory proves that a socket that no poll has shown was opened after one",
          "[track]") {
  PollHistory polls;
  for (std::int64_t at = 100; at <= 500; at += 100) {
    polls.add(0, Span{at, at + 10}, true);
  }
  CHECK_FALSE(polls.opened_after(0, 109).has_value());  // the first poll may have missed it
  CHECK(polls.opened_after(0, 110) == 100);
  CHECK(polls.opened_after(0, 405) == 300);  // the poll at 400 had not ended
  CHECK(polls.opened_after(0, 9000) == 500);

  SECTION("of polls long ago only the first is remembered") {
    for (std::int64_t at = 1000; at < 7400; at += 100) {
      polls.add(0, Span{at, at + 10}, true);
    }
    CHECK(polls.opened_after(0, 999) == 100);
    CHECK(polls.opened_after(0, 1010) == 1000);
  }
}

TEST_CASE("PollHistory knows which tables are not read any more", "[track]") {
  PollHistory polls;
  CHECK(polls.is_unread_since(0, 50));
  polls.add(0, Span{100, 110}, false);
  CHECK_FALSE(polls.is_unread_since(0, 110));
  CHECK(polls.is_unread_since(0, 111));
}

}  // namespace netlog::track::test::poll_history

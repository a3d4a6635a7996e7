// SPDX-License-Identifier: MIT
#include "record/recording_counts.hpp"

#include "support/catch.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace netlog_tests::record_recording_counts_test {

using namespace netlog;
using record::RecordingCounts;

namespace {

std::optional<std::uint8_t> code_of(TcpState state) {
  return static_cast<std::uint8_t>(state);
}

ConnectionEvents event_of(EventKind kind,
                          std::optional<std::uint8_t> old_code,
                          std::optional<std::uint8_t> new_code,
                          Direction direction,
                          Outcome outcome = Outcome::open,
                          std::optional<UnknownOutcome> why = std::nullopt) {
  ConnectionEvents of;
  of.events.push_back({kind, {}, old_code, new_code, {}});
  of.connection.direction = direction;
  of.connection.outcome = outcome;
  of.connection.outcome_why = why;
  return of;
}

}  // namespace

TEST_CASE("RecordingCounts counts each end once", "[record]") {
  using enum TcpState;
  using enum EventKind;
  constexpr auto outbound = Direction::outbound;
  constexpr auto inbound = Direction::inbound;
  RecordingCounts counts;
  // Through TIME_WAIT.
  counts.add(event_of(open, {}, code_of(syn_sent), outbound));
  counts.add(event_of(state, code_of(syn_sent), code_of(established), outbound));
  counts.add(event_of(state, code_of(fin_wait_2), code_of(time_wait), outbound, Outcome::closed));
  counts.add(event_of(close, code_of(time_wait), code_of(closed), outbound, Outcome::closed));
  // It opened and ended between two polls.
  counts.add(event_of(open, {}, code_of(time_wait), outbound, Outcome::closed));
  counts.add(event_of(close, code_of(time_wait), code_of(closed), outbound, Outcome::closed));
  // It ended before the recorder began.
  counts.add(event_of(present, {}, code_of(time_wait), outbound, Outcome::closed));
  counts.add(event_of(close, code_of(time_wait), code_of(closed), outbound, Outcome::closed));
  // Without TIME_WAIT.
  counts.add(event_of(present, {}, code_of(established), inbound));
  counts.add(event_of(owner, {}, {}, inbound));
  counts.add(event_of(close, code_of(established), code_of(closed), inbound, Outcome::reset));
  CHECK(counts.events() == 11);
  CHECK(counts.opened(Protocol::tcp, outbound) == 2);
  CHECK(counts.opened(Protocol::tcp, inbound) == 0);
  CHECK(counts.ended(Protocol::tcp, outbound, Outcome::closed) == 2);
  CHECK(counts.ended(Protocol::tcp, inbound, Outcome::reset) == 1);
  CHECK(counts.ended(Protocol::tcp, inbound, Outcome::closed) == 0);
  CHECK(counts.ended(Protocol::udp, outbound, Outcome::closed) == 0);
}

TEST_CASE("RecordingCounts counts connects that failed as reports do", "[record]") {
  using enum TcpState;
  using enum UnknownOutcome;
  RecordingCounts counts;
  const auto end = [&](Outcome outcome, std::optional<UnknownOutcome> why) {
    counts.add(event_of(
        EventKind::close, code_of(syn_sent), code_of(closed), Direction::outbound, outcome, why));
  };
  end(Outcome::refused, {});
  end(Outcome::timed_out, kernel_gave_up);
  end(Outcome::timed_out, {});
  end(Outcome::unreachable, {});
  end(Outcome::aborted, caller_gave_up);
  end(Outcome::aborted, {});
  end(Outcome::unknown, unanswered);
  end(Outcome::unknown, not_noticed);
  end(Outcome::reset, {});
  CHECK(counts.failed_connects(Outcome::refused) == 1);
  CHECK(counts.failed_connects(Outcome::timed_out) == 2);
  CHECK(counts.failed_connects(Outcome::unreachable) == 1);
  CHECK(counts.failed_connects(Outcome::aborted) == 1);
  CHECK(counts.failed_connects(Outcome::unknown) == 1);
  CHECK(counts.failed_connects(Outcome::reset) == 0);
}

TEST_CASE("RecordingCounts sums up gaps by reason, and coverage by window", "[record]") {
  RecordingCounts counts;
  counts.add(Gap{{}, 0, 5, "tick", "skipped ticks", 3, {}});
  counts.add(Gap{{}, 5, 9, "tick", "skipped ticks", 4, {}});
  counts.add(Gap{1, 5, 9, "sock_diag", "unreadable", {}, "EINTR"});
  CHECK(counts.all_gaps() == 3);
  CHECK(counts.gaps().at({"tick", "skipped ticks"}) == RecordingCounts::Gaps{2, 7});
  CHECK(counts.gaps().at({"sock_diag", "unreadable"}) == RecordingCounts::Gaps{1, 0});
  CHECK(counts.gaps().at({"trace", "buffer full"}) == RecordingCounts::Gaps{});
  for (int i = 0; i < 1'000; ++i) {
    counts.add(Gap{{}, 0, 1, "tick", "reason " + std::to_string(i), 1, {}});
  }
  CHECK(counts.gaps().size() == 65);
  CHECK(counts.gaps().at({"other", "other"}).count > 900);
  CHECK(counts.all_gaps() == 1'003);

  counts.add(Coverage{1, 0, 60, 10, 9, {}, 0});
  counts.add(Coverage{1, 60, 120, 10, 12, {}, 0});
  CHECK(counts.kernel_opens() == 20);
  CHECK(counts.recorded_opens() == 19);
}

}  // namespace netlog_tests::record_recording_counts_test

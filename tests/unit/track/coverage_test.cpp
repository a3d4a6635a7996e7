// SPDX-License-Identifier: MIT
#include "track/coverage.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/gap_ledger.hpp"

namespace netlog_tests::track_coverage_test {

using namespace netlog;
using namespace netlog::track;

namespace {

ConnectionEvent tcp_event(EventKind kind,
                          Direction direction,
                          std::optional<TcpState> from,
                          std::optional<TcpState> to) {
  const auto code = [](auto state) {
    return state ? std::optional{static_cast<std::uint8_t>(*state)} : std::nullopt;
  };
  ConnectionEvent event;
  event.kind = kind;
  event.old_code = code(from);
  event.new_code = code(to);
  event.connection.direction = direction;
  return event;
}

Counters counters(std::int64_t at, std::int64_t active, std::int64_t passive) {
  Counters made;
  made.at_ns = at;
  made.active_opens = active;
  made.passive_opens = passive;
  return made;
}

Gap gap(std::int64_t from,
        std::int64_t to,
        std::optional<std::int64_t> lost,
        std::string reason = "skipped ticks") {
  return {std::nullopt, from, to, "tick", std::move(reason), lost, std::nullopt};
}

}  // namespace

TEST_CASE("coverage counts what the kernel counts", "[track]") {
  using enum TcpState;
  CoverageMeter meter{100};
  CHECK_FALSE(meter.measure(counters(0, 1000, 2000)).has_value());
  meter.count(tcp_event(EventKind::open, Direction::outbound, std::nullopt, syn_sent));  // counts
  meter.count(
      tcp_event(EventKind::state, Direction::outbound, syn_sent, established));  // the same one
  meter.count(tcp_event(EventKind::open, Direction::inbound, std::nullopt, established));  // counts
  meter.count(tcp_event(
      EventKind::open, Direction::inbound, std::nullopt, syn_received));  // half open: not yet
  meter.count(
      tcp_event(EventKind::state, Direction::inbound, syn_received, established));  // counts
  meter.count(
      tcp_event(EventKind::open, Direction::listen, std::nullopt, listen));  // no connection
  meter.count(tcp_event(
      EventKind::present, Direction::inbound, std::nullopt, established));  // opened before
  CHECK_FALSE(meter.measure(counters(50, 1001, 2001)).has_value());
  CHECK(meter.measure(counters(100, 1001, 2003)) == Coverage{0, 0, 100, 4, 3, {}, 0});
  CHECK_FALSE(meter.measure(counters(150, 1001, 2004)).has_value());
  CHECK(meter.finish() == std::vector<Coverage>{{0, 100, 150, 1, 0, {}, 0}});
}

TEST_CASE("the first windows are short, so that there is a coverage from the beginning",
          "[track]") {
  CoverageMeter meter{100, 10};
  std::vector<std::int64_t> ends;
  for (std::int64_t at = 0; at <= 500; at += 5) {
    if (const auto coverage = meter.measure(counters(at, at, at))) {
      CHECK(coverage->kernel_opens == 2 * (coverage->to_ns - coverage->from_ns));
      ends.push_back(coverage->to_ns);
    }
  }
  CHECK(ends == std::vector<std::int64_t>{10, 30, 70, 150, 250, 350, 450});
}

TEST_CASE("a connection that opens itself, or meets its own SYN, counts once", "[track]") {
  using enum TcpState;
  CoverageMeter meter{100};
  meter.measure(counters(0, 10, 10));
  meter.count(tcp_event(EventKind::open, Direction::outbound, std::nullopt, syn_sent));
  meter.count(tcp_event(EventKind::state, Direction::outbound, syn_sent, syn_received));
  meter.count(tcp_event(EventKind::state, Direction::outbound, syn_received, established));
  CHECK(meter.measure(counters(100, 11, 10)) == Coverage{0, 0, 100, 1, 1, {}, 0});
}

TEST_CASE("what was opened before the counters were read is compared where it can be", "[track]") {
  using enum TcpState;
  CoverageMeter meter{100};
  const auto open_at = [&](std::int64_t at) {
    auto event = tcp_event(EventKind::open, Direction::outbound, std::nullopt, syn_sent);
    event.at = Moment{at, 0};
    meter.count(event);
  };
  open_at(20);
  open_at(40);
  SECTION("the counters of a namespace in which all is recorded") {
    CHECK_FALSE(meter.measure(counters(50, 1, 1)).has_value());
    CHECK(meter.finish() == std::vector<Coverage>{{0, 20, 50, 2, 2, {}, 0}});
  }
  SECTION("a namespace that has counted more") {
    meter.measure(counters(50, 5, 5));
    CHECK(meter.finish().empty());
  }
  SECTION("counters that were read between two of them, and come after both") {
    meter.measure(counters(30, 5, 5));
    meter.measure(counters(60, 6, 5));
    CHECK(meter.finish() == std::vector<Coverage>{{0, 30, 60, 1, 1, {}, 0}});
  }
}

TEST_CASE("what is newer than the counters counts with the next ones", "[track]") {
  using enum TcpState;
  CoverageMeter meter{100};
  meter.measure(counters(0, 10, 10));
  const auto open_at = [&](std::int64_t at, std::int64_t error) {
    auto event = tcp_event(EventKind::open, Direction::outbound, std::nullopt, syn_sent);
    event.at = Moment{at, error};
    meter.count(event);
    return event;
  };
  open_at(90, 0);
  open_at(105, 0);
  open_at(106, 10);  // it may have been before them
  const auto taken_back = open_at(107, 0);
  meter.uncount(taken_back);
  CHECK(meter.measure(counters(100, 12, 10)) == Coverage{0, 0, 100, 2, 2, {}, 0});
  CHECK(meter.measure(counters(200, 13, 10)) == Coverage{0, 100, 200, 1, 1, {}, 0});
}

TEST_CASE("gaps for one reason that follow one another are one", "[track]") {
  GapLedger ledger{10, 100};
  ledger.add(gap(0, 5, 1));
  ledger.add(gap(7, 9, 2));
  ledger.add(gap(8, 9, std::nullopt, "unreadable"));
  CHECK(ledger.take(12).empty());
  CHECK(ledger.take(30) == std::vector<Gap>{gap(0, 9, 3), gap(8, 9, std::nullopt, "unreadable")});
  // A run without an end is given out in pieces.
  for (std::int64_t at = 100; at < 195; at += 5) {
    ledger.add(gap(at, at + 5, 1));
    CHECK(ledger.take(at + 5).empty());
  }
  ledger.add(gap(195, 200, std::nullopt));
  CHECK(ledger.take(200) == std::vector<Gap>{gap(100, 200, std::nullopt)});
  ledger.add(gap(300, 301, 1));
  ledger.add(gap(320, 321, 1));  // too long after it
  CHECK(ledger.finish() == std::vector<Gap>{gap(300, 301, 1), gap(320, 321, 1)});
  CHECK(ledger.finish().empty());
}

}  // namespace netlog_tests::track_coverage_test

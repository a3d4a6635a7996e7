// SPDX-License-Identifier: MIT
#include "track/lifecycle.hpp"

#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace netlog::track::test::lifecycle {

using enum TcpState;

TEST_CASE("Lifecycle opens, moves and closes a connection", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, established, 4000, 443));
  const auto& connection = parts.table[index].connection;
  CHECK(connection.id == 1);
  CHECK(connection.direction == Direction::outbound);
  parts.lifecycle.enter(index, close_wait, Moment{200, 10});
  CHECK(connection.outcome == Outcome::open);
  CHECK(parts.broken_invariant().empty());
  parts.lifecycle.close(index, Moment{300, 10});
  CHECK(connection.gone);
  CHECK(connection.closed == Moment{300, 10});
  CHECK(connection.outcome == Outcome::unknown);
  CHECK(parts.table.size() == 0);
  CHECK(parts.take_events() == Lines{"1 open ->ESTABLISHED (0,100]",
                                     "1 state ESTABLISHED>CLOSE_WAIT (190,200]",
                                     "1 close CLOSE_WAIT>CLOSED (290,300]"});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("Lifecycle ends a connection when it enters TIME_WAIT", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, fin_wait_2, 4000, 443));
  const auto& entry = parts.table[index];
  parts.lifecycle.begin_end(index, Moment{200, 10});
  CHECK(parts.table.phase(index) == Phase::ending);
  CHECK(entry.connection.outcome == Outcome::open);
  parts.lifecycle.enter_time_wait(index, Moment{300, 100}, Moment{200, 10});
  CHECK(parts.table.phase(index) == Phase::time_wait);
  CHECK(entry.connection.closed == Moment{200, 10});
  CHECK(entry.connection.outcome == Outcome::closed);
  CHECK_FALSE(entry.left.has_value());
  parts.lifecycle.close(index, Moment{900, 100});
  CHECK(entry.connection.closed == Moment{200, 10});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("Lifecycle counts what is open by direction and state", "[track]") {
  TrackParts parts;
  const auto counted = [&] {
    std::string text;
    parts.lifecycle.open_counts().for_each([&](Protocol protocol,
                                               Direction direction,
                                               std::optional<TcpState> state,
                                               std::int64_t count) {
      text += std::string{name(protocol)} + ' ' + std::string{name(direction)} + ' ' +
              std::string{state ? name(*state) : "-"} + ' ' + std::to_string(count) + '\n';
    });
    return text;
  };
  const auto first = parts.open(tcp_row(1, established, 4000, 443));
  const auto second = parts.open(tcp_row(2, established, 4001, 443));
  parts.open(tcp_row(9, listen, 443, 0));
  CHECK(counted() == "tcp outbound ESTABLISHED 2\ntcp listen LISTEN 1\n");
  parts.lifecycle.enter(first, time_wait, Moment{200, 10});
  parts.lifecycle.set_direction(second, Direction::inbound);
  CHECK(counted() == "tcp outbound TIME_WAIT 1\ntcp inbound ESTABLISHED 1\ntcp listen LISTEN 1\n");
  parts.lifecycle.close(first, Moment{300, 10});
  parts.lifecycle.close(second, Moment{300, 10});
  CHECK(counted() == "tcp listen LISTEN 1\n");
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("Lifecycle undoes an end that a later snapshot refutes", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, fin_wait_2, 4000, 443));
  parts.lifecycle.begin_end(index, Moment{200, 10});
  parts.lifecycle.undo_end(index);
  CHECK(parts.table.phase(index) == Phase::active);
  CHECK_FALSE(parts.table[index].left.has_value());
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("Lifecycle takes the direction of an active socket from two rows", "[track]") {
  TrackParts parts;
  parts.open(tcp_row(9, listen, 443, 0));
  // Its state was read before its FIN was acknowledged, and its counters after that.
  auto torn = tcp_row(1, close_wait, 443, 4000);
  torn.metrics = Metrics{};
  torn.metrics->bytes_sent = 10;
  torn.delivery = Delivery{11, 0, 0, 0, 0, 0, 0, 0};
  torn.is_active = true;
  const auto index = parts.open(torn);
  const auto& entry = parts.table[index];
  CHECK(entry.connection.direction == Direction::inbound);
  CHECK_FALSE(entry.is_direction_known);
  const auto snapshot = tcp_snapshot(200, {});
  parts.lifecycle.see_snapshot(index, torn, snapshot, Moment{200, 10});
  CHECK(entry.connection.direction == Direction::inbound);
  auto whole = torn;
  SECTION("the next one counts otherwise") {
    whole.delivery->acked = 10;
    parts.lifecycle.see_snapshot(index, whole, snapshot, Moment{300, 10});
    CHECK_FALSE(entry.is_direction_known);
    parts.lifecycle.see_snapshot(index, whole, snapshot, Moment{400, 10});
    CHECK(entry.connection.direction == Direction::inbound);
  }
  SECTION("the next one counts the same") {
    parts.lifecycle.see_snapshot(index, whole, snapshot, Moment{300, 10});
    CHECK(entry.connection.direction == Direction::outbound);
  }
  SECTION("a row of a quiet socket is enough") {
    whole.is_active = false;
    whole.delivery->acked = 10;
    parts.lifecycle.see_snapshot(index, whole, snapshot, Moment{300, 10});
    CHECK(entry.connection.direction == Direction::inbound);
  }
  CHECK(entry.is_direction_known != (entry.connection.direction == Direction::unknown));
}

TEST_CASE("Lifecycle keeps what closed before its notice, and completes it", "[track]") {
  TrackParts parts;
  const auto close = [&](std::uint64_t cookie) {
    const auto index =
        parts.open(tcp_row(cookie, established, static_cast<std::uint16_t>(4000 + cookie), 443));
    parts.lifecycle.close(index, Moment{300, 10});
    parts.take_events();
  };
  auto notice = tcp_row(1, closed, 4001, 443);
  notice.delivery = Delivery{};
  close(1);
  CHECK_FALSE(
      parts.lifecycle.apply_late_notice(Notice{0, Moment{400, 10}, notice}));  // none was expected
  parts.expected_notices.expect(0, kAllTables, 50);
  close(1);
  CHECK(parts.lifecycle.apply_late_notice(Notice{0, Moment{400, 10}, notice}));
  const auto refreshed = parts.changes.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].seen_by == (SeenBy::snapshot | SeenBy::notice));
  CHECK(refreshed[0].outcome == Outcome::reset);
  CHECK_FALSE(parts.lifecycle.apply_late_notice(Notice{0, Moment{400, 10}, notice}));  // once

  SECTION("or its owner") {
    close(2);
    parts.lifecycle.apply_late_user(by_cookie(2), ProcessId{7, 1});
    const auto owned = parts.changes.take_refreshes();
    REQUIRE(owned.size() == 1);
    CHECK(owned[0].owner == Owner{ProcessId{7, 1}, OwnerSource::exact, {}});
  }
}

TEST_CASE("Lifecycle continues a handshake under the cookie of its socket", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, syn_received, 80, 5000));
  const auto row = tcp_row(2, established, 80, 5000);
  CHECK(parts.lifecycle.continue_handshake(row, by_cookie(2)) == index);
  CHECK(parts.table.find(by_cookie(2)) == index);
  CHECK(parts.table[index].connection.incarnation == 2);
  CHECK(parts.broken_invariant().empty());

  SECTION("not when it has left SYN_RECEIVED") {
    const auto other = parts.open(tcp_row(3, syn_received, 80, 5001));
    parts.lifecycle.enter(other, established, Moment{200, 10});
    CHECK_FALSE(parts.lifecycle.continue_handshake(tcp_row(4, established, 80, 5001), by_cookie(4))
                    .has_value());
  }
}

TEST_CASE("Lifecycle takes over the connections of an earlier session without an event",
          "[track]") {
  TrackParts parts;
  Connection listener;
  listener.id = 5;
  listener.tuple = tcp_tuple(80, 0);
  listener.state = listen;
  listener.direction = Direction::listen;
  listener.owner = Owner{ProcessId{7, 1}, OwnerSource::exact, {}};
  parts.lifecycle.resume(by_cookie(1), listener, Span{-200, -100});
  CHECK(parts.take_events().empty());
  const auto refreshed = parts.changes.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].owner == Owner{ProcessId{7, 1}, OwnerSource::last_seen, {}});
  CHECK(parts.lifecycle.direction_of(tcp_row(2, established, 80, 5000), 0, true, 0, false) ==
        Direction::inbound);
}

TEST_CASE("Lifecycle keeps the exact owner of a connection in TIME_WAIT that it takes over",
          "[track]") {
  TrackParts parts;
  Connection waits;
  waits.id = 5;
  waits.tuple = tcp_tuple(4000, 443);
  waits.state = TcpState::time_wait;
  waits.owner = Owner{ProcessId{7, 1}, OwnerSource::exact, {}};
  waits.closed = Moment{-150, 0};
  parts.lifecycle.resume(by_cookie(1), waits, Span{-200, -100});
  const auto refreshed = parts.changes.take_refreshes();
  REQUIRE(refreshed.size() == 1);
  CHECK(refreshed[0].owner == Owner{ProcessId{7, 1}, OwnerSource::exact, {}});
}

TEST_CASE("since when a peer does not answer stays the same while it is silent", "[track]") {
  TrackParts parts;
  const auto silent_for = [](std::optional<std::uint32_t> ms) {
    auto row = tcp_row(1, established, 4000, 443);
    row.metrics = Metrics{};
    row.metrics->unanswered_ms = ms;
    return row;
  };
  const auto without_metrics = tcp_row(1, established, 4000, 443);
  const auto index = parts.open(without_metrics);
  const auto see = [&](std::int64_t at_ns, const SocketRow& row) {
    auto taken = tcp_snapshot(at_ns, {row});
    taken.taken = Span{at_ns, at_ns};
    parts.lifecycle.see_snapshot(index, row, taken, Moment{at_ns, 0});
  };
  const auto since_ms = [&] {
    const auto& connection = parts.table[index].connection;
    const auto& ms = connection.metrics.unanswered_ms;
    return ms ? connection.last_seen_ns / kMs - *ms : -1;
  };
  see(5000 * kMs, silent_for(1000));
  CHECK(since_ms() == 4000);
  // Nothing is known of later rows but that they are there.
  see(5100 * kMs, without_metrics);
  CHECK(since_ms() == 4000);
  parts.lifecycle.note_seen(index, 5200 * kMs);
  CHECK(since_ms() == 4000);
  // Timers of the kernel run late.
  see(6000 * kMs, silent_for(1850));
  CHECK(since_ms() == 4000);
  see(7000 * kMs, silent_for(3010));
  CHECK(since_ms() == 3990);
  // It has answered since the last reading, and is silent again.
  see(9000 * kMs, silent_for(1500));
  CHECK(since_ms() == 7500);
  see(10000 * kMs, silent_for(std::nullopt));
  CHECK(since_ms() == -1);
  see(10100 * kMs, without_metrics);
  CHECK(since_ms() == -1);
}

}  // namespace netlog::track::test::lifecycle

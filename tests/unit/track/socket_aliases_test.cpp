// SPDX-License-Identifier: MIT
#include "track/socket_aliases.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"

#include <optional>

namespace netlog::track::test::socket_aliases {

using enum TcpState;

namespace {

struct Fixture {
  ConnectionTable table;
  SocketAliases aliases{table};

  Index add(const Identity& identity, const FiveTuple& tuple, Phase phase = Phase::active) {
    const auto index = table.add(identity, table.scope(0, table_of(tuple)), phase);
    table[index].connection.tuple = tuple;
    return index;
  }
  /// An entry that only a notice has reported.
  Index add_noticed(std::uint64_t cookie, const FiveTuple& tuple, std::int64_t left_ns) {
    const auto index = add(by_cookie(cookie), tuple, Phase::ending);
    table[index].connection.seen_by = SeenBy::notice;
    table[index].named_by_notice = true;
    table[index].left = Moment{left_ns, 0};
    return index;
  }
};

const FiveTuple kTuple = tcp_tuple(4000, 443);
constexpr std::optional<Index> kNone;

}  // namespace

TEST_CASE("SocketAliases finds the handshake that a socket follows, once", "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple);
  of.aliases.add_handshake(0, kTuple, index);
  CHECK(of.aliases.take_handshake(tcp_row(2, syn_received, 4000, 443), 0) == kNone);
  CHECK(of.aliases.take_handshake(tcp_row(2, established, 4001, 443), 0) == kNone);
  CHECK(of.aliases.take_handshake(tcp_row(2, established, 4000, 443), 5) == kNone);
  CHECK(of.aliases.take_handshake(tcp_row(2, established, 4000, 443), 0) == index);
  CHECK(of.aliases.take_handshake(tcp_row(2, established, 4000, 443), 0) == kNone);

  SECTION("not after it has closed") {
    of.aliases.add_handshake(0, kTuple, index);
    of.aliases.forget(index);
    CHECK(of.aliases.take_handshake(tcp_row(2, established, 4000, 443), 0) == kNone);
  }
  SECTION("an older entry that closes does not take the newer one's place") {
    const auto newer = of.add(by_cookie(2), kTuple);
    of.aliases.add_handshake(0, kTuple, newer);
    of.aliases.forget(index);
    CHECK(of.aliases.take_handshake(tcp_row(3, established, 4000, 443), 0) == newer);
  }
}

TEST_CASE("SocketAliases knows a handshake that was read before its socket was reported",
          "[track]") {
  Fixture of;
  const auto handshake = tcp_row(1, syn_received, 4000, 443);
  CHECK_FALSE(of.aliases.is_stale_handshake(handshake, tcp_snapshot(100 * kMs, {})));
  of.aliases.add_accepted(0, kTuple, 100 * kMs);
  CHECK(of.aliases.is_stale_handshake(handshake, tcp_snapshot(110 * kMs, {})));
  CHECK_FALSE(of.aliases.is_stale_handshake(handshake, tcp_snapshot(111 * kMs, {})));
  CHECK_FALSE(of.aliases.is_stale_handshake(tcp_row(1, established, 4000, 443),
                                            tcp_snapshot(100 * kMs, {})));
  of.aliases.forget_before(6 * kSecond);
  CHECK_FALSE(of.aliases.is_stale_handshake(handshake, tcp_snapshot(100 * kMs, {})));
}

TEST_CASE("SocketAliases knows a minisock that snapshots lacked", "[track]") {
  Fixture of;
  const auto shown = tcp_snapshot(400 * kMs, {});
  const Span before{200 * kMs, 210 * kMs};  // the last poll lacked it, and so did the one before
  const auto row = tcp_row(1, time_wait, 4000, 443);

  SECTION("by its cookie, however often it was missed") {
    of.aliases.add_ended(of.add(by_cookie(1), kTuple, Phase::ending), 110 * kMs);
    CHECK(of.aliases.has_ended(by_cookie(1), row, shown, before));
    CHECK(of.aliases.has_ended(by_cookie(1), row, shown, before));
    CHECK_FALSE(of.aliases.has_ended(by_cookie(2), row, shown, before));
    CHECK_FALSE(
        of.aliases.has_ended(by_cookie(1), tcp_row(1, established, 4000, 443), shown, before));
  }
  SECTION("by its addresses and ports if only the last poll missed it: they are used again") {
    of.aliases.add_ended(of.add_noticed(1, kTuple, 100 * kMs), 110 * kMs);
    CHECK_FALSE(of.aliases.has_ended(by_cookie(2), row, shown, before));
    of.aliases.add_ended(of.add_noticed(3, kTuple, 100 * kMs), 210 * kMs);
    CHECK(of.aliases.has_ended(by_cookie(2), row, shown, before));
  }
}

TEST_CASE("SocketAliases finds the noticed connection of a minisock", "[track]") {
  Fixture of;
  of.add_noticed(1, kTuple, 100);
  const auto latest = of.add_noticed(2, kTuple, 200);
  of.add(by_cookie(3), tcp_tuple(4001, 443));  // active
  const auto shown_twice = of.add_noticed(4, tcp_tuple(4002, 443), 100);
  of.table[shown_twice].named_by_notice = false;
  of.table[shown_twice].connection.first_seen_ns = 50;
  of.table[shown_twice].seen = {90, 95};
  const auto shown_once = of.add_noticed(5, tcp_tuple(4003, 443), 100);
  of.table[shown_once].named_by_notice = false;
  of.table[shown_once].connection.first_seen_ns = 95;
  of.table[shown_once].seen = {90, 95};
  const auto shown_and_noticed = of.add_noticed(6, tcp_tuple(4004, 443), 100);
  of.table[shown_and_noticed].named_by_notice = false;
  of.table[shown_and_noticed].connection.first_seen_ns = 50;
  of.table[shown_and_noticed].seen = {90, 95};
  of.table[shown_and_noticed].evidence.noticed = true;
  const auto snapshot = tcp_snapshot(300, {});
  of.aliases.begin_snapshot();
  const auto match = [&](std::uint16_t port) {
    return of.aliases.match_minisock(tcp_row(9, time_wait, port, 443), snapshot, by_cookie(9));
  };
  CHECK(match(4000) == latest);
  CHECK(match(4001) == kNone);
  CHECK(match(4002) == kNone);       // its minisock would keep the cookie
  CHECK(match(4003) == shown_once);  // the snapshot asked for its cookie when the minisock was made
  CHECK(match(4004) == shown_and_noticed);
  of.table.set_phase(latest, Phase::time_wait);
  CHECK(match(4000) == kNone);  // it has one
}

TEST_CASE("SocketAliases finds the minisock of a socket that was shown once, before its end",
          "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple);
  auto& entry = of.table[index];
  entry.connection.seen_by = SeenBy::snapshot;
  entry.connection.state = fin_wait_2;
  entry.connection.first_seen_ns = 95;
  entry.seen = {90, 95};
  const auto snapshot = tcp_snapshot(300, {});
  const auto match = [&] {
    of.table.begin_sweep();
    of.aliases.begin_snapshot();
    return of.aliases.match_minisock(tcp_row(9, time_wait, 4000, 443), snapshot, by_cookie(9));
  };
  CHECK(match() == index);
  SECTION("a minisock that was shown twice keeps its cookie") {
    entry.seen = {190, 195};
    CHECK(match() == kNone);
  }
  SECTION("a socket that was shown long before its end has a cookie for its minisock") {
    entry.connection.state = established;
    CHECK(match() == kNone);
  }
  SECTION("a socket that this snapshot shows has not ended") {
    of.table.begin_sweep();
    of.table.set_seen(index);
    of.aliases.begin_snapshot();
    CHECK(of.aliases.match_minisock(tcp_row(9, time_wait, 4000, 443), snapshot, by_cookie(9)) ==
          kNone);
  }
}

TEST_CASE("SocketAliases finds the minisock of a connection that only the trace has seen",
          "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple, Phase::time_wait);
  of.table[index].connection.seen_by = SeenBy::trace;
  of.aliases.add_time_wait(0, kTuple, index);
  const auto snapshot = tcp_snapshot(300, {});
  of.aliases.begin_snapshot();
  const auto match = [&] {
    return of.aliases.match_minisock(tcp_row(9, time_wait, 4000, 443), snapshot, by_cookie(9));
  };
  CHECK(match() == index);
  of.table[index].connection.seen_by = SeenBy::trace | SeenBy::snapshot;
  CHECK(match() == kNone);  // it is of a later use of the tuple
}

TEST_CASE("SocketAliases finds the use of a tuple that a minisock without a timestamp ends",
          "[track]") {
  Fixture of;
  const auto identity = [](std::uint64_t timestamp) { return Identity{0, timestamp, kTuple}; };
  of.add(identity(10), kTuple);
  const auto latest = of.add(identity(20), kTuple);
  auto snapshot = tcp_snapshot(300, {});
  snapshot.incarnation_is_unique = false;
  const auto match = [&] {
    return of.aliases.match_minisock(tcp_row(0, time_wait, 4000, 443), snapshot, identity(0));
  };
  of.table.begin_sweep();
  of.aliases.begin_snapshot();
  CHECK(match() == latest);
  of.table.set_seen(latest);
  CHECK(match() == kNone);  // the snapshot shows that use
}

TEST_CASE("SocketAliases finds the minisock that was shown before its notice", "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple, Phase::time_wait);
  of.table[index].connection.first_seen_ns = 2 * kSecond;
  of.aliases.add_minisock(0, kTuple, index);
  CHECK(of.aliases.awaits_notice(index));
  // The peer was heard of last at 1.99 s or later, by a timer of 10 ms.
  Notice notice{0, Moment{12 * kSecond, 0}, tcp_row(2, established, 4000, 443)};
  notice.row.delivery = Delivery{};
  notice.row.delivery->since_acked_ms = 10'000;

  SECTION("once") {
    CHECK(of.aliases.take_minisock(notice) == index);
    CHECK(of.aliases.take_minisock(notice) == kNone);
    CHECK_FALSE(of.aliases.awaits_notice(index));
  }
  SECTION("not when the socket of the notice heard of its peer later") {
    notice.row.delivery->since_acked_ms = 9'980;
    CHECK(of.aliases.take_minisock(notice) == kNone);
  }
  SECTION("for a second when its socket does not say when it heard of its peer") {
    notice.row.delivery.reset();
    CHECK(of.aliases.take_minisock(notice) == kNone);
    notice.at.at_ns = 3 * kSecond;
    CHECK(of.aliases.take_minisock(notice) == index);
  }
  SECTION("not after it has closed") {
    of.aliases.forget(index);
    CHECK(of.aliases.take_minisock(notice) == kNone);
  }
  SECTION("not when it has had a notice") {
    of.table[index].evidence.noticed = true;
    CHECK(of.aliases.take_minisock(notice) == kNone);
  }
  SECTION("not of another namespace") {
    notice.netns = 5;
    CHECK(of.aliases.take_minisock(notice) == kNone);
  }
}

TEST_CASE("SocketAliases finds the entry in TIME_WAIT with a tuple", "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple, Phase::time_wait);
  of.aliases.add_time_wait(0, kTuple, index);
  CHECK(of.aliases.find_time_wait(0, kTuple) == index);
  CHECK(of.aliases.find_time_wait(0, tcp_tuple(4001, 443)) == kNone);
  CHECK(of.aliases.find_time_wait(5, kTuple) == kNone);
  SECTION("not after it has closed") {
    of.aliases.forget(index);
    CHECK(of.aliases.find_time_wait(0, kTuple) == kNone);
  }
  SECTION("not after it has left the state") {
    of.table.set_phase(index, Phase::active);
    CHECK(of.aliases.find_time_wait(0, kTuple) == kNone);
  }
  SECTION("not an entry that has taken its place") {
    of.table[index].connection.tuple = tcp_tuple(4009, 443);
    CHECK(of.aliases.find_time_wait(0, kTuple) == kNone);
  }
}

TEST_CASE("SocketAliases finds an orphan in FIN_WAIT_2, once", "[track]") {
  Fixture of;
  const auto index = of.add(by_cookie(1), kTuple, Phase::ending);
  of.aliases.add_orphan(0, kTuple, index);
  CHECK(of.aliases.take_orphan(0, tcp_tuple(4001, 443)) == kNone);
  CHECK(of.aliases.take_orphan(0, kTuple) == index);
  CHECK(of.aliases.take_orphan(0, kTuple) == kNone);
  of.aliases.add_orphan(0, kTuple, index);
  of.aliases.forget(index);
  CHECK(of.aliases.take_orphan(0, kTuple) == kNone);
}

}  // namespace netlog::track::test::socket_aliases

// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"
#include "unit/track/trace_fixture.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <utility>
#include <vector>

namespace netlog::track::test::trace {

TEST_CASE("an audit changes nothing that was traced just before or after it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  tracker.apply(kAccepted.to(syn_received, established, 101 * kMs));
  take_events(tracker);
  // Traced after the table was read, applied before it.
  tracker.apply(ended(kConnecting.to(established, closed, 1002 * kMs), EndCause::reset));
  tracker.apply(kAccepted.to(established, close_wait, 1002 * kMs));
  tracker.apply(audit(1001 * kMs, {kConnecting.row(established), kAccepted.row(established)}));
  CHECK(texts(take_events(tracker)) ==
        Lines{"1 close ESTABLISHED>CLOSED 1002", "2 state ESTABLISHED>CLOSE_WAIT 1002"});
  // Traced, and not in the table yet.
  tracker.apply(ended(kAccepted.to(close_wait, closed, 1503 * kMs), EndCause::reset));
  auto next = kConnecting;
  next.cookie = 3;
  next.begun_ns = 1504 * kMs;
  tracker.apply(next.to(closed, syn_sent, 1504 * kMs, kClient));
  take_events(tracker);
  tracker.apply(audit(1501 * kMs, {}));
  CHECK(take_events(tracker).empty());
  CHECK(tracker.open_connections() == 1);
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("a handshake read before its socket was traced is not another connection", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kAccepted.to(syn_received, established, 1002 * kMs));
  auto handshake = kAccepted;
  handshake.cookie = 7;
  SECTION("which is open") {}
  SECTION("which has closed") {
    tracker.apply(ended(kAccepted.to(established, closed, 1003 * kMs), EndCause::reset));
  }
  take_events(tracker);
  tracker.apply(audit(1001 * kMs, {handshake.row(syn_received)}));
  CHECK(take_events(tracker).empty());
  // Read long after: the peer connects again.
  tracker.apply(audit(2 * kSecond, {handshake.row(syn_received)}));
  const auto begun = texts(take_events(tracker));
  CHECK(std::find(begun.begin(), begun.end(), "2 open ->SYN_RECEIVED (1001,2001]") != begun.end());
}

TEST_CASE("an audit restores what the trace lost, with bounds, and counts it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  take_events(tracker);
  SECTION("a state") {
    tracker.apply(audit(kSecond, {kConnecting.row(close_wait)}));
    CHECK(texts(take_events(tracker)) == Lines{"1 state ESTABLISHED>CLOSE_WAIT (101,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 1, 0, 101 * kMs});
  }
  SECTION("an end, which two snapshots show") {
    tracker.apply(audit(kSecond, {}));
    CHECK(take_events(tracker).empty());
    tracker.apply(audit(2 * kSecond, {}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 close ESTABLISHED>CLOSED (101,1001]"});
    CHECK(events[0].connection.outcome == Outcome::unknown);
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 0, 1, 101 * kMs});
    // Neither a minisock that walks have missed nor a report that was held up opens it again.
    for (const auto second : {3, 4, 40, 61}) {
      tracker.apply(audit(second * kSecond, {kConnecting.row(time_wait)}));
    }
    tracker.apply(ended(kConnecting.to(established, closed, 900 * kMs), EndCause::reset));
    CHECK(take_events(tracker).empty());
    CHECK(tracker.open_connections() == 0);
  }
  SECTION("nothing of a socket that one walk has missed") {
    tracker.apply(audit(kSecond, {}));
    tracker.apply(audit(2 * kSecond, {kConnecting.row(established)}));
    CHECK(take_events(tracker).empty());
    CHECK(tracker.take_audit_misses() == AuditMisses{});
    tracker.apply(audit(3 * kSecond, {}));
    tracker.apply(audit(4 * kSecond, {kConnecting.row(time_wait)}));
    CHECK(texts(take_events(tracker)) == Lines{"1 state ESTABLISHED>TIME_WAIT (2000,4001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{0, 1, 0, 2 * kSecond});
  }
  SECTION("nothing of a socket whose end is reported late") {
    tracker.apply(audit(kSecond, {}));
    tracker.apply(ended(kConnecting.to(established, closed, 900 * kMs), EndCause::reset));
    tracker.apply(audit(2 * kSecond, {}));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 close ESTABLISHED>CLOSED 900"});
    CHECK(events[0].connection.outcome == Outcome::reset);
    CHECK(tracker.take_audit_misses() == AuditMisses{});
  }
  SECTION("an opening") {
    tracker.apply(audit(kSecond, {kConnecting.row(established), kAccepted.row(established)}));
    CHECK(texts(take_events(tracker)) == Lines{"2 open ->ESTABLISHED (0,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{1, 0, 0, 0});
  }
  SECTION("a handshake is not traced, and not counted as missed") {
    tracker.apply(audit(kSecond, {kConnecting.row(established), kAccepted.row(syn_received)}));
    CHECK(texts(take_events(tracker)) == Lines{"2 open ->SYN_RECEIVED (0,1001]"});
    CHECK(tracker.take_audit_misses() == AuditMisses{});
    tracker.apply(kAccepted.to(syn_received, established, 1100 * kMs));
    CHECK(texts(take_events(tracker)) == Lines{"2 state SYN_RECEIVED>ESTABLISHED 1100"});
  }
}

TEST_CASE("a transition after a loss shows what was lost before it", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(established, fin_wait_1, 150 * kMs, kClient));
  tracker.apply(orphaned(kConnecting.to(fin_wait_2, closed, 160 * kMs)));
  CHECK(texts(take_events(tracker)) == Lines{"1 open ->- 100",
                                             "1 state ->ESTABLISHED (100,150]",
                                             "1 state ESTABLISHED>FIN_WAIT_1 150",
                                             "1 state FIN_WAIT_1>FIN_WAIT_2 (150,160]"});
}

TEST_CASE("a connect that was not traced is known from the next transition", "[track]") {
  auto tracker = traced_from_the_start();
  SECTION("nothing has shown it") {
    tracker.apply(kConnecting.to(syn_sent, established, 150 * kMs, kClient));
    CHECK(texts(take_events(tracker)) ==
          Lines{"1 open ->SYN_SENT 100", "1 state SYN_SENT>ESTABLISHED 150"});
  }
  SECTION("a table has") {
    tracker.apply(audit(120 * kMs, {kConnecting.row(syn_sent)}));
    tracker.apply(kConnecting.to(syn_sent, established, 150 * kMs, kClient));
    const auto events = take_events(tracker);
    CHECK(texts(events) == Lines{"1 open ->SYN_SENT (0,121]", "1 state SYN_SENT>ESTABLISHED 150"});
    CHECK(events.back().connection.owner.process == kClient);
  }
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("connections older than the trace are polled until they end", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {kConnecting.row(established)}));
  tracker.apply(audit(kSecond, {kConnecting.row(close_wait)}));
  tracker.apply(audit(2 * kSecond, {}));
  CHECK(texts(take_events(tracker)) == Lines{"1 present ->ESTABLISHED (0,1]",
                                             "1 state ESTABLISHED>CLOSE_WAIT (0,1001]",
                                             "1 close CLOSE_WAIT>CLOSED (1000,2001]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("tp_btf traces changes of older sockets, too", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  tracker.apply(audit(0, {kConnecting.row(established)}));
  auto older = kConnecting.to(established, close_wait, 50 * kMs);
  older.begun_ns.reset();
  older.direction = Direction::unknown;
  tracker.apply(older);
  CHECK(texts(take_events(tracker)) ==
        Lines{"1 present ->ESTABLISHED (0,1]", "1 state ESTABLISHED>CLOSE_WAIT 50"});
}

TEST_CASE("a row read before its opening was traced is the same socket", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(audit(100 * kMs, {kConnecting.row(syn_sent)}));
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 102 * kMs));
  CHECK(texts(take_events(tracker)) ==
        Lines{"1 open ->SYN_SENT (0,101]", "1 state SYN_SENT>ESTABLISHED 102"});
}

TEST_CASE("a socket whose beginning is reported late is recorded once", "[track]") {
  auto tracker = traced_from_the_start();
  const auto shown = GENERATE(established, close_wait, fin_wait_1);
  const auto reported_ms = GENERATE(20, 95, 100, 101);
  CAPTURE(shown, reported_ms);
  tracker.apply(audit(100 * kMs, {kConnecting.row(shown)}));
  tracker.apply(kConnecting.to(closed, syn_sent, reported_ms * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, reported_ms * kMs + 1));
  tracker.apply(ended(kConnecting.to(established, closed, 200 * kMs), EndCause::reset));
  std::map<ConnectionId, int> ends;
  for (const auto& event : take_events(tracker)) {
    ends[event.connection.id] += event.kind == EventKind::close ? 1 : 0;
    CHECK(event.connection.owner.process == kClient);
  }
  CHECK(ends == std::map<ConnectionId, int>{{1, 1}});
}

TEST_CASE("after the trace has ended, tables and notices show the changes", "[track]") {
  auto tracker = traced_from_the_start();
  tracker.apply(kConnecting.to(closed, syn_sent, 100 * kMs, kClient));
  tracker.apply(kConnecting.to(syn_sent, established, 101 * kMs));
  take_events(tracker);
  tracker.end_trace();
  tracker.apply(audit(105 * kMs, {kConnecting.row(close_wait)}));
  CHECK(texts(take_events(tracker)) == Lines{"1 state ESTABLISHED>CLOSE_WAIT (101,106]"});
  CHECK(tracker.take_audit_misses() == AuditMisses{});
}

TEST_CASE("TIME_WAIT in a namespace that is not read closes after its time", "[track]") {
  Tracker tracker;
  tracker.begin_trace();
  // Found, and not to be read.
  tracker.begin_namespace(0, 0);
  auto end = ended(kConnecting.to(fin_wait_2, closed, 112 * kMs), EndCause::none, true);
  tracker.apply(kConnecting.to(fin_wait_1, fin_wait_2, 111 * kMs));
  tracker.apply(end);
  take_events(tracker);
  tracker.expire(60 * kSecond);
  CHECK(take_events(tracker).empty());
  tracker.expire(62 * kSecond);
  CHECK(texts(take_events(tracker)) == Lines{"1 close TIME_WAIT>CLOSED (112,62000]"});
}

TEST_CASE("a UDP socket has the owner and the time of its creation", "[track]") {
  constexpr TableSet kUdp4 = table_bit(TableKind::udp4);
  Tracker tracker;
  auto empty = audit(0, {});
  empty.tables = kUdp4;
  tracker.apply(empty);
  tracker.apply(UdpSocketCreated{0, 7, 50 * kMs, Caller{kClient, 1, "dig"}});
  SocketRow row;
  row.tuple = {Protocol::udp, {IpAddress::v4(192, 0, 2, 1), 5353}, {}};
  row.incarnation = 7;
  row.holder_key = 99;
  // Who makes a socket may make it for a child.
  const bool is_used = GENERATE(false, true);
  if (is_used) {
    tracker.apply(SocketUser{0, 7, 60 * kMs, Caller{kServer, 1, "dig"}});
  }
  SECTION("met by a table") {
    auto later = audit(100 * kMs, {row});
    later.tables = kUdp4;
    tracker.apply(later);
  }
  SECTION("met at its end only") {
    row.holder_key = 0;
    tracker.apply(Notice{0, Moment{101 * kMs, 15 * kMs}, row});
  }
  const auto events = take_events(tracker);
  REQUIRE_FALSE(events.empty());
  CHECK(text(events[0]) == "1 open ->- (50,101]");
  CHECK(events[0].connection.owner ==
        (is_used ? Owner{kServer, OwnerSource::exact, {}} : Owner{kClient, OwnerSource::held, {}}));
  CHECK(tracker.owner_queries(10).empty());
}

// Connections follow RFC 9293, some of their transitions are lost, and snapshots show their true
// states. Whatever was lost: each connection is recorded at most once, exact times are exact, all
// bounds hold, and states follow one another without a gap.
TEST_CASE("random connections, partly traced, audited", "[track]") {
  struct Step {
    TcpState state;
    std::int64_t at_ns;
    bool traced;
  };
  struct Life {
    Socket socket;
    std::vector<Step> steps;
  };
  const std::vector<std::vector<TcpState>> kWays{
      {syn_sent, established, fin_wait_1, fin_wait_2, time_wait, closed},
      {syn_sent, established, close_wait, last_ack, closed},
      {syn_sent, established, fin_wait_1, closing, time_wait, closed},
      {syn_sent, established, closed},
      {syn_sent, closed}};
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    const unsigned lost_of_100 = seed % 4 == 0 ? 0 : 10 * (seed % 4);
    std::vector<Life> lives(40);
    for (std::size_t i = 0; i < lives.size(); ++i) {
      auto& life = lives[i];
      auto at_ns = (20 + static_cast<std::int64_t>(random() % 4000)) * kMs;
      life.socket.cookie = i + 1;
      life.socket.begun_ns = at_ns;
      for (const auto state : kWays[random() % kWays.size()]) {
        const bool kernel_is_silent =
            state == closed && !life.steps.empty() && life.steps.back().state == time_wait;
        life.steps.push_back({state, at_ns, !kernel_is_silent && random() % 100 >= lost_of_100});
        at_ns += 1 + static_cast<std::int64_t>(random() % (random() % 3 == 0 ? 2000 : 20)) * kMs;
      }
    }
    const auto row_of = [&](std::size_t i, TcpState state) {
      auto row = lives[i].socket.row(state);
      row.tuple.local.port = static_cast<std::uint16_t>(2000 + i);
      return row;
    };
    auto tracker = traced_from_the_start();
    std::map<ConnectionId, std::size_t> life_of;
    std::map<std::size_t, ConnectionId> id_of;
    std::map<ConnectionId, std::optional<std::uint8_t>> state_of;
    std::int64_t traced_until = 0;
    std::int64_t missed = 0;
    for (std::int64_t second = 1; second < 25; ++second) {
      const auto began_ns = second * kSecond;
      // Traced until a little after the table was read.
      const auto until_ns = began_ns + 5 * kMs;
      std::vector<Transition> batch;
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& steps = lives[i].steps;
        for (std::size_t n = 0; n < steps.size(); ++n) {
          const auto& step = steps[n];
          if (!step.traced || step.at_ns <= traced_until || step.at_ns > until_ns) {
            continue;
          }
          const auto old_state = n == 0 ? closed : steps[n - 1].state;
          // The kernel says CLOSE where TIME_WAIT follows.
          const bool waits = step.state == time_wait;
          auto change = lives[i].socket.to(old_state, waits ? closed : step.state, step.at_ns);
          change.row = row_of(i, waits ? closed : step.state);
          change.fin_received = waits || old_state == last_ack;
          change.orphan = true;
          if (step.state == closed && old_state != last_ack) {
            change.cause = EndCause::reset;
          }
          batch.push_back(change);
        }
      }
      std::sort(batch.begin(), batch.end(), [](const auto& a, const auto& b) {
        return a.at_ns < b.at_ns;
      });
      traced_until = until_ns;
      for (const auto& change : batch) {
        tracker.apply(change);
      }
      auto table = audit(began_ns, {});
      // Where all is traced, TIME_WAIT is read seldom.
      table.covers_time_wait = lost_of_100 > 0 || second % 7 == 0 || second > 20;
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto moment = began_ns + static_cast<std::int64_t>(random() % kMs);
        const auto& steps = lives[i].steps;
        const auto next = std::find_if(
            steps.begin(), steps.end(), [&](const Step& step) { return step.at_ns > moment; });
        if (next != steps.begin() && next != steps.end() &&
            (table.covers_time_wait || (next - 1)->state != time_wait)) {
          table.rows.push_back(row_of(i, (next - 1)->state));
        }
      }
      tracker.apply(table);
      const auto found = tracker.take_audit_misses();
      missed += found.opens + found.states + found.ends;
      REQUIRE(tracker.broken_invariant().empty());
      for (const auto& event : take_events(tracker)) {
        const auto id = event.connection.id;
        const auto i = event.connection.tuple.local.port - std::size_t{2000};
        CAPTURE(text(event), i);
        const auto& steps = lives[i].steps;
        const auto true_step = [&](std::optional<std::uint8_t> code) {
          return std::find_if(steps.begin(), steps.end(), [&](const Step& step) {
            return static_cast<std::uint8_t>(step.state) == code;
          });
        };
        if (event.kind == EventKind::open) {
          REQUIRE(id_of.emplace(i, id).second);
          life_of[id] = i;
          state_of[id] = event.new_code;
          REQUIRE(event.at.at_ns >= steps.front().at_ns);
          REQUIRE(event.at.at_ns - event.at.error_ns <= steps.front().at_ns);
          continue;
        }
        REQUIRE(life_of.at(id) == i);
        REQUIRE(state_of.at(id) == event.old_code);
        REQUIRE(event.old_code != event.new_code);
        state_of[id] = event.new_code;
        const auto truth = true_step(event.new_code);
        REQUIRE(truth != steps.end());
        REQUIRE(event.at.at_ns >= truth->at_ns);
        REQUIRE(event.at.at_ns - event.at.error_ns <= truth->at_ns);
      }
    }
    REQUIRE(tracker.open_connections() == 0);
    if (lost_of_100 == 0) {
      REQUIRE(id_of.size() == lives.size());
      REQUIRE(missed == 0);
    }
  }
}

}  // namespace netlog::track::test::trace

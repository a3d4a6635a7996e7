// SPDX-License-Identifier: MIT
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "track/tracker.hpp"

#include <algorithm>
#include <map>
#include <random>
#include <set>

namespace netlog_tests::track_tracker_property_test {

using namespace netlog;
using namespace netlog::track;

namespace {

constexpr TableSet kTcp = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);

// A cookie's tuple never changes here; some cookies share a tuple, one after the other.
SocketRow row_of(std::uint64_t cookie, TcpState state) {
  SocketRow row;
  row.tuple = {Protocol::tcp,
               {IpAddress::v4(192, 0, 2, 1), static_cast<std::uint16_t>(1000 + cookie % 40)},
               {IpAddress::v4(198, 51, 100, 7), 443}};
  row.incarnation = cookie;
  row.state = state;
  return row;
}

using Table = std::map<std::uint64_t, TcpState>;

Snapshot snapshot_of(const Table& table, std::int64_t tick, bool time_wait) {
  Snapshot snapshot;
  snapshot.tables = kTcp;
  snapshot.covers_time_wait = time_wait;
  snapshot.incarnation_is_unique = true;
  snapshot.taken = Span{tick * 100, tick * 100 + 10};
  for (const auto& [cookie, state] : table) {
    if (time_wait || state != TcpState::time_wait) {
      snapshot.rows.push_back(row_of(cookie, state));
    }
  }
  return snapshot;
}

Table next(Table table, std::uint64_t& last_cookie, std::mt19937& random) {
  constexpr TcpState kSome[] = {
      TcpState::established, TcpState::close_wait, TcpState::fin_wait_2, TcpState::time_wait};
  for (auto entry = table.begin(); entry != table.end();) {
    const auto dice = random() % 10;
    if (dice == 0) {
      entry = table.erase(entry);
      continue;
    }
    if (dice < 3 && entry->second != TcpState::time_wait) {
      entry->second = kSome[random() % 4];
    }
    ++entry;
  }
  for (auto births = random() % 4; births > 0; --births) {
    last_cookie += 1 + random() % 60;
    table[last_cookie] = kSome[random() % 4];
  }
  return table;
}

}  // namespace

TEST_CASE("events applied to the first snapshot give the last, and none is without a change",
          "[track]") {
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    Tracker tracker;
    Table truth;
    std::uint64_t last_cookie = 0;
    std::map<ConnectionId, std::optional<std::uint8_t>> model;
    std::set<ConnectionId> closed;
    for (std::int64_t tick = 0; tick < 30; ++tick) {
      truth = next(truth, last_cookie, random);
      // Now and then without TIME_WAIT rows; the first and the last one whole.
      tracker.apply(snapshot_of(truth, tick, tick == 0 || tick == 29 || random() % 3 != 0));
      REQUIRE(tracker.broken_invariant().empty());
      for (const auto& event : take_events(tracker)) {
        const auto id = event.connection.id;
        REQUIRE_FALSE(closed.contains(id));
        REQUIRE(event.at.error_ns >= 0);
        switch (event.kind) {
          case EventKind::present:
          case EventKind::open:
            REQUIRE((event.kind == EventKind::present) == (tick == 0));
            REQUIRE(model.emplace(id, event.new_code).second);
            break;
          case EventKind::state:
            REQUIRE(event.old_code != event.new_code);
            REQUIRE(model.at(id) == event.old_code);
            model[id] = event.new_code;
            break;
          case EventKind::close:
            REQUIRE(model.erase(id) == 1);
            closed.insert(id);
            break;
          default:
            FAIL("no owners or offloads here");
        }
      }
    }
    // What the events say is left is what the last snapshot showed.
    std::multiset<std::uint8_t> expected;
    for (const auto& [cookie, state] : truth) {
      expected.insert(static_cast<std::uint8_t>(state));
    }
    std::multiset<std::uint8_t> left;
    for (const auto& [id, state] : model) {
      left.insert(state.value_or(0));
    }
    REQUIRE(left == expected);
    REQUIRE(tracker.open_connections() == truth.size());
  }
}

// One true history: each connection opens, ends for its owner, and perhaps stays in TIME_WAIT for a
// while. Snapshots and notices are drawn from it, either may be missing for some. A dump may show
// what ended while it ran and miss the minisock of what is known; the kernel's worker may send a
// notice late.
TEST_CASE(
    "random snapshots and notices of one history give each connection once, with bounds that hold",
    "[track]") {
  struct Life {
    std::int64_t opened = 0;
    std::int64_t ended = 0;    // of the full socket
    std::int64_t gone = 0;     // of TIME_WAIT, if any
    std::int64_t noticed = 0;  // 0: never
  };
  for (unsigned seed = 0; seed < 200; ++seed) {
    CAPTURE(seed);
    std::mt19937 random{seed};
    std::vector<Life> lives(60);
    for (auto& life : lives) {
      life.opened = 150 + static_cast<std::int64_t>(random() % 2500);
      life.ended =
          life.opened + 1 + static_cast<std::int64_t>(random() % (random() % 2 == 0 ? 40 : 900));
      life.gone = life.ended + (random() % 2 == 0 ? 0 : static_cast<std::int64_t>(random() % 800));
      life.noticed = random() % 5 == 0 ? 0 : life.ended;
      if (random() % 4 == 0 && life.noticed != 0) {
        life.noticed += static_cast<std::int64_t>(random() % 250);
      }
    }
    Tracker tracker;
    tracker.expect_notices(0, kAllTables, 0);
    std::map<std::uint64_t, ConnectionId> ids;  // by local port
    std::map<ConnectionId, Connection> last;
    std::set<std::uint64_t> polled;
    std::int64_t drained = 0;
    for (std::int64_t tick = 0; tick < 45; ++tick) {
      const auto began = tick * 100;
      // Notices that came until now; the kernel puts no time on them.
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& life = lives[i];
        if (life.noticed > drained && life.noticed <= began) {
          auto row = row_of(i + 1, TcpState::closed);
          row.tuple.local.port = static_cast<std::uint16_t>(2000 + i);
          tracker.apply(Notice{0, Moment{began, began - drained}, row});
        }
      }
      drained = began;
      const bool time_wait = tick % 3 == 0 || tick > 40;
      auto snapshot = snapshot_of({}, tick, time_wait);
      for (std::size_t i = 0; i < lives.size(); ++i) {
        const auto& life = lives[i];
        const auto moment =
            began + static_cast<std::int64_t>(random() % 10);  // when the walk came to it
        const bool full = life.opened <= moment && moment < life.ended;
        const bool waiting = time_wait && life.ended <= moment && moment < life.gone;
        const bool is_known = ids.contains(2000 + i);
        const bool missed = waiting && is_known && random() % 20 == 0;
        if (full || (waiting && !missed)) {
          // TIME_WAIT has a new cookie when no snapshot has asked for the first one.
          const bool other = waiting && !polled.contains(i);
          auto row = row_of(i + 1 + (other ? 1000 : 0),
                            full ? TcpState::established : TcpState::time_wait);
          row.tuple.local.port = static_cast<std::uint16_t>(2000 + i);
          snapshot.rows.push_back(row);
          if (full) {
            polled.insert(i);
          }
        }
      }
      tracker.apply(snapshot);
      REQUIRE(tracker.broken_invariant().empty());
      for (const auto& event : take_events(tracker)) {
        last[event.connection.id] = event.connection;
        if (event.kind == EventKind::open || event.kind == EventKind::present) {
          const auto port = event.connection.tuple.local.port;
          const auto& life = lives[port - std::size_t{2000}];
          CAPTURE(port, tick, life.opened, life.ended, life.gone, life.noticed);
          REQUIRE(ids.emplace(event.connection.tuple.local.port, event.connection.id).second);
        }
      }
    }
    REQUIRE(tracker.open_connections() == 0);
    for (std::size_t i = 0; i < lives.size(); ++i) {
      const auto& life = lives[i];
      CAPTURE(i, life.opened, life.ended, life.gone, life.noticed);
      const auto id = ids.find(2000 + i);
      if (id == ids.end()) {
        REQUIRE(life.noticed == 0);  // nothing that a notice has shown is lost
        continue;
      }
      const auto& connection = last.at(id->second);
      REQUIRE(connection.opened.has_value());
      REQUIRE(connection.closed.has_value());
      const auto holds = [](const Moment& moment, std::int64_t truth) {
        return moment.at_ns - moment.error_ns < truth + 1 && truth <= moment.at_ns;
      };
      REQUIRE(holds(*connection.opened, life.opened));
      REQUIRE(holds(*connection.closed, life.ended));
    }
  }
}

}  // namespace netlog_tests::track_tracker_property_test

// SPDX-License-Identifier: MIT
#include "track/owner_tracker.hpp"

#include "support/catch.hpp"
#include "support/track_parts.hpp"
#include "util/filetime.hpp"

#include <cstdint>
#include <optional>
#include <random>
#include <vector>

namespace netlog::track::test::owner_tracker {

using enum TcpState;

namespace {

constexpr ProcessId kServer{200, 1};
constexpr ProcessId kWorker{201, 1};
using Keys = std::vector<std::uint64_t>;

}  // namespace

TEST_CASE("OwnerTracker requests the owner of a socket that a process holds", "[track]") {
  TrackParts parts;
  const auto held = parts.open(tcp_row(1, established, 4000, 443, 77));
  const auto orphan = parts.open(tcp_row(2, fin_wait_2, 4001, 443));
  CHECK(parts.pending_keys() == Keys{77});
  CHECK(parts.table[orphan].connection.owner ==
        Owner{{}, OwnerSource::unknown, UnknownOwner::kernel});
  parts.owners.owner_found(77, kServer, Moment{200, 5});
  CHECK(parts.table[held].connection.owner == Owner{kServer, OwnerSource::held, {}});
  CHECK(parts.pending_keys().empty());
  CHECK(parts.broken_invariant().empty());

  SECTION("again when the process has ended") {
    parts.owners.end_process(kWorker);
    CHECK(parts.pending_keys().empty());
    parts.owners.end_process(kServer);
    CHECK(parts.pending_keys() == Keys{77});
  }
  SECTION("not after the connection has closed") {
    parts.owners.end_process(kServer);
    parts.lifecycle.close(held, Moment{300, 10});
    CHECK(parts.pending_keys().empty());
    CHECK(parts.owners.take_released_sockets() == Keys{77});
    CHECK(parts.owners.take_released_sockets().empty());
    parts.owners.owner_found(77, kWorker, Moment{400, 5});
    CHECK(parts.table[held].connection.owner.process == kServer);
  }
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("OwnerTracker keeps the owner of a socket that no process holds any more", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, established, 4000, 443, 77));
  parts.owners.owner_found(77, kServer, Moment{200, 5});
  parts.owners.see_holder(index, tcp_row(1, fin_wait_1, 4000, 443, 0));
  CHECK(parts.table[index].connection.owner == Owner{kServer, OwnerSource::last_seen, {}});
  CHECK(parts.owners.take_released_sockets() == Keys{77});
}

TEST_CASE("OwnerTracker gives the owner of a listener to what it accepts", "[track]") {
  TrackParts parts;
  const auto listener = parts.open(tcp_row(1, listen, 80, 0, 70));
  const auto early = parts.open(tcp_row(2, established, 80, 5000));
  parts.owners.owner_found(70, kServer, Moment{200, 5});
  CHECK_FALSE(parts.table[early].connection.owner.process);  // the listener is new
  parts.owners.recheck_listener_owner(listener, 250);
  parts.owners.owner_found(70, kServer, Moment{300, 5});
  CHECK(parts.table[early].connection.owner == Owner{kServer, OwnerSource::inherited, {}});
  const auto late = parts.open(tcp_row(3, established, 80, 5001));
  CHECK(parts.table[late].connection.owner == Owner{kServer, OwnerSource::inherited, {}});

  SECTION("the process that uses an accepted connection is the likely owner of the next") {
    parts.owners.set_user(late, kWorker, Moment{300, 0});
    const auto next = parts.open(tcp_row(4, established, 80, 5002));
    CHECK(parts.table[next].connection.owner == Owner{kWorker, OwnerSource::inherited, {}});
    CHECK(parts.table[listener].connection.owner.process == kServer);
  }
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("OwnerTracker requests the owner of a listener again at once and after two seconds",
          "[track]") {
  TrackParts parts;
  const auto listener = parts.open(tcp_row(1, listen, 80, 0, 70));
  const auto recheck = [&](std::int64_t at_ns) {
    parts.owners.recheck_listener_owner(listener, at_ns);
    return parts.pending_keys();
  };
  parts.owners.owner_found(70, kServer, Moment{9 * kSecond, 0});
  CHECK(recheck(9 * kSecond + 1) == Keys{70});
  parts.owners.owner_found(70, kServer, Moment{10 * kSecond, 0});
  CHECK(recheck(12 * kSecond - 1).empty());
  CHECK(recheck(12 * kSecond) == Keys{70});
  parts.owners.owner_not_found(70, UnknownOwner::gone);
  CHECK(parts.table[listener].connection.owner.process == kServer);
  CHECK(recheck(13 * kSecond).empty());
  CHECK(recheck(14 * kSecond) == Keys{70});
}

TEST_CASE("OwnerTracker takes a traced owner without a search", "[track]") {
  TrackParts parts;
  const auto row = tcp_row(1, established, 4000, 443, 77);
  Opening opening;
  opening.seen_by = SeenBy::snapshot;
  opening.direction = Direction::outbound;
  opening.owner = Owner{kWorker, OwnerSource::exact, {}};
  const auto index = parts.lifecycle.open(by_cookie(1), row, opening);
  CHECK(parts.table[index].connection.owner == Owner{kWorker, OwnerSource::exact, {}});
  CHECK(parts.pending_keys().empty());
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("OwnerTracker asks who holds a socket when its user has ended", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, established, 4000, 443));
  const auto owner = [&] { return parts.table[index].connection.owner; };
  parts.owners.set_user(index, kServer, Moment{100, 0});
  parts.owners.set_user(index, kWorker, Moment{200, 0});  // a helper that reads
  parts.owners.end_process(kWorker);
  CHECK(owner() == Owner{kWorker, OwnerSource::exact, {}});
  CHECK(parts.pending_keys().empty());  // only a table has the key of its holder
  parts.owners.see_holder(index, tcp_row(1, established, 4000, 443, 77));
  CHECK(parts.pending_keys() == Keys{77});
  parts.owners.owner_found(77, kServer, Moment{300, 5});
  CHECK(owner() == Owner{kServer, OwnerSource::held, {}});
  // What the kernel remembers of the helper is older.
  parts.owners.set_user(index, kWorker, Moment{400, 0});
  CHECK(owner() == Owner{kServer, OwnerSource::held, {}});
  parts.owners.set_user(index, kServer, Moment{500, 0});
  CHECK(owner() == Owner{kServer, OwnerSource::exact, {}});
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("OwnerTracker trusts who uses a socket more than who holds it", "[track]") {
  TrackParts parts;
  const auto index = parts.open(tcp_row(1, established, 4000, 443, 77));
  const auto owner = [&] { return parts.table[index].connection.owner; };
  parts.owners.set_user(index, kServer, Moment{200, 0});
  CHECK(owner() == Owner{kServer, OwnerSource::exact, {}});

  SECTION("a helper that has inherited it is found first") {
    parts.owners.owner_found(77, kWorker, Moment{300, 5});
    CHECK(owner() == Owner{kServer, OwnerSource::exact, {}});
  }
  SECTION("a helper lets go of it last") {
    parts.owners.set_closer(index, LastCloser{0, 1, 300, Caller{kWorker, 1, "true"}, {}});
    CHECK(owner() == Owner{kServer, OwnerSource::exact, {}});
  }
  SECTION("another process uses it afterwards") {
    parts.owners.set_user(index, kWorker, Moment{300, 0});
    CHECK(owner() == Owner{kWorker, OwnerSource::exact, {}});
  }
  SECTION("its user has ended, and another process holds it") {
    parts.owners.end_process(kServer);
    parts.owners.owner_found(77, kWorker, Moment{300, 5});
    CHECK(owner() == Owner{kWorker, OwnerSource::held, {}});
  }
  SECTION("its user executes another program: what it opened before stays as it was") {
    auto after = kServer;
    after.image = 1;
    parts.owners.owner_found(77, after, Moment{300, 5});
    parts.owners.set_user(index, after, Moment{400, 0});
    CHECK(owner() == Owner{kServer, OwnerSource::exact, {}});
    parts.owners.end_process(kServer);
    CHECK(parts.pending_keys() == Keys{77});
  }
  CHECK(parts.broken_invariant().empty());
}

TEST_CASE("OwnerTracker: who closes a socket that nobody was seen to use", "[track]") {
  const LastCloser by_server{0, 1, 300, Caller{kServer, 1, "server"}, {}};
  const LastCloser by_worker{0, 1, 300, Caller{kWorker, 1, "worker"}, {}};
  const LastCloser before_exec{0, 1, 300, Caller{kWorker, 1, "server"}, kServer};
  const Owner unknown{};
  const Owner inherited{kServer, OwnerSource::inherited, {}};
  const Owner held{kServer, OwnerSource::held, {}};
  const Owner used{kServer, OwnerSource::exact, {}};
  CHECK(owner_by_close(unknown, by_worker) == Owner{kWorker, OwnerSource::held, {}});
  CHECK(owner_by_close(unknown, before_exec) == held);
  CHECK(owner_by_close(inherited, before_exec) == inherited);
  CHECK(owner_by_close(inherited, by_worker) == Owner{kWorker, OwnerSource::held, {}});
  CHECK(owner_by_close(inherited, by_server) == used);
  CHECK(owner_by_close(held, by_server) == held);
  CHECK(owner_by_close(used, by_worker) == used);
}

TEST_CASE("OwnerTracker: a socket that no process has is the kernel's", "[track]") {
  TrackParts parts;
  const auto row = tcp_row(1, listen, 2049, 0, 77);
  const auto index = parts.open(row);
  const auto owner = [&] { return parts.table[index].connection.owner; };
  parts.owners.see_holder(index, row);
  CHECK(owner().why == UnknownOwner::not_yet);
  SECTION("it is there after a search of all processes") {
    parts.owners.owner_not_found(77, UnknownOwner::gone);
    CHECK(owner().why == UnknownOwner::gone);
    parts.owners.see_holder(index, row);
    CHECK(owner().why == UnknownOwner::kernel);
    CHECK_FALSE(owner().process.has_value());
  }
  SECTION("not if some processes may not be searched") {
    parts.owners.owner_not_found(77, UnknownOwner::not_permitted);
    parts.owners.see_holder(index, row);
    CHECK(owner().why == UnknownOwner::not_permitted);
  }
  SECTION("the trace says so at once") {
    parts.owners.set_of_kernel(index);
    CHECK(owner().why == UnknownOwner::kernel);
    parts.owners.owner_not_found(77, UnknownOwner::gone);
    CHECK(owner().why == UnknownOwner::kernel);
  }
}

TEST_CASE("OwnerTracker: of several that hold a listener its owner stays the owner", "[track]") {
  TrackParts parts;
  parts.open(tcp_row(1, listen, 80, 0, 70));
  parts.owners.owner_found(70, kServer, Moment{200, 5});
  const auto accepted = parts.open(tcp_row(2, established, 80, 5000));
  parts.owners.set_user(accepted, kWorker, Moment{300, 0});
  parts.owners.recheck_listener_owner(0, 10 * kSecond);
  const auto queries = parts.owners.queries(10);
  REQUIRE(queries.size() == 1);
  CHECK(queries[0].owner_pid == kServer.pid);
  CHECK(queries[0].likely_pids == std::vector<std::uint32_t>{kServer.pid, kWorker.pid});
}

TEST_CASE("OwnerTracker names the processes that used a port last as likely owners", "[track]") {
  TrackParts parts;
  parts.open(tcp_row(1, established, 4000, 443, 77));
  parts.owners.owner_found(77, kServer, Moment{200, 5});
  parts.open(tcp_row(2, established, 4001, 443, 78));
  const auto queries = parts.owners.queries(10);
  REQUIRE(queries.size() == 1);
  CHECK(queries[0].likely_pids == std::vector<std::uint32_t>{200});
}

TEST_CASE("owner_by_pid never takes a younger process, whatever the clock does", "[track]") {
  constexpr std::int64_t kUtc = 1'600'000'000 * kSecond;
  constexpr std::int64_t kTick = 15'625'000;
  for (unsigned seed = 0; seed < 2'000; ++seed) {
    std::mt19937 random{seed};
    const auto any = [&](std::int64_t most) {
      return std::uniform_int_distribution<std::int64_t>{0, most}(random);
    };
    // The clock is set back once at most, and read from time to time.
    const auto set_ns = any(100 * kSecond);
    const auto back_ns = any(1) == 0 ? 0 : any(200 * kSecond);
    const auto clock = [&](std::int64_t at_ns) {
      return kUtc + at_ns - (at_ns >= set_ns ? back_ns : 0);
    };
    const auto read_before_ns = set_ns - any(kSecond);
    const auto read_after_ns = set_ns + any(kSecond);
    std::optional<ClockSetBack> set_back;
    if (back_ns > 0) {
      set_back = ClockSetBack{kUtc + read_after_ns, kUtc + read_before_ns - back_ns};
    }
    const auto process_ns = any(100 * kSecond);
    const auto socket_ns = any(3) == 0 ? process_ns + any(2 * kTick) - kTick : any(100 * kSecond);
    const ProcessId process{1234, filetime_of(clock(process_ns))};
    const auto known = owner_by_pid(process, filetime_of(clock(socket_ns)), set_back);
    CAPTURE(seed, process_ns, socket_ns, set_ns, back_ns);
    if (known == OwnerSource::exact) {
      REQUIRE(process_ns <= socket_ns + kTick);
    } else if (known == OwnerSource::unknown) {
      REQUIRE(process_ns > socket_ns);
    }
    if (back_ns == 0) {
      REQUIRE(known != OwnerSource::held);
    }
  }
}

}  // namespace netlog::track::test::owner_tracker

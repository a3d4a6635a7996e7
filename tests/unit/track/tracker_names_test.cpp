// SPDX-License-Identifier: MIT
// Names that programs looked up, and the connections that they opened. Time is in milliseconds.
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/track_parts.hpp"
#include "track/lookup_matcher.hpp"
#include "track/tracker.hpp"
#include "unit/track/tracker_fixture.hpp"

#include <map>
#include <random>
#include <string>
#include <vector>

#include <fmt/format.h>

namespace netlog::track::test::names {

using test::kMs;
using tracker::endpoint;

namespace {

constexpr ProcessId kCurl{100, 1};
constexpr ProcessId kWget{200, 2};

IpAddress address(const std::string& text) {
  return parse_address(text).value();
}

/// A host on which programs look up names and send datagrams.
class Host {
 public:
  Host() { tracker_.begin_trace(); }

  /// A program has got a socket with this cookie.
  void create(std::uint64_t cookie, const ProcessId& process, std::int64_t at_ms = 0) {
    UdpSocketCreated created;
    created.incarnation = cookie;
    created.at_ns = at_ms * kMs;
    created.caller = Caller{process, 0, "program"};
    tracker_.apply(created);
  }

  void query(std::uint64_t cookie, const std::string& name, std::int64_t at_ms) {
    tracker_.apply(message(cookie, name, at_ms));
  }

  void answer(std::uint64_t cookie,
              const std::string& name,
              std::int64_t at_ms,
              const std::vector<std::string>& addresses,
              std::uint32_t ttl_s = 30) {
    auto answered = message(cookie, name, at_ms);
    answered.is_answer = true;
    answered.ttl_s = ttl_s;
    answered.answers = addresses;
    for (const auto& text : addresses) {
      answered.addresses.push_back(address(text));
    }
    tracker_.apply(answered);
  }

  /// A program looks up a name on a socket of its own, in 10 ms.
  void look_up(const ProcessId& process,
               const std::string& name,
               std::int64_t at_ms,
               const std::vector<std::string>& addresses,
               std::uint32_t ttl_s = 30) {
    create(++next_cookie_, process, at_ms);
    query(next_cookie_, name, at_ms);
    answer(next_cookie_, name, at_ms + 10, addresses, ttl_s);
  }

  /// A program exchanges a datagram with a peer. @return the number of the connection
  ConnectionId send(const ProcessId& process,
                    const std::string& remote,
                    std::int64_t at_ms,
                    bool sent_first = true) {
    create(++next_cookie_, process, at_ms);
    UdpFlow flow;
    flow.incarnation = next_cookie_;
    flow.first_ns = at_ms * kMs;
    flow.last_ns = at_ms * kMs;
    flow.tuple = {Protocol::udp, endpoint("192.0.2.1", 4000), {address(remote), 443}};
    flow.sent_first = sent_first;
    flow.datagrams_sent = 1;
    tracker_.apply(flow);
    return ++connections_;
  }

  /// `name source` of a connection, `-` if it has none.
  std::string name_of(ConnectionId id) {
    for (const auto& event : take_events(tracker_)) {
      last_[event.connection.id] = event.connection;
    }
    for (const auto& connection : tracker_.take_refreshes()) {
      last_[connection.id] = connection;
    }
    const auto& known = last_.at(id);
    return known.remote_name.empty()
               ? std::string{"-"}
               : fmt::format("{} {}", known.remote_name, name(known.name_source));
  }

  Tracker& tracker() { return tracker_; }

  static DnsMessage message(std::uint64_t cookie, const std::string& name, std::int64_t at_ms) {
    DnsMessage made;
    made.incarnation = cookie;
    made.at_ns = at_ms * kMs;
    made.server = endpoint("192.0.2.53", 53);
    made.id = 77;
    made.name = name;
    made.type = 1;
    return made;
  }

 private:
  Tracker tracker_;
  std::uint64_t next_cookie_ = 1000;
  ConnectionId connections_ = 0;
  std::map<ConnectionId, Connection> last_;
};

}  // namespace

TEST_CASE("a connection has the name that its process looked up last", "[track][names]") {
  Host host;
  host.look_up(kCurl, "old.example", 0, {"198.51.100.7"});
  host.look_up(kCurl, "new.example", 100, {"198.51.100.9", "198.51.100.7"});
  host.look_up(kWget, "other.example", 200, {"198.51.100.7"});
  const auto between = host.send(kCurl, "198.51.100.7", 105);
  const auto after = host.send(kCurl, "198.51.100.7", 300);
  const auto unknown = host.send(kCurl, "198.51.100.8", 300);
  CHECK(host.name_of(between) == "old.example asked");
  CHECK(host.name_of(after) == "new.example asked");
  CHECK(host.name_of(unknown) == "-");
}

TEST_CASE("what another process looked up was seen", "[track][names]") {
  Host host;
  host.look_up(kCurl, "first.example", 0, {"198.51.100.7"});
  host.look_up(kCurl, "second.example", 100, {"198.51.100.7"});
  CHECK(host.name_of(host.send(kWget, "198.51.100.7", 200)) == "second.example seen");
  CHECK(host.name_of(host.send(kWget, "198.51.100.7", 60)) == "first.example seen");
}

TEST_CASE("the entry in /etc/hosts comes after the own lookup", "[track][names]") {
  Host host;
  host.tracker().set_hosts(0,
                           {{address("198.51.100.7"), "db"}, {address("198.51.100.8"), "cache"}});
  host.look_up(kCurl, "db.example", 0, {"198.51.100.7", "198.51.100.8"});
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 50)) == "db.example asked");
  CHECK(host.name_of(host.send(kWget, "198.51.100.8", 50)) == "cache hosts");
  host.tracker().set_hosts(0, {});
  CHECK(host.name_of(host.send(kWget, "198.51.100.8", 60)) == "db.example seen");
}

TEST_CASE("a process keeps what it has asked when it executes another program", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7"});
  CHECK(host.name_of(host.send({kCurl.pid, kCurl.start, 1}, "198.51.100.7", 50)) ==
        "a.example asked");
  CHECK(host.name_of(host.send({kCurl.pid, kCurl.start + 1}, "198.51.100.7", 50)) ==
        "a.example seen");
}

TEST_CASE("inbound and loopback connections have no names", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7", "127.0.0.1", "0.0.0.0", "::1"});
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 50, false)) == "-");
  CHECK(host.name_of(host.send(kCurl, "127.0.0.1", 50)) == "-");
  CHECK(host.name_of(host.send(kCurl, "0.0.0.0", 50)) == "-");
  CHECK(host.name_of(host.send(kCurl, "::1", 50)) == "-");
}

TEST_CASE("a late answer names no connection that its peer has begun", "[track][names]") {
  Host host;
  Snapshot tables;
  tables.tables = table_bit(TableKind::udp4);
  tables.incarnation_is_unique = true;
  tables.taken = Span{0, kMs};
  host.tracker().apply(tables);
  host.create(7, kCurl, 50);
  SocketRow row;
  row.incarnation = 7;
  row.tuple = {Protocol::udp, endpoint("192.0.2.1", 4000), endpoint("198.51.100.7", 443)};
  tables.taken = Span{100 * kMs, 101 * kMs};
  tables.rows = {row};
  host.tracker().apply(tables);
  CHECK(host.name_of(1) == "-");
  UdpFlow flow;
  flow.incarnation = 7;
  flow.first_ns = 90 * kMs;
  flow.last_ns = 90 * kMs;
  flow.tuple = row.tuple;
  flow.is_connected = true;
  flow.datagrams_received = 1;
  host.tracker().apply(flow);
  host.look_up(kCurl, "a.example", 1'000, {"198.51.100.7"});
  CHECK(host.name_of(1) == "-");
}

TEST_CASE("a dual-stack socket has the name of the IPv4 address", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7"});
  CHECK(host.name_of(host.send(kCurl, "::ffff:198.51.100.7", 50)) == "a.example asked");
}

TEST_CASE("an answer that comes later counts for ten seconds", "[track][names]") {
  Host host;
  const auto taken = host.send(kCurl, "198.51.100.7", 100);
  const auto other = host.send(kWget, "198.51.100.7", 100);
  CHECK(host.name_of(taken) == "-");
  const auto same_tick = host.send(kCurl, "198.51.100.7", 150);
  host.look_up(kCurl, "a.example", 10'000, {"198.51.100.7"});
  CHECK(host.name_of(taken) == "a.example asked");
  CHECK(host.name_of(same_tick) == "a.example asked");
  CHECK(host.name_of(other) == "-");
  // It stays.
  host.look_up(kCurl, "b.example", 10'050, {"198.51.100.7"});
  CHECK(host.name_of(taken) == "a.example asked");

  const auto early = host.send(kCurl, "198.51.100.9", 20'000);
  CHECK(host.name_of(early) == "-");
  host.look_up(kCurl, "late.example", 30'000, {"198.51.100.9"});
  CHECK(host.name_of(early) == "-");
}

TEST_CASE("an answer counts for its TTL and a minute", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7"}, 5);
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 65'010)) == "a.example asked");
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 65'011)) == "-");
}

TEST_CASE("the last answer counts, or none", "[track][names]") {
  Host host;
  host.look_up(kCurl, "long.example", 0, {"198.51.100.7"}, 300);
  host.look_up(kCurl, "short.example", 1'000, {"198.51.100.7"}, 5);
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 60'000)) == "short.example asked");
  const auto over = host.send(kCurl, "198.51.100.7", 70'000);
  CHECK(host.name_of(over) == "-");
  host.look_up(kCurl, "later.example", 71'000, {"198.51.100.7"});
  CHECK(host.name_of(over) == "-");
}

TEST_CASE("connections that are found in another order have their names", "[track][names]") {
  Host host;
  std::vector<ConnectionId> sent;
  host.send(kWget, "198.51.100.7", 2'000);
  for (std::int64_t i = 20; i > 0; --i) {
    sent.push_back(host.send(kCurl, "198.51.100.7", 20 * i + 15));
  }
  for (std::int64_t i = 1; i <= 20; ++i) {
    host.look_up(kCurl, fmt::format("host{}.example", i), 20 * i, {"198.51.100.7"});
  }
  for (int i = 20; i > 0; --i) {
    CHECK(host.name_of(sent[static_cast<std::size_t>(20 - i)]) ==
          fmt::format("host{}.example asked", i));
  }
}

TEST_CASE("of more names than are kept, none counts for earlier connections", "[track][names]") {
  Host host;
  for (std::int64_t i = 1; i <= 20; ++i) {
    host.look_up(kCurl, fmt::format("host{}.example", i), 20 * i, {"198.51.100.7"});
  }
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 35)) == "-");
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 270)) == "host13.example asked");
}

TEST_CASE("a name that is too long takes the place of the one before it", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7"});
  host.look_up(kCurl, std::string(254, 'a'), 100, {"198.51.100.7"});
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 50)) == "a.example asked");
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 150)) == "-");
}

TEST_CASE("an answer that says failed gives no name", "[track][names]") {
  Host host;
  host.look_up(kCurl, "a.example", 0, {"198.51.100.7"});
  host.query(7, "failed.example", 100);
  auto answered = Host::message(7, "failed.example", 110);
  answered.is_answer = true;
  answered.rcode = 2;
  answered.caller = Caller{kCurl, 0, "program"};
  answered.addresses = {address("198.51.100.7"), address("198.51.100.8")};
  host.tracker().apply(answered);
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 150)) == "a.example asked");
  CHECK(host.name_of(host.send(kCurl, "198.51.100.8", 150)) == "-");
}

TEST_CASE("what a process has asked before messages were lost is not its last name",
          "[track][names]") {
  Host host;
  host.look_up(kCurl, "before.example", 0, {"198.51.100.7"});
  const auto before = host.send(kCurl, "198.51.100.7", 50);
  host.tracker().lose_dns_messages({100 * kMs, 200 * kMs});
  const auto within = host.send(kCurl, "198.51.100.7", 120);
  host.look_up(kCurl, "within.example", 140, {"198.51.100.7"});
  const auto within_later = host.send(kCurl, "198.51.100.7", 160);
  const auto after = host.send(kCurl, "198.51.100.7", 210);
  const auto other = host.send(kCurl, "198.51.100.8", 190);
  host.look_up(kCurl, "after.example", 220, {"198.51.100.7", "198.51.100.8"});
  const auto known = host.send(kCurl, "198.51.100.7", 240);
  CHECK(host.name_of(before) == "before.example asked");
  CHECK(host.name_of(within) == "before.example seen");
  CHECK(host.name_of(within_later) == "within.example seen");
  // It comes later than the connect, as for happy eyeballs.
  CHECK(host.name_of(after) == "after.example asked");
  CHECK(host.name_of(other) == "-");
  CHECK(host.name_of(known) == "after.example asked");
}

TEST_CASE("lookups of another network namespace do not count", "[track][names]") {
  Host host;
  auto asked = Host::message(7, "a.example", 0);
  asked.netns = 4'026'532'000;
  auto answered = asked;
  answered.is_answer = true;
  answered.addresses = {address("198.51.100.7")};
  host.tracker().apply(asked);
  host.tracker().apply(answered);
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 50)) == "-");
}

TEST_CASE("an answer belongs to its question", "[track][names]") {
  Host host;
  host.create(7, kCurl);
  host.query(7, "a.example", 100);
  auto answered = Host::message(7, "a.example", 130);
  answered.is_answer = true;
  answered.addresses = {address("198.51.100.7")};
  const auto is_wrong = [&](const DnsMessage& message) {
    host.tracker().apply(message);
    CHECK(host.tracker().take_lookups().empty());
  };
  auto changed = answered;
  changed.incarnation = 8;
  is_wrong(changed);
  changed = answered;
  changed.id = 78;
  is_wrong(changed);
  changed = answered;
  changed.name = "b.example";
  is_wrong(changed);
  changed = answered;
  changed.type = 28;
  is_wrong(changed);
  changed = answered;
  changed.is_tcp = true;
  is_wrong(changed);
  changed = answered;
  changed.server = endpoint("192.0.2.54", 53);
  is_wrong(changed);
  CHECK(host.name_of(host.send(kCurl, "198.51.100.7", 150)) == "-");

  host.query(7, "a.example", 120);  // again
  answered.rcode = 3;
  answered.answers = {"198.51.100.7"};
  answered.ttl_s = 60;
  host.tracker().apply(answered);
  Lookup expected;
  expected.process = kCurl;
  expected.at_ns = 100 * kMs;
  expected.name = "a.example";
  expected.type = 1;
  expected.rcode = 3;
  expected.answers = {"198.51.100.7"};
  expected.ttl_s = 60;
  expected.latency_ns = 30 * kMs;
  expected.server = endpoint("192.0.2.53", 53);
  CHECK(host.tracker().take_lookups() == std::vector{expected});
  is_wrong(answered);  // a second answer
}

TEST_CASE("a question that nobody answers is a lookup without a code", "[track][names]") {
  Host host;
  host.create(7, kCurl);
  host.query(7, "a.example", 100);
  host.tracker().expire(10'100 * kMs);
  CHECK(host.tracker().take_lookups().empty());
  host.tracker().expire(10'101 * kMs);
  const auto lookups = host.tracker().take_lookups();
  REQUIRE(lookups.size() == 1);
  CHECK(lookups[0].process == kCurl);
  CHECK(lookups[0].name == "a.example");
  CHECK(lookups[0].rcode == std::nullopt);
  CHECK(lookups[0].latency_ns == std::nullopt);
}

TEST_CASE("questions that still wait are counted", "[track][names]") {
  Host host;
  CHECK(host.tracker().open_questions() == std::nullopt);
  host.query(7, "a.example", 100);
  host.query(7, "b.example", 200);
  host.query(7, "c.example", 300);
  CHECK(host.tracker().open_questions() == OpenQuestions{3, 100 * kMs});
  host.answer(7, "a.example", 400, {});
  CHECK(host.tracker().open_questions() == OpenQuestions{2, 200 * kMs});
  host.tracker().expire(20'000 * kMs);
  CHECK(host.tracker().open_questions() == std::nullopt);
}

TEST_CASE("questions that are forgotten are counted", "[track][names]") {
  constexpr std::uint64_t kMax = 32'768;
  Host host;
  for (std::uint64_t cookie = 1; cookie <= kMax; ++cookie) {
    host.query(cookie, "a.example", 100);
  }
  CHECK(host.tracker().take_forgotten_questions() == 0);
  host.query(kMax, "a.example", 101);  // it asks again
  CHECK(host.tracker().take_forgotten_questions() == 0);
  host.query(kMax + 1, "a.example", 102);
  host.query(kMax + 2, "a.example", 103);
  CHECK(host.tracker().take_forgotten_questions() == 2);
  CHECK(host.tracker().take_forgotten_questions() == 0);
  CHECK(host.tracker().open_questions() == OpenQuestions{kMax, 100 * kMs});
}

TEST_CASE("no connection has the name of another one", "[track][names]") {
  // Few addresses for many names, and each program connects to what it has looked up last.
  const auto seed = GENERATE(range(1U, 6U));
  std::mt19937 random{seed};
  const auto below = [&](unsigned limit) { return static_cast<std::uint32_t>(random() % limit); };
  Host host;
  std::map<ConnectionId, std::string> expected;
  std::map<std::pair<std::uint32_t, std::string>, std::string> asked;
  std::int64_t now_ms = 0;
  for (int step = 0; step < 2'000; ++step) {
    now_ms += 1 + below(20);
    const ProcessId process{100 + below(5), 1};
    const auto remote = fmt::format("198.51.100.{}", 1 + below(4));
    auto& name = asked[{process.pid, remote}];
    if (name.empty() || below(3) == 0) {
      name = fmt::format("host{}.example", below(50));
      host.look_up(process, name, now_ms, {remote});
      now_ms += 10;
    }
    expected[host.send(process, remote, now_ms)] = name + " asked";
    if (below(10) == 0) {
      host.name_of(1);  // takes what there is
    }
  }
  std::size_t wrong = 0;
  for (const auto& [id, name] : expected) {
    wrong += host.name_of(id) == name ? 0U : 1U;
  }
  CHECK(wrong == 0);
}

}  // namespace netlog::track::test::names

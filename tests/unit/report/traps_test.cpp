// SPDX-License-Identifier: MIT
// What is easily told wrong, on histories whose truth is known.
#include "support/story.hpp"

namespace netlog_tests::report_traps_test {

using namespace netlog;
using namespace netlog::report;
using netlog::test::Story;
using enum TcpState;

namespace {

const ProcessId kParent{10, 100};
const ProcessId kChild{11, 2000};
const Endpoint kAny{};
const Endpoint kWeb = Story::at("192.0.2.1", 8080);
const Endpoint kGuest = Story::at("198.51.100.7", 4000);
const Endpoint kDatabase = Story::at("203.0.113.50", 5432);

Filter at_second(const Story& story, double second) {
  Filter filter;
  filter.since_ns = filter.until_ns = story.ns(second);
  return filter;
}

Filter window(const Story& story, double from, double to) {
  Filter filter;
  filter.since_ns = story.ns(from);
  filter.until_ns = story.ns(to);
  return filter;
}

Endpoint from_port(std::uint16_t port) {
  return Story::at("192.0.2.1", port);
}

}  // namespace

// A pid used twice

namespace {

/// 1234 is curl until second 6, and from second 20 on a backup; both talk to the database, too.
void use_a_pid_twice(Story& story) {
  const ProcessId curl{1234, 10};
  const ProcessId backup{1234, 5000};
  story.starts(curl, 0, "curl");
  story.look(0);
  story.shows(Story::row(1, from_port(5001), Story::at("203.0.113.9", 443), established), curl);
  story.shows(Story::row(2, from_port(5002), kDatabase, established), curl);
  story.look(1, 4);
  story.vanishes(1);
  story.vanishes(2);
  story.look(5);
  story.ends(curl, 6);
  story.starts(backup, 20, "backup");
  story.shows(Story::row(3, from_port(5003), kDatabase, established), backup);
  story.look(21, 30);
}

}  // namespace

TEST_CASE("a pid used twice is two processes, each with its connections", "[report]") {
  Story story;
  use_a_pid_twice(story);
  Filter filter;
  filter.pids = {1234};
  CHECK(story.ask("process", filter, {"pid", "name", "started_ns", "ended_ns"}) ==
        "1234|curl|0|6\n"
        "1234|backup|20|-\n");
  CHECK(story.ask("connections", filter, {"process", "local", "remote", "outcome"}) ==
        "curl|192.0.2.1:5001|203.0.113.9:443|unknown\n"
        "curl|192.0.2.1:5002|203.0.113.50:5432|unknown\n"
        "backup|192.0.2.1:5003|203.0.113.50:5432|open\n");
  filter.process = "backup";
  CHECK(story.ask("connections", filter, {"process", "remote"}) == "backup|203.0.113.50:5432\n");
  Filter port;
  port.remote_port = 5432;
  port.since_ns = port.until_ns = story.ns(3);
  CHECK(story.ask("who", port, {"pid", "process", "local"}) == "1234|curl|192.0.2.1:5002\n");
  port.since_ns = port.until_ns = story.ns(25);
  CHECK(story.ask("who", port, {"pid", "process", "local"}) == "1234|backup|192.0.2.1:5003\n");
}

TEST_CASE("the story of a pid used twice says whose each connection was", "[report]") {
  Story story;
  use_a_pid_twice(story);
  Filter filter;
  filter.pids = {1234};
  CHECK(story.ask("process", filter, {"process", "remote"}) ==
        "curl|203.0.113.9:443\n"
        "curl|203.0.113.50:5432\n"
        "backup|203.0.113.50:5432\n");
  CHECK(story.ask("process", filter, {"process", "peer", "connections"}) ==
        "backup|203.0.113.50:5432|1\n"
        "curl|203.0.113.50:5432|1\n"
        "curl|203.0.113.9:443|1\n");
}

// A port passed from parent to child

namespace {

/// The parent listens, and has accepted one; from second 10 on a child shares both; at second 20
/// the parent ends.
void pass_a_port(Story& story) {
  story.starts(kParent, 0, "parent");
  story.look(0);
  story.shows(Story::row(1, kWeb, kAny, listen), kParent);
  story.look(1, 2);
  story.shows(Story::row(2, kWeb, kGuest, established), kParent);
  story.look(3, 10);
  story.starts(kChild, 10, "child");
  story.look(11, 19);
  story.passes_to(1, kChild);
  story.passes_to(2, kChild);
  story.ends(kParent, 20);
  story.look(20, 29);
  story.shows(Story::row(3, kWeb, Story::at("198.51.100.8", 4001), established), kChild);
  story.look(30, 40);
}

}  // namespace

TEST_CASE("a port passed from parent to child was never free", "[report]") {
  Story story;
  pass_a_port(story);
  CHECK(story.ask("listeners", {}, {"local", "pid", "process", "since_ns", "gone_ns", "away_ns"}) ==
        "192.0.2.1:8080|11|child|1|-|-\n");
  auto filter = at_second(story, 30);
  filter.local_port = 8080;
  CHECK(story.ask("who", filter, {"held", "pid", "process", "owner_source", "from_ns"}) ==
        "listener|11|child|exact|1\n"
        "inbound|11|child|exact|3\n"
        "inbound|11|child|exact|30\n");
  CHECK(test::rows(story.path(),
                   "SELECT at_ns / 1000000000, connection_id, old, new FROM events WHERE kind = "
                   "'owner' ORDER BY connection_id") == "20|1|10|11\n20|2|10|11\n");
}

TEST_CASE("a port passed from parent to child was the parent's before", "[report]") {
  Story story;
  pass_a_port(story);
  auto filter = at_second(story, 15);
  filter.local_port = 8080;
  CHECK(story.ask("who", filter, {"held", "pid", "process", "from_ns"}) ==
        "listener|10|parent|1\n"
        "inbound|10|parent|3\n");
  auto child = at_second(story, 15);
  child.pids = {11};
  CHECK(story.ask("who", child, {"held", "process"}).empty());
  Filter parent;
  parent.pids = {10};
  CHECK(story.ask("connections", parent, {"local", "remote"}) ==
        "192.0.2.1:8080|-\n"
        "192.0.2.1:8080|198.51.100.7:4000\n");
}

// An accepted socket whose listener died

TEST_CASE("what was accepted stays inbound when its listener has died", "[report]") {
  Story story;
  story.starts(kParent, 0, "parent");
  story.starts(kChild, 0, "child");
  story.look(0);
  story.shows(Story::row(1, kWeb, kAny, listen), kParent);
  story.look(1, 4);
  // A worker has it before the first look, another one has not been given to anybody yet.
  story.shows(Story::row(2, kWeb, kGuest, established), kChild);
  story.look(5, 9);
  story.vanishes(1);
  story.shows(Story::row(3, kWeb, Story::at("198.51.100.8", 4001), established), kChild);
  story.ends(kParent, 10);
  story.look(10, 40);
  auto filter = at_second(story, 30);
  filter.local_port = 8080;
  CHECK(story.ask("who", filter, {"held", "pid", "process", "local", "remote", "state"}) ==
        "inbound|11|child|192.0.2.1:8080|198.51.100.7:4000|ESTABLISHED\n"
        "inbound|11|child|192.0.2.1:8080|198.51.100.8:4001|ESTABLISHED\n");
  filter = at_second(story, 5);
  filter.local_port = 8080;
  CHECK(story.ask("who", filter, {"held", "pid", "until_ns"}) ==
        "listener|10|10\n"
        "inbound|11|-\n");
  CHECK(story.ask("peers", {}, {"direction", "peer", "process", "open_now"}) ==
        "inbound|198.51.100.7 to port 8080|child|1\n"
        "inbound|198.51.100.8 to port 8080|child|1\n");
}

TEST_CASE("what was there before the recorder and has no listener is not guessed", "[report]") {
  Story story;
  story.starts(kChild, 0, "child");
  story.shows(Story::row(1, kWeb, kGuest, established), kChild);
  story.look(0, 3);
  CHECK(story.ask("connections", {}, {"direction", "process", "opened_ns", "local"}) ==
        "unknown|child|-|192.0.2.1:8080\n");
}

// A connection open across the whole window

TEST_CASE("what is open across the whole window is found in it", "[report]") {
  Story story;
  story.starts(kChild, 0, "pool");
  story.shows(Story::row(1, from_port(6000), kDatabase, established), kChild);  // before all
  story.look(0, 4);
  story.shows(Story::row(2, from_port(6001), kDatabase, established), kChild);
  story.look(5, 14);
  story.shows(Story::row(3, from_port(6002), kDatabase, established), kChild);  // not in it
  story.look(15, 16);
  story.vanishes(3);
  story.look(17, 50);
  story.state(2, close_wait);
  story.look(51, 60);
  story.vanishes(2);
  story.look(61, 70);
  constexpr const char* kBoth = "192.0.2.1:6000|ESTABLISHED\n192.0.2.1:6001|ESTABLISHED\n";
  CHECK(story.ask("connections", window(story, 20, 30), {"local", "state"}) == kBoth);
  CHECK(story.ask("connections", at_second(story, 25), {"local", "state"}) == kBoth);
  auto filter = window(story, 20, 30);
  filter.states = {established};
  CHECK(story.ask("connections", filter, {"local", "state"}) == kBoth);
  filter.states = {close_wait};
  CHECK(story.ask("connections", filter, {"local", "state"}).empty());
  CHECK(story.ask("peers", window(story, 20, 30), {"peer", "direction", "connections"}) ==
        "203.0.113.50:5432|outbound|1\n"
        "203.0.113.50:5432|unknown|1\n");
  CHECK(story.ask("closes", window(story, 62, 70), {"peer"}).empty());
  CHECK(story.ask("connections", at_second(story, 65), {"local", "state"}) ==
        "192.0.2.1:6000|ESTABLISHED\n");
}

// One that starts and ends between two ticks

TEST_CASE("what starts and ends between two looks is told by its notice, within bounds",
          "[report]") {
  Story story;
  story.starts(kParent, 0, "server");
  story.tracker().expect_notices(0, table_bit(TableKind::tcp4), 5'000'000);
  story.shows(Story::row(1, kWeb, kAny, listen), kParent);
  story.look(0, 10);
  auto ended = Story::row(2, kWeb, kGuest, closed);
  ended.delivery = Delivery{1, 0, 0, 0, 0, 0, 0, 0};
  story.tracker().apply(Notice{0, Moment{story.ns(10.4), 10'000'000}, ended});
  story.look(11, 15);
  auto filter = window(story, 10, 11);
  filter.remote_port = 4000;
  CHECK(story.ask("connections",
                  filter,
                  {"process", "owner_source", "direction", "remote", "closed_ns"}) ==
        "server|inherited|inbound|198.51.100.7:4000|10.4\n");
  filter = at_second(story, 12);
  filter.remote_port = 4000;
  CHECK(story.ask("connections", filter, {"remote"}).empty());
  CHECK(story.ask("who", filter, {"remote"}).empty());
  CHECK(
      test::rows(story.path(),
                 "SELECT seen_by, opened_ns, open_error_ns, close_error_ns FROM connections WHERE "
                 "remote_port = 4000") == "notice|10400000000|400000000|10000000\n");
}

TEST_CASE("what may have been open at an instant is shown with a doubt", "[report]") {
  Story story;
  story.starts(kParent, 0, "server");
  story.tracker().expect_notices(0, table_bit(TableKind::tcp4), 5'000'000);
  story.shows(Story::row(1, kWeb, kAny, listen), kParent);
  story.look(0, 10);
  story.tracker().apply(
      Notice{0, Moment{story.ns(10.4), 10'000'000}, Story::row(2, kWeb, kGuest, closed)});
  story.look(11, 15);
  // It began after second 10 and ended in the 10 ms before 10.4.
  auto filter = at_second(story, 10.2);
  filter.remote_port = 4000;
  CHECK(story.ask("connections", filter, {"remote", "sure"}) == "198.51.100.7:4000|?\n");
}

TEST_CASE("what starts and ends between two looks is traced exactly", "[report]") {
  Story story;
  story.starts(kChild, 0, "client");
  story.tracker().begin_trace();
  story.look(0, 10);
  const auto told = [&](TcpState before, TcpState after, double second) {
    Transition transition;
    transition.at_ns = story.ns(second);
    transition.row = Story::row(1, from_port(5000), kDatabase, after);
    transition.old_state = before;
    transition.direction = Direction::outbound;
    transition.begun_ns = story.ns(10.2);
    transition.caller = Caller{kChild, 0, "client"};
    story.tracker().apply(transition);
  };
  told(closed, syn_sent, 10.2);
  told(syn_sent, established, 10.3);
  told(established, close_wait, 10.5);
  told(close_wait, last_ack, 10.6);
  told(last_ack, closed, 10.7);
  story.look(11, 15);
  const auto state_at = [&](double second) {
    return story.ask("connections", at_second(story, second), {"process", "state", "sure"});
  };
  CHECK(state_at(10.1).empty());
  CHECK(state_at(10.25) == "client|SYN_SENT|yes\n");
  CHECK(state_at(10.4) == "client|ESTABLISHED|yes\n");
  CHECK(state_at(10.55) == "client|CLOSE_WAIT|yes\n");
  CHECK(state_at(10.8).empty());
  CHECK(story.ask("connections",
                  window(story, 10, 11),
                  {"opened_ns", "closed_ns", "open_error_ns", "outcome"}) ==
        "10.2|10.7|0|closed\n");
}

// IPv6 link-local scopes

namespace {

const Endpoint kRouterOnTwo = Story::at("fe80::1%2", 443);
const Endpoint kRouterOnThree = Story::at("fe80::1%3", 443);

void talk_on_two_links(Story& story) {
  story.starts(kChild, 0, "client");
  story.look(0);
  story.shows(Story::row(1, Story::at("fe80::9%2", 5000), kRouterOnTwo, established), kChild);
  story.shows(Story::row(2, Story::at("fe80::9%3", 5000), kRouterOnThree, established), kChild);
  story.look(1, 5);
  story.vanishes(2);
  story.look(6, 9);
}

}  // namespace

TEST_CASE("one link-local address on two interfaces is two peers", "[report]") {
  Story story;
  talk_on_two_links(story);
  CHECK(story.ask("peers", {}, {"peer", "connections", "open_now"}) ==
        "[fe80::1%2]:443|1|1\n"
        "[fe80::1%3]:443|1|0\n");
  CHECK(story.ask("ports", {}, {"peak", "local_address", "remote"}) ==
        "1|fe80::9%2|[fe80::1%2]:443\n"
        "1|fe80::9%3|[fe80::1%3]:443\n");
  // Without a scope it is the address on every interface.
  Filter filter;
  filter.remote = {*parse_address_range("fe80::1")};
  CHECK(story.ask("connections", filter, {"local", "remote"}) ==
        "[fe80::9%2]:5000|[fe80::1%2]:443\n"
        "[fe80::9%3]:5000|[fe80::1%3]:443\n");
}

TEST_CASE("a scope that is named restricts to its interface", "[report]") {
  Story story;
  talk_on_two_links(story);
  Filter filter;
  filter.remote = {*parse_address_range("fe80::1%3")};
  CHECK(story.ask("connections", filter, {"remote"}) == "[fe80::1%3]:443\n");
  filter.remote = {*parse_address_range("fe80::%2/10")};
  CHECK(story.ask("connections", filter, {"remote"}) == "[fe80::1%2]:443\n");
}

// Two network namespaces with the same addresses

TEST_CASE("ports of two network namespaces are not added up", "[report]") {
  Story story;
  story.starts(kChild, 0, "client");
  for (std::uint16_t i = 0; i < 3; ++i) {
    story.shows(Story::row(10U + i, from_port(5000 + i), kDatabase, established), kChild, 7);
    story.shows(Story::row(20U + i, from_port(5000 + i), kDatabase, established), kChild, 8);
  }
  story.look(0, 5);
  CHECK(story.ask("ports", {}, {"peak", "remote"}) ==
        "3|203.0.113.50:5432\n"
        "3|203.0.113.50:5432\n");
}

// The questions that name a peer, a port or a window

namespace {

/// A web server and its database; a storm of ten short connections from second 20 to 24.
void serve(Story& story) {
  const ProcessId storm{30, 1};
  story.starts(kParent, 0, "web");
  story.starts(storm, 0, "storm");
  story.shows(Story::row(1, Story::at("0.0.0.0", 443), kAny, listen), kParent);
  story.shows(Story::row(2, Story::at("0.0.0.0", 80), kAny, listen), kParent);
  story.look(0, 1);
  story.shows(Story::row(3, from_port(443), kGuest, established), kParent);
  story.shows(Story::row(4, from_port(80), kGuest, established), kParent);
  story.shows(Story::row(5, from_port(6000), kDatabase, syn_sent), kParent);
  story.look(2, 4);
  story.state(5, established);
  story.look(5, 8);
  story.vanishes(5);
  story.look(9, 19);
  for (int second = 20; second < 25; ++second) {
    for (int i = 0; i < 2; ++i) {
      const auto number = static_cast<std::uint16_t>(2 * second + i);
      story.shows(
          Story::row(number, from_port(7000 + number), Story::at("203.0.113.9", 53), established),
          storm);
    }
    story.look(second);
    story.vanishes(2U * static_cast<unsigned>(second));
    story.vanishes(2U * static_cast<unsigned>(second) + 1);
  }
  story.look(25, 40);
}

}  // namespace

TEST_CASE("is it slow to connect or slow after, to one peer", "[report]") {
  Story story;
  serve(story);
  Filter filter;
  filter.remote = {*parse_address_range("203.0.113.50")};
  filter.remote_port = 5432;
  CHECK(story.ask("dwell", filter, {"state", "intervals", "half_ns"}) ==
        "ESTABLISHED|1|4000000000\n"
        "SYN_SENT|1|3000000000\n");
}

TEST_CASE("who connects to us on one listener", "[report]") {
  Story story;
  serve(story);
  Filter filter;
  filter.local_port = 443;
  CHECK(story.ask("peers", filter, {"direction", "peer", "connections"}) ==
        "inbound|198.51.100.7 to port 443|1\n");
}

TEST_CASE("who caused the storm", "[report]") {
  Story story;
  serve(story);
  const auto by_whom = story.ask("churn", window(story, 19, 26), {"opened", "pid", "process"});
  CHECK(by_whom.starts_with("10|30|storm\n"));
}

TEST_CASE("what only lived in a window neither began nor ended in it", "[report]") {
  Story story;
  serve(story);
  CHECK(story.ask("churn", window(story, 19, 26), {"opened", "process"}) == "10|storm\n");
  // The connection to the database lasts from second 2 to 9.
  CHECK(story.ask("churn", window(story, 4, 7), {"opened", "process"}).empty());
  CHECK(story.ask("closes", window(story, 4, 7), {"peer"}).empty());
  CHECK(story.ask("lifetimes", window(story, 4, 7), {"peer"}).empty());
  CHECK(story.ask("closes", window(story, 8.5, 10), {"peer"}) == "203.0.113.50:5432\n");
}

}  // namespace netlog_tests::report_traps_test

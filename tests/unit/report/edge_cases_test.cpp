// SPDX-License-Identifier: MIT
// Cases that a recorder easily gets wrong, on histories whose truth is known.
#include "support/scenario.hpp"

namespace netlog_tests::report_edge_cases_test {

using namespace netlog;
using namespace netlog::report;
using netlog::test::Scenario;
using enum TcpState;

namespace {

const ProcessId kParent{10, 100};
const ProcessId kChild{11, 2000};
const Endpoint kAny{};
const Endpoint kWeb = Scenario::at("192.0.2.1", 8080);
const Endpoint kGuest = Scenario::at("198.51.100.7", 4000);
const Endpoint kDatabase = Scenario::at("203.0.113.50", 5432);

Filter at_second(const Scenario& scenario, double second) {
  Filter filter;
  filter.since_ns = filter.until_ns = scenario.ns(second);
  return filter;
}

Filter window(const Scenario& scenario, double from, double to) {
  Filter filter;
  filter.since_ns = scenario.ns(from);
  filter.until_ns = scenario.ns(to);
  return filter;
}

Endpoint from_port(std::uint16_t port) {
  return Scenario::at("192.0.2.1", port);
}

}  // namespace

// A pid used twice

namespace {

/// 1234 is curl until second 6, and from second 20 on a backup; both talk to the database, too.
void use_a_pid_twice(Scenario& scenario) {
  const ProcessId curl{1234, 10};
  const ProcessId backup{1234, 5000};
  scenario.start_process(curl, 0, "curl");
  scenario.poll(0);
  scenario.add_socket(
      Scenario::row(1, from_port(5001), Scenario::at("203.0.113.9", 443), established), curl);
  scenario.add_socket(Scenario::row(2, from_port(5002), kDatabase, established), curl);
  scenario.poll(1, 4);
  scenario.remove(1);
  scenario.remove(2);
  scenario.poll(5);
  scenario.end_process(curl, 6);
  scenario.start_process(backup, 20, "backup");
  scenario.add_socket(Scenario::row(3, from_port(5003), kDatabase, established), backup);
  scenario.poll(21, 30);
}

}  // namespace

TEST_CASE("a pid used twice is two processes, each with its connections", "[report]") {
  Scenario scenario;
  use_a_pid_twice(scenario);
  Filter filter;
  filter.pids = {1234};
  CHECK(scenario.report_rows("process", filter, {"pid", "name", "started_ns", "ended_ns"}) ==
        "1234|curl|0|6\n"
        "1234|backup|20|-\n");
  CHECK(scenario.report_rows("connections", filter, {"process", "local", "remote", "outcome"}) ==
        "curl|192.0.2.1:5001|203.0.113.9:443|unknown\n"
        "curl|192.0.2.1:5002|203.0.113.50:5432|unknown\n"
        "backup|192.0.2.1:5003|203.0.113.50:5432|open\n");
  filter.process = "backup";
  CHECK(scenario.report_rows("connections", filter, {"process", "remote"}) ==
        "backup|203.0.113.50:5432\n");
  Filter port;
  port.remote_port = 5432;
  port.since_ns = port.until_ns = scenario.ns(3);
  CHECK(scenario.report_rows("who", port, {"pid", "process", "local"}) ==
        "1234|curl|192.0.2.1:5002\n");
  port.since_ns = port.until_ns = scenario.ns(25);
  CHECK(scenario.report_rows("who", port, {"pid", "process", "local"}) ==
        "1234|backup|192.0.2.1:5003\n");
}

TEST_CASE("the report of a pid used twice says whose each connection was", "[report]") {
  Scenario scenario;
  use_a_pid_twice(scenario);
  Filter filter;
  filter.pids = {1234};
  CHECK(scenario.report_rows("process", filter, {"process", "remote"}) ==
        "backup|203.0.113.50:5432\n"
        "curl|203.0.113.50:5432\n"
        "curl|203.0.113.9:443\n");
  CHECK(scenario.report_rows("process", filter, {"process", "peer", "connections"}) ==
        "backup|203.0.113.50:5432|1\n"
        "curl|203.0.113.50:5432|1\n"
        "curl|203.0.113.9:443|1\n");
}

// A port passed from parent to child

namespace {

/// The parent listens, and has accepted one; from second 10 on a child shares both; at second 20
/// the parent ends.
void pass_a_port(Scenario& scenario) {
  scenario.start_process(kParent, 0, "parent");
  scenario.poll(0);
  scenario.add_socket(Scenario::row(1, kWeb, kAny, listen), kParent);
  scenario.poll(1, 2);
  scenario.add_socket(Scenario::row(2, kWeb, kGuest, established), kParent);
  scenario.poll(3, 10);
  scenario.start_process(kChild, 10, "child");
  scenario.poll(11, 19);
  scenario.set_holder(1, kChild);
  scenario.set_holder(2, kChild);
  scenario.end_process(kParent, 20);
  scenario.poll(20, 29);
  scenario.add_socket(Scenario::row(3, kWeb, Scenario::at("198.51.100.8", 4001), established),
                      kChild);
  scenario.poll(30, 40);
}

}  // namespace

TEST_CASE("a port passed from parent to child was never free", "[report]") {
  Scenario scenario;
  pass_a_port(scenario);
  CHECK(scenario.report_rows(
            "listeners", {}, {"local", "pid", "process", "since_ns", "gone_ns", "away_ns"}) ==
        "192.0.2.1:8080|11|child|1|-|-\n");
  auto filter = at_second(scenario, 30);
  filter.local_port = 8080;
  CHECK(
      scenario.report_rows("who", filter, {"held", "pid", "process", "owner_source", "from_ns"}) ==
      "listener|11|child|held|20\n"
      "inbound|11|child|held|20\n"
      "inbound|11|child|held|30\n");
  CHECK(test::rows(scenario.path(),
                   "SELECT at_ns / 1000000000, connection_id, old, new FROM events WHERE kind = "
                   "'owner' ORDER BY connection_id") == "20|1|10|11\n20|2|10|11\n");
}

TEST_CASE("a port passed from parent to child was the parent's before", "[report]") {
  Scenario scenario;
  pass_a_port(scenario);
  auto filter = at_second(scenario, 15);
  filter.local_port = 8080;
  CHECK(scenario.report_rows("who", filter, {"held", "pid", "process", "from_ns"}) ==
        "listener|10|parent|1\n"
        "inbound|10|parent|3\n");
  auto child = at_second(scenario, 15);
  child.pids = {11};
  CHECK(scenario.report_rows("who", child, {"held", "process"}).empty());
  Filter parent;
  parent.pids = {10};
  CHECK(scenario.report_rows("connections", parent, {"pid", "process", "local", "remote"}) ==
        "10|parent|192.0.2.1:8080|-\n"
        "10|parent|192.0.2.1:8080|198.51.100.7:4000\n");
  CHECK(scenario.report_rows("connections", at_second(scenario, 15), {"pid", "process"}) ==
        "10|parent\n"
        "10|parent\n");
  CHECK(scenario.report_rows("connections", {}, {"pid", "process"}) ==
        "11|child\n"
        "11|child\n"
        "11|child\n");
}

TEST_CASE("a port is that of its owner in the window, until that one ends", "[report]") {
  Scenario scenario;
  pass_a_port(scenario);
  const auto listeners = [&](const char* report, const Filter& filter) {
    const auto* const end = std::string_view{report} == "process" ? "closed_ns" : "gone_ns";
    return scenario.report_rows(report, filter, {"local", "accepted", end});
  };
  const auto holders = [&](const Filter& filter) {
    return scenario.report_rows("who", filter, {"held", "pid", "state", "until_ns"});
  };
  auto then = at_second(scenario, 15);
  CHECK(scenario.report_rows("listeners", then, {"pid", "gone_ns", "accepted"}) == "10|-|0\n");
  CHECK(scenario.report_rows("listeners", at_second(scenario, 25), {"pid"}) == "11\n");
  then.local_port = 8080;
  CHECK(holders(then) == "listener|10|LISTEN|20\ninbound|10|ESTABLISHED|20\n");
  Filter port;
  port.local_port = 8080;
  CHECK(scenario.report_rows("who", port, {"held", "connections", "pid", "from_ns", "until_ns"}) ==
        "listener|1|10|1|20\n"
        "listener|1|11|20|-\n"
        "inbound|2|11|20|-\n");
  CHECK(scenario.report_rows("who", port, {"held", "pid", "owner_source", "from_ns", "until_ns"}) ==
        "listener|10|held|1|20\n"
        "listener|11|held|20|-\n"
        "inbound|11|held|20|-\n"
        "inbound|11|held|30|-\n");
  Filter parent;
  parent.pids = {10};
  for (const auto* const report : {"listeners", "process"}) {
    CHECK(listeners(report, parent) == "192.0.2.1:8080|1|20\n");
  }
  CHECK(scenario.report_rows("listeners", parent, {"process"}) == "parent\n");
  then.pids = {10};
  CHECK(listeners("process", then) == "192.0.2.1:8080|0|-\n");
  CHECK(holders(parent) == "listener|10|LISTEN|20\ninbound|10|ESTABLISHED|20\n");
  Filter child;
  child.pids = {11};
  CHECK(listeners("process", child) == "192.0.2.1:8080|2|-\n");
}

// An accepted socket whose listener died

TEST_CASE("what was accepted stays inbound when its listener has died", "[report]") {
  Scenario scenario;
  scenario.start_process(kParent, 0, "parent");
  scenario.start_process(kChild, 0, "child");
  scenario.poll(0);
  scenario.add_socket(Scenario::row(1, kWeb, kAny, listen), kParent);
  scenario.poll(1, 4);
  // A worker has it before the first look, another one has not been given to anybody yet.
  scenario.add_socket(Scenario::row(2, kWeb, kGuest, established), kChild);
  scenario.poll(5, 9);
  scenario.remove(1);
  scenario.add_socket(Scenario::row(3, kWeb, Scenario::at("198.51.100.8", 4001), established),
                      kChild);
  scenario.end_process(kParent, 10);
  scenario.poll(10, 40);
  auto filter = at_second(scenario, 30);
  filter.local_port = 8080;
  CHECK(
      scenario.report_rows("who", filter, {"held", "pid", "process", "local", "remote", "state"}) ==
      "inbound|11|child|192.0.2.1:8080|198.51.100.7:4000|ESTABLISHED\n"
      "inbound|11|child|192.0.2.1:8080|198.51.100.8:4001|ESTABLISHED\n");
  filter = at_second(scenario, 5);
  filter.local_port = 8080;
  CHECK(scenario.report_rows("who", filter, {"held", "pid", "until_ns"}) ==
        "listener|10|10\n"
        "inbound|11|-\n");
  CHECK(scenario.report_rows("peers", {}, {"direction", "peer", "process", "open_now"}) ==
        "inbound|198.51.100.7 to port 8080|child|1\n"
        "inbound|198.51.100.8 to port 8080|child|1\n");
}

TEST_CASE("what was there before the recorder and has no listener is not guessed", "[report]") {
  Scenario scenario;
  scenario.start_process(kChild, 0, "child");
  scenario.add_socket(Scenario::row(1, kWeb, kGuest, established), kChild);
  scenario.poll(0, 3);
  CHECK(scenario.report_rows("connections", {}, {"direction", "process", "opened_ns", "local"}) ==
        "unknown|child|-|192.0.2.1:8080\n");
}

// A connection open across the whole window

TEST_CASE("what is open across the whole window is found in it", "[report]") {
  Scenario scenario;
  scenario.start_process(kChild, 0, "pool");
  scenario.add_socket(Scenario::row(1, from_port(6000), kDatabase, established),
                      kChild);  // before all
  scenario.poll(0, 4);
  scenario.add_socket(Scenario::row(2, from_port(6001), kDatabase, established), kChild);
  scenario.poll(5, 14);
  scenario.add_socket(Scenario::row(3, from_port(6002), kDatabase, established),
                      kChild);  // not in it
  scenario.poll(15, 16);
  scenario.remove(3);
  scenario.poll(17, 50);
  scenario.set_state(2, close_wait);
  scenario.poll(51, 60);
  scenario.remove(2);
  scenario.poll(61, 70);
  constexpr const char* kBoth = "192.0.2.1:6000|ESTABLISHED\n192.0.2.1:6001|ESTABLISHED\n";
  CHECK(scenario.report_rows("connections", window(scenario, 20, 30), {"local", "state"}) == kBoth);
  CHECK(scenario.report_rows("connections", at_second(scenario, 25), {"local", "state"}) == kBoth);
  auto filter = window(scenario, 20, 30);
  filter.states = {established};
  CHECK(scenario.report_rows("connections", filter, {"local", "state"}) == kBoth);
  filter.states = {close_wait};
  CHECK(scenario.report_rows("connections", filter, {"local", "state"}).empty());
  CHECK(scenario.report_rows(
            "peers", window(scenario, 20, 30), {"peer", "direction", "connections"}) ==
        "203.0.113.50:5432|outbound|1\n"
        "203.0.113.50:5432|unknown|1\n");
  CHECK(scenario.report_rows("closes", window(scenario, 62, 70), {"peer"}).empty());
  CHECK(scenario.report_rows("connections", at_second(scenario, 65), {"local", "state"}) ==
        "192.0.2.1:6000|ESTABLISHED\n");
}

// One that starts and ends between two ticks

TEST_CASE("what starts and ends between two snapshots is known from its notice, within bounds",
          "[report]") {
  Scenario scenario;
  scenario.start_process(kParent, 0, "server");
  scenario.tracker().expect_notices(0, table_bit(TableKind::tcp4), 5'000'000);
  scenario.add_socket(Scenario::row(1, kWeb, kAny, listen), kParent);
  scenario.poll(0, 10);
  auto ended = Scenario::row(2, kWeb, kGuest, closed);
  ended.delivery = Delivery{1, 0, 0, 0, 0, 0, 0, 0};
  scenario.tracker().apply(Notice{0, Moment{scenario.ns(10.4), 10'000'000}, ended});
  scenario.poll(11, 15);
  auto filter = window(scenario, 10, 11);
  filter.remote_port = 4000;
  CHECK(scenario.report_rows("connections",
                             filter,
                             {"process", "owner_source", "direction", "remote", "closed_ns"}) ==
        "server|inherited|inbound|198.51.100.7:4000|10.4\n");
  filter = at_second(scenario, 12);
  filter.remote_port = 4000;
  CHECK(scenario.report_rows("connections", filter, {"remote"}).empty());
  CHECK(scenario.report_rows("who", filter, {"remote"}).empty());
  CHECK(
      test::rows(scenario.path(),
                 "SELECT seen_by, opened_ns, open_error_ns, close_error_ns FROM connections WHERE "
                 "remote_port = 4000") == "notice|10400000000|400000000|10000000\n");
}

TEST_CASE("what may have been open at an instant is shown with a doubt", "[report]") {
  Scenario scenario;
  scenario.start_process(kParent, 0, "server");
  scenario.tracker().expect_notices(0, table_bit(TableKind::tcp4), 5'000'000);
  scenario.add_socket(Scenario::row(1, kWeb, kAny, listen), kParent);
  scenario.poll(0, 10);
  scenario.tracker().apply(
      Notice{0, Moment{scenario.ns(10.4), 10'000'000}, Scenario::row(2, kWeb, kGuest, closed)});
  scenario.poll(11, 15);
  // It began after second 10 and ended in the 10 ms before 10.4.
  auto filter = at_second(scenario, 10.2);
  filter.remote_port = 4000;
  CHECK(scenario.report_rows("connections", filter, {"remote", "sure"}) == "198.51.100.7:4000|?\n");
}

TEST_CASE("what starts and ends between two looks is traced exactly", "[report]") {
  Scenario scenario;
  scenario.start_process(kChild, 0, "client");
  scenario.tracker().begin_trace();
  scenario.poll(0, 10);
  const auto change = [&](TcpState before, TcpState after, double second) {
    Transition transition;
    transition.at_ns = scenario.ns(second);
    transition.row = Scenario::row(1, from_port(5000), kDatabase, after);
    transition.old_state = before;
    transition.direction = Direction::outbound;
    transition.begun_ns = scenario.ns(10.2);
    transition.caller = Caller{kChild, 0, "client"};
    scenario.tracker().apply(transition);
  };
  change(closed, syn_sent, 10.2);
  change(syn_sent, established, 10.3);
  change(established, close_wait, 10.5);
  change(close_wait, last_ack, 10.6);
  change(last_ack, closed, 10.7);
  scenario.poll(11, 15);
  const auto state_at = [&](double second) {
    return scenario.report_rows(
        "connections", at_second(scenario, second), {"process", "state", "sure"});
  };
  CHECK(state_at(10.1).empty());
  CHECK(state_at(10.25) == "client|SYN_SENT|yes\n");
  CHECK(state_at(10.4) == "client|ESTABLISHED|yes\n");
  CHECK(state_at(10.55) == "client|CLOSE_WAIT|yes\n");
  CHECK(state_at(10.8).empty());
  CHECK(scenario.report_rows("connections",
                             window(scenario, 10, 11),
                             {"opened_ns", "closed_ns", "open_error_ns", "outcome"}) ==
        "10.2|10.7|0|closed\n");
}

// IPv6 link-local scopes

namespace {

const Endpoint kRouterOnTwo = Scenario::at("fe80::1%2", 443);
const Endpoint kRouterOnThree = Scenario::at("fe80::1%3", 443);

void talk_on_two_links(Scenario& scenario) {
  scenario.start_process(kChild, 0, "client");
  scenario.poll(0);
  scenario.add_socket(Scenario::row(1, Scenario::at("fe80::9%2", 5000), kRouterOnTwo, established),
                      kChild);
  scenario.add_socket(
      Scenario::row(2, Scenario::at("fe80::9%3", 5000), kRouterOnThree, established), kChild);
  scenario.poll(1, 5);
  scenario.remove(2);
  scenario.poll(6, 9);
}

}  // namespace

TEST_CASE("one link-local address on two interfaces is two peers", "[report]") {
  Scenario scenario;
  talk_on_two_links(scenario);
  CHECK(scenario.report_rows("peers", {}, {"peer", "connections", "open_now"}) ==
        "[fe80::1%2]:443|1|1\n"
        "[fe80::1%3]:443|1|0\n");
  CHECK(scenario.report_rows("ports", {}, {"peak", "local_address", "remote"}) ==
        "1|fe80::9%2|[fe80::1%2]:443\n"
        "1|fe80::9%3|[fe80::1%3]:443\n");
  // Without a scope it is the address on every interface.
  Filter filter;
  filter.remote = {*parse_address_range("fe80::1")};
  CHECK(scenario.report_rows("connections", filter, {"local", "remote"}) ==
        "[fe80::9%2]:5000|[fe80::1%2]:443\n"
        "[fe80::9%3]:5000|[fe80::1%3]:443\n");
}

TEST_CASE("a scope that is named restricts to its interface", "[report]") {
  Scenario scenario;
  talk_on_two_links(scenario);
  Filter filter;
  filter.remote = {*parse_address_range("fe80::1%3")};
  CHECK(scenario.report_rows("connections", filter, {"remote"}) == "[fe80::1%3]:443\n");
  filter.remote = {*parse_address_range("fe80::%2/10")};
  CHECK(scenario.report_rows("connections", filter, {"remote"}) == "[fe80::1%2]:443\n");
}

// Two network namespaces with the same addresses

TEST_CASE("ports of two network namespaces are not added up", "[report]") {
  Scenario scenario;
  scenario.start_process(kChild, 0, "client");
  for (std::uint16_t i = 0; i < 3; ++i) {
    scenario.add_socket(
        Scenario::row(10U + i, from_port(5000 + i), kDatabase, established), kChild, 7);
    scenario.add_socket(
        Scenario::row(20U + i, from_port(5000 + i), kDatabase, established), kChild, 8);
  }
  scenario.poll(0, 5);
  CHECK(scenario.report_rows("ports", {}, {"peak", "remote"}) ==
        "3|203.0.113.50:5432\n"
        "3|203.0.113.50:5432\n");
}

// The questions that name a peer, a port or a window

namespace {

/// A web server and its database; a storm of ten short connections from second 20 to 24.
void serve(Scenario& scenario) {
  const ProcessId storm{30, 1};
  scenario.start_process(kParent, 0, "web");
  scenario.start_process(storm, 0, "storm");
  scenario.add_socket(Scenario::row(1, Scenario::at("0.0.0.0", 443), kAny, listen), kParent);
  scenario.add_socket(Scenario::row(2, Scenario::at("0.0.0.0", 80), kAny, listen), kParent);
  scenario.poll(0, 1);
  scenario.add_socket(Scenario::row(3, from_port(443), kGuest, established), kParent);
  scenario.add_socket(Scenario::row(4, from_port(80), kGuest, established), kParent);
  scenario.add_socket(Scenario::row(5, from_port(6000), kDatabase, syn_sent), kParent);
  scenario.poll(2, 4);
  scenario.set_state(5, established);
  scenario.poll(5, 8);
  scenario.remove(5);
  scenario.poll(9, 19);
  for (int second = 20; second < 25; ++second) {
    for (int i = 0; i < 2; ++i) {
      const auto number = static_cast<std::uint16_t>(2 * second + i);
      scenario.add_socket(
          Scenario::row(
              number, from_port(7000 + number), Scenario::at("203.0.113.9", 53), established),
          storm);
    }
    scenario.poll(second);
    scenario.remove(2U * static_cast<unsigned>(second));
    scenario.remove(2U * static_cast<unsigned>(second) + 1);
  }
  scenario.poll(25, 40);
}

}  // namespace

TEST_CASE("is it slow to connect or slow after, to one peer", "[report]") {
  Scenario scenario;
  serve(scenario);
  Filter filter;
  filter.remote = {*parse_address_range("203.0.113.50")};
  filter.remote_port = 5432;
  CHECK(scenario.report_rows("dwell", filter, {"state", "intervals", "half_ns"}) ==
        "ESTABLISHED|1|4000000000\n"
        "SYN_SENT|1|3000000000\n");
}

TEST_CASE("who connects to us on one listener", "[report]") {
  Scenario scenario;
  serve(scenario);
  Filter filter;
  filter.local_port = 443;
  CHECK(scenario.report_rows("peers", filter, {"direction", "peer", "connections"}) ==
        "inbound|198.51.100.7 to port 443|1\n");
}

TEST_CASE("who caused the storm", "[report]") {
  Scenario scenario;
  serve(scenario);
  const auto by_whom =
      scenario.report_rows("churn", window(scenario, 19, 26), {"opened", "pid", "process"});
  CHECK(by_whom.starts_with("10|30|storm\n"));
}

TEST_CASE("what only lived in a window neither began nor ended in it", "[report]") {
  Scenario scenario;
  serve(scenario);
  CHECK(scenario.report_rows("churn", window(scenario, 19, 26), {"opened", "process"}) ==
        "10|storm\n");
  // The connection to the database lasts from second 2 to 9.
  CHECK(scenario.report_rows("churn", window(scenario, 4, 7), {"opened", "process"}).empty());
  CHECK(scenario.report_rows("closes", window(scenario, 4, 7), {"peer"}).empty());
  CHECK(scenario.report_rows("lifetimes", window(scenario, 4, 7), {"peer"}).empty());
  CHECK(scenario.report_rows("closes", window(scenario, 8.5, 10), {"peer"}) ==
        "203.0.113.50:5432\n");
}

}  // namespace netlog_tests::report_edge_cases_test

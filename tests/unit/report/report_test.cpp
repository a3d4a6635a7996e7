// SPDX-License-Identifier: MIT
#include "report/report.hpp"

#include "render/render.hpp"
#include "report/completeness.hpp"
#include "report/definition.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/connection_event.hpp"
#include "support/given_recording.hpp"
#include "support/scratch.hpp"
#include "util/error.hpp"

#include <set>
#include <sstream>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::report_test {

using namespace netlog;
using namespace netlog::report;
using netlog::test::contains_text;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

struct Given {
  ConnectionId id;
  Protocol protocol;
  const char* local;
  std::uint16_t local_port;
  const char* remote;
  std::uint16_t remote_port;
  Direction direction;
  std::optional<std::uint32_t> pid;
  std::int64_t opened_s;
  std::int64_t closed_s;  ///< 0: still open
  Outcome outcome;
};

Process process(std::uint32_t pid, std::string name, std::string user) {
  return {{pid, pid},
          pid * kSecond / 1000,
          name,
          "/usr/bin/" + name,
          name + " --serve",
          std::move(user),
          "/a.slice",
          std::nullopt,
          1,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt,
          std::nullopt};
}

/// A recording of 100 s: a listener, what it accepted, what others opened. ESTABLISHED from the
/// open on, CLOSE_WAIT in the last second before the close.
void record(const std::filesystem::path& path, const std::vector<Given>& all) {
  store::Writer writer{
      path, Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, 100'000'000, "sock_diag", 0}};
  std::vector<store::Item> items{process(10, "nginx", "www-data"),
                                 process(20, "curl", "ann"),
                                 process(30, "evil\x1b[2J,\"x\"", "bob")};
  for (const auto& given : all) {
    Connection made;
    made.id = given.id;
    made.tuple = {given.protocol,
                  {*parse_address(given.local), given.local_port},
                  {*parse_address(given.remote), given.remote_port}};
    made.direction = given.direction;
    const bool tcp = given.protocol == Protocol::tcp;
    const auto first =
        given.direction == Direction::listen ? TcpState::listen : TcpState::established;
    if (tcp) {
      made.state = first;
    }
    if (given.pid) {
      made.owner = {ProcessId{*given.pid, *given.pid}, OwnerSource::exact, {}};
    } else {
      made.owner.why = UnknownOwner::not_permitted;
    }
    const auto opened = Moment{given.opened_s * kSecond, 100'000'000};
    made.opened = opened;
    made.first_seen_ns = opened.at_ns;
    made.last_seen_ns = opened.at_ns;
    made.seen_by = SeenBy::snapshot;
    const auto code = [&](TcpState state) {
      return tcp ? std::optional{static_cast<std::uint8_t>(state)} : std::nullopt;
    };
    items.emplace_back(
        ConnectionEvent{EventKind::open, opened, std::nullopt, code(first), std::nullopt, made});
    if (given.closed_s > 0) {
      if (tcp) {
        made.state = TcpState::close_wait;
        items.emplace_back(ConnectionEvent{EventKind::state,
                                           Moment{(given.closed_s - 1) * kSecond, 0},
                                           code(first),
                                           code(TcpState::close_wait),
                                           std::nullopt,
                                           made});
        made.state = TcpState::closed;
      }
      made.gone = true;
      made.closed = Moment{given.closed_s * kSecond, 100'000'000};
      made.last_seen_ns = made.closed->at_ns;
      made.outcome = given.outcome;
      items.emplace_back(ConnectionEvent{EventKind::close,
                                         *made.closed,
                                         code(TcpState::close_wait),
                                         code(TcpState::closed),
                                         std::nullopt,
                                         made});
    }
  }
  items.emplace_back(
      Gap{std::nullopt, 40 * kSecond, 42 * kSecond, "tick", "skipped ticks", 20, std::nullopt});
  items.emplace_back(Gap{std::nullopt,
                         41 * kSecond,
                         43 * kSecond,
                         "sock_diag",
                         "unreadable",
                         std::nullopt,
                         std::nullopt});
  items.emplace_back(Coverage{0, 0, 60 * kSecond, 30'000, 29'999, 0, 0});
  writer.push(std::move(items));
  writer.finish(100 * kSecond);
}

std::vector<Given> some() {
  using enum Direction;
  using enum Protocol;
  return {{1, tcp, "0.0.0.0", 80, "0.0.0.0", 0, listen, 10, 1, 0, Outcome::open},
          {2, tcp, "192.0.2.1", 80, "198.51.100.7", 40000, inbound, 10, 10, 20, Outcome::closed},
          {3, tcp, "192.0.2.1", 80, "198.51.100.8", 40001, inbound, 10, 30, 0, Outcome::open},
          {4, tcp, "192.0.2.1", 50000, "203.0.113.9", 443, outbound, 20, 50, 52, Outcome::refused},
          {5, udp, "192.0.2.1", 5353, "0.0.0.0", 0, listen, 30, 5, 6, Outcome::closed},
          {6,
           tcp,
           "2001:db8::1",
           443,
           "::ffff:203.0.113.9",
           50001,
           inbound,
           std::nullopt,
           60,
           70,
           Outcome::unknown}};
}

Answer ask_on(const std::filesystem::path& path, std::string_view name, const Filter& filter) {
  store::Reader reader{path};
  return run_report(reader, name, filter, -1);
}

std::set<std::int64_t> ids(const Answer& answer) {
  std::set<std::int64_t> found;
  const auto& table = answer.tables.at(0);
  for (std::size_t column = 0; column < table.columns.size(); ++column) {
    if (table.columns[column].name == "id") {
      for (const auto& row : table.rows) {
        found.insert(std::get<std::int64_t>(row[column]));
      }
    }
  }
  return found;
}

}  // namespace

TEST_CASE("each filter selects what it says", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  Filter filter;
  std::set<std::int64_t> expected{1, 2, 3, 4, 5, 6};
  SECTION("none") {}
  SECTION("pid") {
    filter.pids = {20}, expected = {4};
  }
  SECTION("several pids") {
    filter.pids = {20, 30}, expected = {4, 5};
  }
  SECTION("process") {
    filter.process = "nginx", expected = {1, 2, 3};
  }
  SECTION("process pattern") {
    filter.process = "*u*", expected = {4};
  }
  SECTION("exe") {
    filter.exe = "/usr/bin/curl", expected = {4};
  }
  SECTION("user") {
    filter.user = "bob", expected = {5};
  }
  SECTION("protocol") {
    filter.protocol = Protocol::udp, expected = {5};
  }
  SECTION("port, either side") {
    filter.port = 443, expected = {4, 6};
  }
  SECTION("local port") {
    filter.local_port = 443, expected = {6};
  }
  SECTION("remote port") {
    filter.remote_port = 443, expected = {4};
  }
  SECTION("remote block") {
    filter.remote = {*parse_address_range("198.51.100.0/24")}, expected = {2, 3};
  }
  SECTION("remote, also behind a dual-stack socket") {
    filter.remote = {*parse_address_range("203.0.113.9")}, expected = {4, 6};
  }
  SECTION("any of several remote addresses") {
    filter.remote = {*parse_address_range("203.0.113.9"), *parse_address_range("198.51.100.0/24")};
    expected = {2, 3, 4, 6};
  }
  SECTION("remote IPv6 block") {
    filter.remote = {*parse_address_range("::/0")}, expected = {6};
  }
  SECTION("since") {
    filter.since_ns = 55 * kSecond, expected = {1, 3, 6};
  }
  SECTION("until") {
    filter.until_ns = 9 * kSecond, expected = {1, 5};
  }
  SECTION("at") {
    filter.since_ns = filter.until_ns = 15 * kSecond, expected = {1, 2};
  }
  SECTION("state") {
    filter.states = {TcpState::close_wait}, expected = {2, 4, 6};
  }
  SECTION("state at a time") {
    filter.states = {TcpState::close_wait};
    filter.since_ns = filter.until_ns = 19 * kSecond + 1;
    expected = {2};
  }
  SECTION("all at once") {
    filter.process = "nginx", filter.port = 80, filter.since_ns = 25 * kSecond, expected = {1, 3};
  }
  SECTION("text that would be SQL") {
    filter.process = "x' OR 1 --", expected = {};
  }
  CHECK(ids(ask_on(path, "connections", filter)) == expected);
}

TEST_CASE("with a pid the overview is the report of that process, also after its end", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  Filter filter;
  filter.pids = {10};
  const auto answer = ask_on(path, "overview", filter);
  CHECK(answer.report == "process");
  std::ostringstream out;
  render::write_text(out, answer, {});
  CHECK(out.str() ==
        R"(Process
pid  name   user      parent  started       ended  ended by  exe             command line   executed  cgroup
 10  nginx  www-data       1  00:00:00.010  -      -         /usr/bin/nginx  nginx --serve  -         /a.slice

Listened on
proto  local       since         closed  accepted
tcp    0.0.0.0:80  00:00:01.000  -              2

Still waiting for an answer
none

Peers
process  of            direction  proto  peer                     connections  open  failed  longest  sent  received
nginx    00:00:00.010  inbound    tcp    198.51.100.7 to port 80            1     0       0      10s     -         -
nginx    00:00:00.010  inbound    tcp    198.51.100.8 to port 80            1     1       0   1m 10s     -         -

Names that it looked up
none

Its last connections, those that wait or failed first
opened        process  of            direction  proto  local         remote              outcome  duration  states                          sent  received      ±
00:00:30.000  nginx    00:00:00.010  inbound    tcp    192.0.2.1:80  198.51.100.8:40001  open            -  ESTABLISHED                        -         -  100ms
00:00:10.000  nginx    00:00:00.010  inbound    tcp    192.0.2.1:80  198.51.100.7:40000  closed        10s  ESTABLISHED 9s > CLOSE_WAIT 1s     -         -  100ms

window 1970-01-01 00:00:00.000 .. 1970-01-01 00:01:40.000 UTC | coverage 99.99 % (1 of 30,000 TCP opens unseen; 40s not counted) | 2 gaps, 3s in all: unreadable 2s, skipped ticks 2s
)");
}

TEST_CASE("completeness counts what touches the window and never rounds up", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = 41 * kSecond;
  filter.until_ns = 41 * kSecond + kSecond / 2;
  auto line = completeness(reader, filter);
  CHECK(line.gaps == 2);
  CHECK(line.gaps_ns == kSecond / 2);
  CHECK(line.gap_reasons ==
        std::vector<GapReason>{{"unreadable", kSecond / 2}, {"skipped ticks", kSecond / 2}});
  filter.since_ns = filter.until_ns = 41 * kSecond + kSecond / 2;
  line = completeness(reader, filter);
  CHECK(line.gaps == 2);
  CHECK(line.gaps_ns == 3 * kSecond);  // they are longer than the instant
  filter.since_ns = 70 * kSecond;
  filter.until_ns = 80 * kSecond;
  line = completeness(reader, filter);
  CHECK(line.gaps == 0);
  CHECK(std::holds_alternative<std::monostate>(line.percent));
  CHECK(completeness(reader, {}).note == "owner unknown: 1 not_permitted");
}

TEST_CASE("an instant just after the end of a live recording is answered as of its end",
          "[report]") {
  const auto [asked_s, ended, answered_s, note] =
      GENERATE(table<std::int64_t, bool, std::int64_t, std::string>({
          {99, false, 99, ""},
          {100, false, 100, ""},
          {102,
           false,
           100,
           "as of the last sign of life of the recorder, 2s before the moment asked for | "},
          {107,
           false,
           100,
           "as of the last sign of life of the recorder, 7s before the moment asked "
           "for | "},
          {108, false, 108, ""},        // two intervals of a second and five seconds
          {90'000, false, 90'000, ""},  // an old copy
          {102, true, 102, ""},
      }));
  CAPTURE(asked_s, ended);
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      std::string{"UPDATE session SET interval_ns = 1000000000"} +
      (ended ? "" : ", ended_ns = NULL"));
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = filter.until_ns = asked_s * kSecond;
  answer_as_of_last_sign_of_life(reader, filter);
  CHECK(filter.since_ns == answered_s * kSecond);
  CHECK(filter.until_ns == answered_s * kSecond);
  CHECK_THAT(completeness(reader, filter).note + " | ", Catch::Matchers::StartsWith(note));
  CHECK(filter.asked_ns.has_value() == !note.empty());
}

TEST_CASE("a window is never taken for an instant", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE session SET ended_ns = NULL");
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = 101 * kSecond;
  answer_as_of_last_sign_of_life(reader, filter);
  CHECK(filter.since_ns == 101 * kSecond);
  filter.until_ns = 102 * kSecond;
  answer_as_of_last_sign_of_life(reader, filter);
  CHECK(filter.since_ns == 101 * kSecond);
  CHECK(filter.until_ns == 102 * kSecond);
}

TEST_CASE("a recording that has not ended says when it was last written", "[report]") {
  const auto [now_s, until_s, change, note] =
      GENERATE(table<std::int64_t, std::optional<std::int64_t>, const char*, const char*>({
          {111, std::nullopt, "ended_ns = NULL", ""},  // 64 intervals and five seconds
          {142, std::nullopt, "ended_ns = NULL", "not ended, last written 42s ago | "},
          {142, 120, "ended_ns = NULL", "not ended, last written 42s ago | "},
          {142, 90, "ended_ns = NULL", ""},  // all of the window was recorded
          {142, std::nullopt, "host = 'ended'", ""},
          {-5, std::nullopt, "ended_ns = NULL", ""},  // the clock was set
      }));
  CAPTURE(now_s, change);
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      std::string{"UPDATE session SET interval_ns = 100000000, "} + change);
  store::Reader reader{path};
  Filter filter;
  filter.now_ns = now_s * kSecond;
  if (until_s) {
    filter.until_ns = *until_s * kSecond;
  }
  CHECK(completeness(reader, filter).note == note + std::string{"owner unknown: 1 not_permitted"});
}

TEST_CASE("coverage says for how long nobody looked and nothing was counted", "[report]") {
  const auto [from, to, reason, note] = GENERATE(table<double, double, const char*, const char*>({
      {18, 24, "recorder was killed", "the coverage leaves out 4s in which nobody looked"},
      {12, 14, "skipped ticks", ""},   // counted all the same
      {30, 40, "missed opens", ""},    // single changes
      {120, 130, "not recording", ""}  // outside of the window
  }));
  test::GivenRecording recording;
  recording.gap(from, to, reason);
  recording.rows("overview", {"host"});
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "INSERT INTO coverage_window (session_id, netns, from_ns, to_ns, kernel_opens, "
      "recorded_opens, kernel_failures, recorded_failures) "
      "VALUES (1, 7, 10000000000, 20000000000, 5, 5, 0, 0)");
  store::Reader reader{recording.path()};
  Filter filter;
  filter.until_ns = 100 * kSecond;
  CHECK(completeness(reader, filter).note == note);
}

TEST_CASE("coverage is unknown where the kernel counted nothing and opens were recorded",
          "[report]") {
  const auto [opened_s, netns, known] = GENERATE(table<double, std::uint64_t, bool>({
      {12, 7, true},   // in the window that the kernel counted
      {5, 7, false},   // before it
      {12, 8, false},  // in another network namespace
      {150, 7, true},  // after what is asked
  }));
  CAPTURE(opened_s, netns);
  test::GivenRecording recording;
  recording.add(test::closed_connection(1).in_namespace(netns).from(opened_s).to(opened_s + 1));
  recording.rows("overview", {"host"});
  SQLite::Database{recording.path().string(), SQLite::OPEN_READWRITE}.exec(
      "INSERT INTO coverage_window (session_id, netns, from_ns, to_ns, kernel_opens, "
      "recorded_opens, kernel_failures, recorded_failures) "
      "VALUES (1, 7, 10000000000, 20000000000, 0, 0, 0, 0)");
  store::Reader reader{recording.path()};
  Filter filter;
  filter.until_ns = 100 * kSecond;
  const auto line = completeness(reader, filter);
  CHECK(std::holds_alternative<std::int64_t>(line.kernel_opens) == known);
  CHECK(std::holds_alternative<std::int64_t>(line.recorded_opens) == known);
}

TEST_CASE("columns with endpoints and ports say so, for --names and narrow terminals", "[report]") {
  const std::set<std::string> endpoints{"local", "remote", "peer", "first_peer", "server"};
  const std::set<std::string> ports{"local_port", "remote_port"};
  for (const auto& [name, about] : list_reports()) {
    for (const auto& part : definition(name).sections) {
      for (const auto& column : part.heading.columns) {
        CAPTURE(name, part.heading.name, column.name);
        CHECK((column.unit == Unit::endpoint) == endpoints.contains(column.name));
        CHECK((column.unit == Unit::port) == ports.contains(column.name));
        CHECK((column.unit != Unit::endpoint || column.align == Align::left));
      }
    }
  }
}

TEST_CASE("every report's file is of the form, and what it describes is there", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  store::Reader reader{path};
  REQUIRE(list_reports().size() >= 3);
  for (const auto& [name, about] : list_reports()) {
    CAPTURE(name);
    CHECK_FALSE(about.empty());
    const auto answer = run_report(reader, name, {}, -1);
    for (const auto& table : answer.tables) {
      CAPTURE(table.name);
      CHECK_FALSE(table.title.empty());
      const auto shown = std::count_if(table.columns.begin(),
                                       table.columns.end(),
                                       [](const Column& column) { return !column.title.empty(); });
      CHECK(shown > 0);
    }
  }
  CHECK_THROWS_WITH(run_report(reader, "overveiw", {}, -1),
                    contains_text("unknown report 'overveiw', did you mean overview?"));
  for (const auto* bad : {"",
                          "-- about: x\n",
                          "-- about: x\n-- section: a\n",
                          "-- about: x\n-- column: a | b |\n",
                          "-- about: x\n-- section: a | A\n-- column: a | b | parsecs\n"}) {
    CAPTURE(bad);
    CHECK_THROWS_AS(parse_definition(bad), std::invalid_argument);
  }
}

TEST_CASE("hostile names reach no terminal unescaped, and stay one cell", "[render]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, some());
  Filter filter;
  filter.pids = {30};
  const auto answer = ask_on(path, "connections", filter);
  std::ostringstream text;
  render::write_text(text, answer, {});
  CHECK(text.str().find('\x1b') == std::string::npos);
  CHECK_THAT(text.str(), contains_text("evil\\x1b[2J,\"x\""));
  std::ostringstream json;
  render::write_json(json, answer);
  CHECK_THAT(json.str(), contains_text(R"("process":"evil\u001b[2J,\"x\"")"));
  CHECK(json.str().find('\x1b') == std::string::npos);
  std::ostringstream csv;
  render::write_csv(csv, answer);
  CHECK_THAT(csv.str(), contains_text("\"evil\x1b[2J,\"\"x\"\"\""));
}

}  // namespace netlog_tests::report_test

// SPDX-License-Identifier: MIT
// Every named report on a history whose truth is known, told to the real tracker.
#include "render/render.hpp"
#include "report/report.hpp"
#include "store/write/writer.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "track/tracker.hpp"

#include <cstdlib>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::report_named_reports_test {

using namespace netlog;
using namespace netlog::report;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::uint32_t kOldNginx = 10;
constexpr std::uint32_t kNewNginx = 11;
constexpr std::uint32_t kCurl = 20;
constexpr std::uint32_t kLeaky = 30;
constexpr std::uint32_t kPool = 40;
constexpr std::uint32_t kBeacon = 50;

/// A socket that a look at the tables shows from `from` to `to` (seconds, `to` not any more).
struct Seen {
  std::uint64_t cookie = 0;
  const char* local = "";
  std::uint16_t local_port = 0;
  const char* remote = "";
  std::uint16_t remote_port = 0;
  std::uint32_t pid = 0;
  std::vector<std::pair<int, TcpState>> states;  ///< each from its second on
  int to = 0;
};

using enum TcpState;

std::vector<Seen> history() {
  std::vector<Seen> all{
      {1, "0.0.0.0", 80, "0.0.0.0", 0, kOldNginx, {{0, listen}}, 20},
      {2, "0.0.0.0", 80, "0.0.0.0", 0, kNewNginx, {{25, listen}}, 100},
      {3,
       "192.0.2.1",
       80,
       "198.51.100.7",
       4000,
       kOldNginx,
       {{11, established}, {13, time_wait}},
       18},
      {4,
       "192.0.2.1",
       80,
       "198.51.100.7",
       4001,
       kNewNginx,
       {{30, established}, {31, close_wait}, {32, last_ack}},
       33},
      {5, "192.0.2.1", 5000, "203.0.113.9", 443, kCurl, {{5, syn_sent}}, 8},
      {6, "192.0.2.1", 5001, "203.0.113.9", 443, kCurl, {{40, syn_sent}}, 100},
      {7, "192.0.2.1", 6000, "203.0.113.50", 5432, kPool, {{35, established}}, 45},
      {8, "192.0.2.1", 6001, "203.0.113.50", 5432, kPool, {{36, syn_sent}, {37, established}}, 46},
      {9, "192.0.2.1", 6002, "203.0.113.50", 5432, kPool, {{44, established}}, 100},
  };
  for (std::uint16_t i = 0; i < 3; ++i) {
    const int from = 10 + i * 10;
    all.push_back({20U + i,
                   "192.0.2.1",
                   static_cast<std::uint16_t>(7000 + i),
                   "203.0.113.60",
                   8080,
                   kLeaky,
                   {{from, established}, {from + 1, close_wait}},
                   100});
  }
  return all;
}

/// Every seven seconds, once a second late, and once not at all.
std::vector<Seen> with_beacon() {
  auto all = history();
  for (const int from : {3, 10, 17, 25, 31, 45, 52}) {
    all.push_back({100U + static_cast<std::uint64_t>(from),
                   "192.0.2.1",
                   static_cast<std::uint16_t>(9000 + from),
                   "203.0.113.77",
                   443,
                   kBeacon,
                   {{from, established}},
                   from + 1});
  }
  return all;
}

std::optional<TcpState> state_at(const Seen& seen, int second) {
  std::optional<TcpState> state;
  for (const auto& [from, entered] : seen.states) {
    if (from <= second && second < seen.to) {
      state = entered;
    }
  }
  return state;
}

SocketRow row_of(const Seen& seen, TcpState state) {
  SocketRow row;
  row.tuple = {Protocol::tcp,
               {*parse_address(seen.local), seen.local_port},
               {*parse_address(seen.remote), seen.remote_port}};
  row.incarnation = seen.cookie;
  row.state = state;
  row.holder_key = state == time_wait ? 0 : 1000 + seen.cookie;
  return row;
}

/// A minute, a look a second; the connect that timed out and a reset are announced.
void record(const std::filesystem::path& path, const std::vector<Seen>& all) {
  store::Writer writer{
      path, Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, kSecond, "sock_diag+notices", 0}};
  track::Tracker tracker;
  std::vector<store::Item> items;
  for (const auto& [pid, name] : std::map<std::uint32_t, std::string>{{kOldNginx, "nginx"},
                                                                      {kNewNginx, "nginx"},
                                                                      {kCurl, "curl"},
                                                                      {kLeaky, "leaky"},
                                                                      {kPool, "pool"},
                                                                      {kBeacon, "beacon"}}) {
    Process process;
    process.id = {pid, pid};
    process.started_ns = pid * kSecond / 100;
    process.name = name;
    items.emplace_back(process);
  }
  for (int second = 0; second <= 60; ++second) {
    Snapshot snapshot;
    snapshot.tables = table_bit(TableKind::tcp4) | table_bit(TableKind::tcp6);
    snapshot.incarnation_is_unique = true;
    snapshot.taken = Span{second * kSecond, second * kSecond};
    for (const auto& seen : all) {
      if (const auto state = state_at(seen, second)) {
        snapshot.rows.push_back(row_of(seen, *state));
      }
      if (seen.to == second && (seen.cookie == 5 || seen.cookie == 7)) {
        auto ended = row_of(seen, closed);
        ended.metrics = Metrics{};
        ended.metrics->segments_out = 2;
        ended.delivery =
            seen.cookie == 5 ? Delivery{0, 0, 1, 0, 2, 0, 0, 0} : Delivery{1, 0, 0, 0, 0, 0, 0, 0};
        tracker.apply(Notice{0, Moment{second * kSecond, kSecond / 2}, ended});
      }
    }
    tracker.apply(snapshot);
    for (const auto& seen : all) {
      tracker.resolve(
          1000 + seen.cookie, ProcessId{seen.pid, seen.pid}, Moment{second * kSecond, kSecond});
    }
    for (auto& event : tracker.take_events()) {
      items.emplace_back(std::move(event));
    }
  }
  for (auto& connection : tracker.take_refreshes()) {
    items.emplace_back(store::Refresh{std::move(connection)});
  }
  items.emplace_back(
      Gap{std::nullopt, 50 * kSecond, 52 * kSecond, "tick", "skipped ticks", 2, std::nullopt});
  items.emplace_back(Coverage{0, 0, 60 * kSecond, 10, 9, 1, 1});
  items.emplace_back(Heartbeat{60 * kSecond, 61, 0, 2});
  writer.push(std::move(items));
  writer.finish(60 * kSecond);
}

std::string text_of(store::Reader& reader,
                    std::string_view report,
                    const Filter& filter,
                    Basis basis) {
  std::ostringstream out;
  render::write_text(out, ask(reader, report, filter, -1, basis), {});
  const auto text = out.str();
  return "\n" + text.substr(0, text.rfind("\nwindow"));
}

/// What a report says; the same from every basis that can answer.
std::string text_of(std::string_view report,
                    const Filter& filter = {},
                    const std::vector<Seen>& all = history()) {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, all);
  store::Reader reader{path};
  auto text = text_of(reader, report, filter, Basis::connections);
  if (!filter.since_ns && !filter.until_ns && filter.states.empty()) {
    CHECK(text_of(reader, report, filter, Basis::peers) == text);
    CHECK(text_of(reader, report, filter, Basis::processes) == text);
  }
  return text;
}

Filter port_80_at(int second) {
  Filter filter;
  filter.local_port = 80;
  filter.since_ns = filter.until_ns = second * kSecond;
  return filter;
}

}  // namespace

TEST_CASE("who opened how many connections a second, and when", "[report]") {
  CHECK(text_of("churn") == R"(
By whom
opened  most in 1 s  at            pid  process  user  direction
     3            1  00:00:10.000   30  leaky    -     outbound
     3            1  00:00:35.000   40  pool     -     outbound
     2            1  00:00:05.000   20  curl     -     outbound
     1            1  00:00:11.000   10  nginx    -     inbound
     1            1  00:00:30.000   11  nginx    -     inbound

When
from          opened  shape                           a second  mostly
00:00:05.000       1  ███████████████                      1.0  curl
00:00:10.000       1  ███████████████                      1.0  leaky
00:00:11.000       1  ███████████████                      1.0  nginx
00:00:20.000       1  ███████████████                      1.0  leaky
00:00:30.000       2  ██████████████████████████████       2.0  leaky
00:00:35.000       1  ███████████████                      1.0  pool
00:00:36.000       1  ███████████████                      1.0  pool
00:00:40.000       1  ███████████████                      1.0  curl
00:00:44.000       1  ███████████████                      1.0  pool
)");
}

TEST_CASE("who closes first, and who resets", "[report]") {
  CHECK(text_of("closes") == R"(
Ends
ended  peer                     we first  peer first  one of us  reset  aborted  refused  timed out  unknown
    2  198.51.100.7 to port 80         1           1          0      0        0        0          0        0
    2  203.0.113.50:5432               0           0          0      1        0        0          0        1
    1  203.0.113.9:443                 0           0          0      0        0        0          1        0
)");
}

TEST_CASE("how long connections stay in each state", "[report]") {
  CHECK(text_of("dwell") == R"(
Time in each state; shape: up to 1 ms, 10 ms, 100 ms, 1 s, 10 s, 1 min, more
state        intervals  still in it  median  90 %  99 %  longest  shape
ESTABLISHED          8            1      1s   16s   16s      16s  ····█▃·
CLOSE_WAIT           4            3     29s   49s   49s      49s  ····▃█·
SYN_SENT             3            1      3s   20s   20s      20s  ····█▄·
LISTEN               2            1     20s   35s   35s      35s  ·····█·
LAST_ACK             1            0      1s    1s    1s       1s  ····█··
TIME_WAIT            1            0      5s    5s    5s       5s  ····█··

Time with each peer
peer                     connections  connect median  longest  established median  longest
203.0.113.50:5432                  3              1s       1s                  9s      10s
203.0.113.60:8080                  3               -        -                  1s       1s
198.51.100.7 to port 80            2               -        -                  1s       2s
203.0.113.9:443                    2              3s       3s                   -        -
)");
}

TEST_CASE("which connects failed or hang", "[report]") {
  CHECK(text_of("failed") == R"(
Still waiting for an answer
pid  process  remote           since         waited
 20  curl     203.0.113.9:443  00:00:40.000     20s

Failed
connections  outcome    why  pid  process  direction  peer               SYNs  longest  first         last
          1  reset      -     40  pool     outbound   203.0.113.50:5432     -      10s  00:00:45.000  00:00:45.000
          1  timed_out  -     20  curl     outbound   203.0.113.9:443       2       3s  00:00:08.000  00:00:08.000
)");
}

TEST_CASE("what was missed", "[report]") {
  CHECK(text_of("gaps") == R"(
Gaps
from          to            length  source  reason         lost  namespace  detail
00:00:50.000  00:00:52.000      2s  tick    skipped ticks     2          -  -

Intervals that were not covered in full
from          to            namespace  opened  recorded  share  failed  recorded
00:00:00.000  00:01:00.000          -      10         9  90.00       1         1
)");
}

TEST_CASE("what only grows", "[report]") {
  CHECK(text_of("leaks") == R"(
In a state that should pass: still, or for 5 s and more
now  most  state       pid  process  left it  longest  oldest since  newest since  an hour  first peer
  3     3  CLOSE_WAIT   30  leaky          0      49s  00:00:11.000  00:00:31.000      360  203.0.113.60:8080
  1     1  SYN_SENT     20  curl           1      20s  00:00:40.000  00:00:40.000        -  203.0.113.9:443

Opened and never closed
none
)");
}

TEST_CASE("what was growing at a moment, whatever became of it", "[report]") {
  Filter filter;
  filter.until_ns = 25 * kSecond;
  CHECK(text_of("leaks", filter) == R"(
In a state that should pass: still, or for 5 s and more
now  most  state       pid  process  left it  longest  oldest since  newest since  an hour  first peer
  2     2  CLOSE_WAIT   30  leaky          0      14s  00:00:11.000  00:00:21.000      360  203.0.113.60:8080

Opened and never closed
none
)");
}

TEST_CASE("how long connections last", "[report]") {
  CHECK(text_of("lifetimes") == R"(
Lifetimes, at least
lasted       connections  shape
up to 10 s             3  ██████████████████████████████
up to 1 min            2  ████████████████████

By peer, at least
ended  peer                     median  90 %  longest  at most more
    2  198.51.100.7 to port 80      2s    3s       3s            1s
    2  203.0.113.50:5432           10s   10s      10s            1s
    1  203.0.113.9:443              3s    3s       3s            1s
)");
}

TEST_CASE("what listens, and whether it was gone", "[report]") {
  CHECK(text_of("listeners") == R"(
Listeners and unconnected UDP sockets
proto  local       pid  process  user  since         gone          away before  accepted  container
tcp    0.0.0.0:80   10  nginx    -     -             00:00:20.000            -         1  -
tcp    0.0.0.0:80   11  nginx    -     00:00:25.000  -                      5s         1  -
)");
}

TEST_CASE("who connects to us and whom we connect to", "[report]") {
  CHECK(text_of("peers") == R"(
Peers
connections  direction  proto  peer                     mostly  open  failed  median  longest  sent  received  first         last
          3  outbound   tcp    203.0.113.50:5432        pool       1       1     10s      10s     -         -  00:00:35.000  00:00:44.000
          3  outbound   tcp    203.0.113.60:8080        leaky      3       0       -        -     -         -  00:00:10.000  00:00:30.000
          2  inbound    tcp    198.51.100.7 to port 80  nginx      0       0      2s       3s     -         -  00:00:11.000  00:00:30.000
          2  outbound   tcp    203.0.113.9:443          curl       1       1      3s       3s     -         -  00:00:05.000  00:00:40.000
)");
}

TEST_CASE("how many ports were in use at once", "[report]") {
  CHECK(text_of("ports") == R"(
Ports in use at once
peak  at            open  TIME_WAIT  connections  local      remote             mostly  namespace
   3  00:00:44.000     1          0            3  192.0.2.1  203.0.113.50:5432  pool            -
   3  00:00:30.000     3          0            3  192.0.2.1  203.0.113.60:8080  leaky           -
   1  00:00:05.000     1          0            2  192.0.2.1  203.0.113.9:443    curl            -
)");
}

TEST_CASE("who held a port: the listener, and what was left in TIME_WAIT", "[report]") {
  CHECK(text_of("who", port_80_at(15)) == R"(
Held the port
port  as        pid  process  user  owner      proto  local         remote             state      sure  from           ±  until         command line
  80  listener   10  nginx    -     exact      tcp    0.0.0.0:80    -                  LISTEN     yes   00:00:00.000   -  00:00:20.000  -
  80  inbound    10  nginx    -     last_seen  tcp    192.0.2.1:80  198.51.100.7:4000  TIME_WAIT  yes   00:00:11.000  1s  00:00:18.000  -
)");
}

TEST_CASE("at an instant: the state then, and a doubt where a bound covers it", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  Filter filter;
  filter.remote_port = 5432;
  filter.since_ns = filter.until_ns = 45 * kSecond + kSecond / 2;
  std::string found;
  const auto answer = ask(reader, "connections", filter, -1);
  const auto& columns = answer.tables.at(0).columns;
  for (const auto& row : answer.tables.at(0).rows) {
    for (std::size_t i = 0; i < columns.size(); ++i) {
      if (columns[i].name == "local" || columns[i].name == "state" || columns[i].name == "sure") {
        found += std::get<std::string>(row[i]) + " ";
      }
    }
  }
  // The second was last seen at 45 and missed at 46.
  CHECK(found == "192.0.2.1:6001 ESTABLISHED ? 192.0.2.1:6002 ESTABLISHED yes ");
}

TEST_CASE("nobody held the port while its server was down", "[report]") {
  CHECK(text_of("who", port_80_at(22)) == "\nHeld the port\nnone\n");
}

TEST_CASE("who calls home at a fixed rhythm", "[report]") {
  CHECK(text_of("beacons", {}, with_beacon()) == R"(
Rhythms
score  period  jitter  calls  pid  process  remote            first         last
 1.00      7s     0ns      7   50  beacon   203.0.113.77:443  00:00:03.000  00:00:52.000
)");
}

TEST_CASE("what changed between two windows", "[report]") {
  Filter filter;
  filter.before_ns = {0, 30 * kSecond};
  filter.since_ns = 31 * kSecond;
  filter.until_ns = 61 * kSecond;
  CHECK(text_of("diff", filter) == R"(
Then and now
what                       before  after  change
opened a second             0.200  0.138   -31 %
ended a second              0.067  0.103   +55 %
failed a second             0.033  0.034    +3 %
mean life of the ended, s   2.500  7.667  +207 %

Peers that came or went
change  process  direction  peer               connections  failed
new     pool     outbound   203.0.113.50:5432            3       1

Listeners that came or went
change  pid  process  proto  local
gone     10  nginx    tcp    0.0.0.0:80

Processes that came or went
change  pid  process  connections
new      40  pool               3
gone     10  nginx              2
)");
}

TEST_CASE("the query of every report runs as it is printed, values and all", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  Filter filter;
  filter.process = "ng'inx:limit";
  filter.since_ns = 5;
  CHECK(sql_of("failed", filter, 7, Basis::connections).find("process = 'ng''inx:limit'") !=
        std::string::npos);
  SQLite::Database database{path.string(), SQLite::OPEN_READONLY};
  for (const auto& [name, about] : list_reports()) {
    CAPTURE(name);
    const auto sql = sql_of(name, filter, 7, Basis::connections);
    CHECK_NOTHROW(database.exec(sql));
    CHECK_NOTHROW(database.exec(sql_of(name, {}, 7, Basis::processes)));
  }
  CHECK(test::rows(path, sql_of("listeners", {}, -1, Basis::processes)) ==
        "tcp|0.0.0.0:80|10|nginx|NULL|NULL|20000000000|NULL|1|NULL\n"
        "tcp|0.0.0.0:80|11|nginx|NULL|25000000000|NULL|5000000000|1|NULL\n");
}

namespace {

/// Whether a statement reads the table of events, or an index of it, from one end to the other.
bool scans_events(SQLite::Database& database, const std::string& sql) {
  std::set<int> roots;
  // The index of former owners has few rows.
  SQLite::Statement pages{database,
                          "SELECT rootpage FROM sqlite_schema WHERE tbl_name = 'event' AND name <> "
                          "'event_of_owner'"};
  while (pages.executeStep()) {
    roots.insert(pages.getColumn(0).getInt());
  }
  std::set<int> cursors;
  SQLite::Statement program{database, "EXPLAIN " + sql};
  while (program.executeStep()) {
    const std::string opcode = program.getColumn(1).getText();
    const auto cursor = program.getColumn(2).getInt();
    if (opcode == "OpenRead" && roots.contains(program.getColumn(3).getInt())) {
      cursors.insert(cursor);
    } else if ((opcode == "Rewind" || opcode == "Last") && cursors.contains(cursor)) {
      return true;
    }
  }
  return false;
}

}  // namespace

TEST_CASE("with a window or a process no report reads all events", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  SQLite::Database database{path.string(), SQLite::OPEN_READONLY};
  CHECK(scans_events(database, "SELECT count(*) FROM event WHERE at_ns > 5"));
  Filter window;
  window.since_ns = 20 * kSecond;
  window.until_ns = 40 * kSecond;
  auto two_windows = window;
  two_windows.before_ns = {0, 10 * kSecond};
  Filter process;
  process.pids = {kLeaky};
  for (const auto& [name, about] : list_reports()) {
    for (const auto& filter : {name == "diff" ? two_windows : window, process}) {
      auto sql = sql_of(name, filter, -1, Basis::connections);
      for (auto end = sql.find(";\n"); end != std::string::npos; end = sql.find(";\n")) {
        CAPTURE(name, sql.substr(0, end));
        CHECK_FALSE(scans_events(database, sql.substr(0, end)));
        sql.erase(0, end + 2);
      }
    }
  }
}

TEST_CASE("every report answers every filter, from every basis that can", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  Filter filter;
  bool windowed = true;
  SECTION("an instant") {
    filter.since_ns = filter.until_ns = 30 * kSecond;
  }
  SECTION("from a time on") {
    filter.since_ns = 30 * kSecond;
  }
  SECTION("up to a time") {
    filter.until_ns = 30 * kSecond;
  }
  SECTION("a state") {
    filter.states = {close_wait};
  }
  SECTION("what the sums know") {
    windowed = false;
    SECTION("a process") {
      filter.pids = {kLeaky, kCurl};
    }
    SECTION("names") {
      filter.process = "n*";
      filter.exe = "/usr/*";
      filter.user = "root";
    }
    SECTION("a protocol") {
      filter.protocol = Protocol::tcp;
    }
    SECTION("ports") {
      filter.port = 443;
      filter.local_port = 80;
      filter.remote_port = 443;
    }
    SECTION("a peer") {
      filter.remote = {*parse_address_range("203.0.113.9"), *parse_address_range("fe80::1%3")};
    }
  }
  filter.before_ns = {0, 10 * kSecond};
  for (const auto& [name, about] : list_reports()) {
    CAPTURE(name);
    CHECK_NOTHROW(ask(reader, name, filter, 7, Basis::connections));
    if (!windowed) {
      CHECK_NOTHROW(ask(reader, name, filter, 7, Basis::peers));
    }
  }
}

TEST_CASE("what an earlier recorder left open ends, for all we know, with it", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Writer{
      path,
      Session{"host1", "Debian", "6.1", "0.1.0", "boot", 0, kSecond, "poll", 86'400 * kSecond}}
      .finish(86'500 * kSecond);
  store::Reader reader{path};
  for (const auto basis : {Basis::connections, Basis::processes}) {
    const auto leaks = text_of(reader, "leaks", {}, basis);
    CHECK(leaks.find("  0     3  CLOSE_WAIT   30  leaky          3      49s") != std::string::npos);
    const auto ports = text_of(reader, "ports", {}, basis);
    CHECK(ports.find("     0          0            3  192.0.2.1  203.0.113.60:8080") !=
          std::string::npos);
    const auto dwell = text_of(reader, "dwell", {}, basis);
    CHECK(dwell.find("CLOSE_WAIT           4            0     29s   49s   49s      49s") !=
          std::string::npos);
  }
}

TEST_CASE("what a question about a whole recording reads", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  const auto basis = [&](const Filter& filter) {
    store::Reader reader{path};
    return basis_for(reader, filter);
  };
  Filter port;
  port.port = 443;
  CHECK(basis({}) == Basis::connections);  // there are few
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      "UPDATE connection SET id = 50001 WHERE id = (SELECT max(id) FROM connection)");
  CHECK(basis({}) == Basis::processes);
  CHECK(basis(port) == Basis::peers);
  port.local_port = 443;  // nothing listens on it
  CHECK(basis(port) == Basis::connections);
  port.local_port.reset();
  port.port = 5001;  // ephemeral: no sum knows it
  CHECK(basis(port) == Basis::connections);
  Filter remote;
  remote.remote = {*parse_address_range("203.0.113.9")};
  CHECK(basis(remote) == Basis::peers);
  remote.since_ns = 5;
  CHECK(basis(remote) == Basis::connections);
}

TEST_CASE("a window beyond the recording says what the recording holds", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = 70 * kSecond;
  std::ostringstream out;
  render::write_text(out, ask(reader, "gaps", filter, -1), {});
  CHECK(out.str().find("| the recording holds only 1970-01-01 00:00:00.000 .. 1970-01-01 "
                       "00:01:00.000") != std::string::npos);
}

TEST_CASE("the twenty queries of docs/database.md run", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  std::ifstream file{std::filesystem::path{std::getenv("NETLOG_SOURCE")} / "docs/database.md"};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  const auto begin = text.find("```sql\n") + 7;
  auto queries = text.substr(begin, text.find("```", begin) - begin);
  store::Reader reader{path};
  std::map<int, std::size_t> rows;
  for (int number = 1; !queries.empty(); ++number) {
    const auto end = queries.find(";\n") + 2;
    const auto query = queries.substr(0, end);
    queries.erase(0, end);
    CAPTURE(query);
    REQUIRE(query.starts_with(fmt::format("-- {} ", number)));
    rows[number] = reader.query(query, {{"t", 15 * kSecond}}).cells.size();
  }
  CHECK(rows.size() == 20);
  CHECK(rows[2] == 3);  // three sockets leak
  CHECK(rows[4] == 3);  // LISTEN, CLOSE_WAIT, TIME_WAIT
  CHECK(rows[5] == 1);
}

}  // namespace netlog_tests::report_named_reports_test

// SPDX-License-Identifier: MIT
// The text of every named report on a history whose truth is known.
#include "minute_history.hpp"

#include <regex>

namespace netlog_tests::report_named_reports_test {

using namespace minute_history;

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
00:00:05.000       1  ███████████████                        1  curl
00:00:10.000       1  ███████████████                        1  leaky
00:00:11.000       1  ███████████████                        1  nginx
00:00:20.000       1  ███████████████                        1  leaky
00:00:30.000       2  ██████████████████████████████         2  leaky
00:00:35.000       1  ███████████████                        1  pool
00:00:36.000       1  ███████████████                        1  pool
00:00:40.000       1  ███████████████                        1  curl
00:00:44.000       1  ███████████████                        1  pool
)");
}

TEST_CASE("who opens and ends how many connections a second", "[report]") {
  CHECK(text_of("rates") == R"(
Processes
opened/s  ended/s  failed/s  open  pid  process  user
    0.05     0.03      0.02     1   40  pool     -
    0.05        0         0     3   30  leaky    -
    0.03     0.02      0.02     1   20  curl     -
    0.02     0.02         0     0   10  nginx    -
    0.02     0.02         0     0   11  nginx    -

Peers
opened/s  ended/s  failed/s  open  direction  peer
    0.05     0.03      0.02     1  outbound   203.0.113.50:5432
    0.03     0.03         0     0  inbound    198.51.100.7 to port 80
    0.05        0         0     3  outbound   203.0.113.60:8080
    0.03     0.02      0.02     1  outbound   203.0.113.9:443
)");
}

TEST_CASE("who closes first, and who resets", "[report]") {
  CHECK(text_of("closes") == R"(
Ends
ended  peer                     how
    2  198.51.100.7 to port 80  1 we first, 1 peer first
    2  203.0.113.50:5432        1 reset, 1 unknown
    1  203.0.113.9:443          1 timed out
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

Time with each peer: to connect, and ESTABLISHED if it has ended
peer                     connections  connects  median  longest  ended  open median  open longest
203.0.113.50:5432                  3         1      1s       1s      2           9s           10s
203.0.113.60:8080                  3         0       -        -      3           1s            1s
198.51.100.7 to port 80            2         0       -        -      2           1s            2s
203.0.113.9:443                    2         1      3s       3s      0            -             -
)");
}

TEST_CASE("which connects failed or hang", "[report]") {
  CHECK(text_of("failed") == R"(
Still waiting for an answer
pid  process  remote           state     since         waited
 20  curl     203.0.113.9:443  SYN_SENT  00:00:40.000     20s

Failed, failed connects first
connections  outcome    why  pid  process  direction  peer               SYNs  longest  first         last
          1  timed_out  -     20  curl     outbound   203.0.113.9:443       2       3s  00:00:08.000  00:00:08.000
          1  reset      -     40  pool     outbound   203.0.113.50:5432     -      10s  00:00:45.000  00:00:45.000

Ended by a RST of ours or of a client, which is often intended
none
)");
}

TEST_CASE("what was missed", "[report]") {
  CHECK(text_of("gaps") == R"(
Gaps
from          to            length  source  reason         lost  namespace  detail
00:00:50.000  00:00:52.000      2s  tick    skipped ticks     2          -  -

Coverage; without --limit, intervals that were not covered in full
from          to            opened  recorded  share  failed  failed recorded
00:00:00.000  00:01:00.000      10         9  90.00       1                1
)");
}

TEST_CASE("what only grows", "[report]") {
  CHECK(text_of("leaks") == R"(
In a state that should pass: still, or for 5 s and more
now  most  state       pid  process  at first look  left it  longest  oldest since  newest since  an hour  first peer
  3     3  CLOSE_WAIT   30  leaky                0        0      49s  00:00:11.000  00:00:31.000      147  203.0.113.60:8080
  1     1  SYN_SENT     20  curl                 0        1      20s  00:00:40.000  00:00:40.000        -  203.0.113.9:443

Opened and never closed
none

Closed here: the kernel ends what no process holds
none
)");
}

TEST_CASE("what was growing at a moment, whatever became of it", "[report]") {
  Filter filter;
  filter.until_ns = 25 * kSecond;
  CHECK(text_of("leaks", filter) == R"(
In a state that should pass: still, or for 5 s and more
now  most  state       pid  process  at first look  left it  longest  oldest since  newest since  an hour  first peer
  2     2  CLOSE_WAIT   30  leaky                0        0      14s  00:00:11.000  00:00:21.000      257  203.0.113.60:8080

Opened and never closed
none

Closed here: the kernel ends what no process holds
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
proto  local       pid  process  user  since         gone          away  accepted  workers  container  also accepted by
tcp    0.0.0.0:80   11  nginx    -     00:00:25.000  -               5s         1        0  -          -
tcp    0.0.0.0:80   10  nginx    -     -             00:00:20.000     -         1        0  -          -
)");
}

TEST_CASE("who connects to us and whom we connect to", "[report]") {
  CHECK(text_of("peers") == R"(
Peers
connections  direction  peer                     mostly  open  failed  median  longest  sent  received  first         last
          3  outbound   203.0.113.50:5432        pool       1       1     10s      16s     -         -  00:00:35.000  00:00:44.000
          3  outbound   203.0.113.60:8080        leaky      3       0       -      50s     -         -  00:00:10.000  00:00:30.000
          2  inbound    198.51.100.7 to port 80  nginx      0       0      2s       3s     -         -  00:00:11.000  00:00:30.000
          2  outbound   203.0.113.9:443          curl       1       1      3s      20s     -         -  00:00:05.000  00:00:40.000
)");
}

TEST_CASE("how many ports were in use at once", "[report]") {
  CHECK(text_of("ports") == R"(
Ports in use at once; by default there are 28,232 (Linux) or 16,384 (Windows)
peak  at            open  TIME_WAIT  connections  local      remote             mostly
   3  00:00:44.000     1          0            3  192.0.2.1  203.0.113.50:5432  pool
   3  00:00:30.000     3          0            3  192.0.2.1  203.0.113.60:8080  leaky
   1  00:00:05.000     1          0            2  192.0.2.1  203.0.113.9:443    curl
)");
}

TEST_CASE("at 80 columns the columns stay that say how long and how often", "[report]") {
  const test::Scratch scratch;
  record(scratch / "a.db", history());
  store::Reader reader{scratch / "a.db"};
  const auto [name, heading] = GENERATE(table<const char*, const char*>({
      {"peers", "connections  direction  peer  mostly  open  failed  longest"},
      {"dwell", "peer  connects  median  longest  ended  open median  open longest"},
      {"failed", "connections  outcome  why  pid  process  peer  SYNs  longest"},
  }));
  render::TextStyle style;
  style.width = 80;
  std::ostringstream out;
  render::write_text(out, run_report(reader, name, {}, -1), style);
  CHECK_THAT(std::regex_replace(out.str(), std::regex{"   +"}, "  "),
             Catch::Matchers::Contains("\n" + std::string{heading} + "\n"));
}

TEST_CASE("who held a port: the listener, and what was left in TIME_WAIT", "[report]") {
  CHECK(text_of("who", port_80_at(15)) == R"(
Who held the port
port  as                  sockets  open  pid  process  user  from          until
  80  listener                  1     1   10  nginx    -     -             00:00:20.000
  80  TIME_WAIT leftover        1     0   10  nginx    -     00:00:11.000  00:00:18.000

One by one
port  as                  pid  process  user  owner      proto  local         remote             state      sure  from           ±  until         command line
  80  listener             10  nginx    -     held       tcp    0.0.0.0:80    -                  LISTEN     yes   -              -  00:00:20.000  -
  80  TIME_WAIT leftover   10  nginx    -     last_seen  tcp    192.0.2.1:80  198.51.100.7:4000  TIME_WAIT  yes   00:00:11.000  1s  00:00:18.000  -
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
  const auto answer = run_report(reader, "connections", filter, -1);
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
  CHECK(text_of("who", port_80_at(22)) == "\nWho held the port\nnone\n\nOne by one\nnone\n");
}

TEST_CASE("who calls home at a fixed rhythm", "[report]") {
  CHECK(text_of("beacons", {}, with_beacon()) == R"(
Rhythms
score  period  jitter  calls  pid  process  remote            first         last
    1      7s     0ns      7   50  beacon   203.0.113.77:443  00:00:03.000  00:00:52.000
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
opened a second               0.2  0.138   -31 %
ended a second              0.067  0.103   +55 %
failed a second             0.033  0.034    +3 %
mean life of the ended, s     2.5  7.667  +207 %

Peers that came or went, are slower, fail more or do not answer
change  process  direction  peer               before  after  failed before  failed after  lasted before  lasted after
new     pool     outbound   203.0.113.50:5432       0      3              0             1              -           12s

Listeners that came or went
change  at            pid  process  proto  local
gone    00:00:20.000   10  nginx    tcp    0.0.0.0:80

Programs that came or went
change  pid  process  connections
new      40  pool               3
gone     10  nginx              2
)");
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
  for (const auto granularity : {Granularity::connections, Granularity::processes}) {
    const auto leaks = text_of(reader, "leaks", {}, granularity);
    CHECK(leaks.find("  0     3  CLOSE_WAIT   30  leaky                0        3      49s") !=
          std::string::npos);
    const auto ports = text_of(reader, "ports", {}, granularity);
    CHECK(ports.find("     0          0            3  192.0.2.1  203.0.113.60:8080") !=
          std::string::npos);
    const auto dwell = text_of(reader, "dwell", {}, granularity);
    CHECK(dwell.find("CLOSE_WAIT           4            0     29s   49s   49s      49s") !=
          std::string::npos);
  }
}

TEST_CASE("a window beyond the recording says what the recording holds", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path, history());
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = 70 * kSecond;
  std::ostringstream out;
  render::write_text(out, run_report(reader, "gaps", filter, -1), {});
  CHECK(out.str().find("| the recording holds only 1970-01-01 00:00:00.000 .. 1970-01-01 "
                       "00:01:00.000") != std::string::npos);
}

}  // namespace netlog_tests::report_named_reports_test

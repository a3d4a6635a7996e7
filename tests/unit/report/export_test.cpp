// SPDX-License-Identifier: MIT
// What `netlog export` reads from a recording.
#include "report/export.hpp"

#include "support/catch.hpp"
#include "support/given_recording.hpp"

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

namespace netlog_tests::report_export_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::test::accepted;
using netlog::test::answer_rows;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

/// These columns of the connections, one line each.
std::string exported(GivenRecording& recording,
                     const std::vector<std::string>& columns,
                     const report::ExportOptions& options = {},
                     const Filter& filter = {}) {
  auto reader = recording.open();
  Table table;
  report::each_connection(
      reader,
      filter,
      options,
      [&](const std::vector<std::string>& names) {
        for (const auto& name : names) {
          table.columns.push_back({name, name, Unit::none, Align::left, false});
        }
      },
      [&](const std::vector<Cell>& row) {
        table.rows.push_back(row);
        return true;
      });
  return answer_rows(Answer{"", {table}, {}}, columns, 0);
}

void add_peers(GivenRecording& recording) {
  recording.process(1, "web", 0).process(2, "api", 0);
  recording.add(listener(1, 80).by(1).from_before());
  recording.add(accepted(2, 80).by(1).from(1).to(3).moving(10, 20));
  recording.add(closed_connection(3).by(2).from(2).to(4).moving(30, 40));
  recording.add(closed_connection(4).by(2).from(3).to(5).ending(Outcome::refused));
  recording.add(open_connection(5).by(2).from(4).remote("2001:db8::1", 443).local("::", 40005));
  recording.add(
      accepted(6, 80).from(5).to(6).local("::ffff:192.0.2.1", 80).remote("::ffff:192.0.2.9", 7));
  recording.add(
      open_connection(7).by(2).from(6).local("fe80::2%3", 40007).remote("fe80::1%3", 443));
}

}  // namespace

TEST_CASE("the source of a connection is the side that connected", "[report]") {
  GivenRecording recording;
  add_peers(recording);
  CHECK(exported(recording,
                 {"id",
                  "source_ip",
                  "source_port",
                  "source_bytes",
                  "destination_ip",
                  "destination_port",
                  "destination_bytes",
                  "network_direction",
                  "network_type"}) ==
        "1|-|-|-|0.0.0.0|80|-|-|ipv4\n"
        "2|198.51.100.7|50002|20|192.0.2.1|80|10|ingress|ipv4\n"
        "3|192.0.2.1|40003|30|203.0.113.9|443|40|egress|ipv4\n"
        "4|192.0.2.1|40004|-|203.0.113.9|443|-|egress|ipv4\n"
        "5|-|40005|-|2001:db8::1|443|-|egress|ipv6\n"
        "6|192.0.2.9|7|-|192.0.2.1|80|-|ingress|ipv4\n"
        "7|fe80::2|40007|-|fe80::1|443|-|egress|ipv6\n");
  CHECK(exported(recording, {"id"}, {-1, true}) == "2\n3\n4\n5\n6\n7\n");
  CHECK(exported(recording, {"id"}, {2, true}) == "2\n3\n");
  Filter filter;
  filter.outcomes = {"refused"};
  CHECK(exported(recording, {"id"}, {}, filter) == "4\n");
}

TEST_CASE("only a connection of two known ends has a Community ID", "[report]") {
  GivenRecording recording;
  recording.add(closed_connection(1)
                    .from(1)
                    .to(2)
                    .local("::ffff:128.232.110.120", 34855)
                    .remote("::ffff:66.35.250.204", 80));
  recording.add(listener(2, 80).from(1));
  recording.add(open_connection(3).from(1).local("0.0.0.0", 0));
  CHECK(exported(recording, {"id", "community_id"}) ==
        "1|1:LQU9qZlK+B5F3KDmev6m5PMibrg=\n2|-\n3|-\n");
}

TEST_CASE("an export gives a connection the same identifier again", "[report]") {
  GivenRecording recording;
  add_peers(recording);
  const auto first = exported(recording, {"event_id"});
  CHECK(exported(recording, {"event_id"}) == first);
  CHECK(first.substr(0, 1) == "C");
  CHECK(first.find('\n') == 18);
  CHECK(std::count(first.begin(), first.end(), '\n') == 7);
}

TEST_CASE("Zeek's state of a connection says no more than is known", "[report]") {
  GivenRecording recording;
  const auto traced = SeenBy::trace;
  recording.add(closed_connection(1).from(1).to(2));
  recording.add(open_connection(2).from_before().from(1));
  recording.add(closed_connection(3).from(1).to(2).ending(Outcome::refused));
  recording.add(open_connection(4).from(1).through({syn_sent}));
  recording.add(open_connection(5).from(1));
  recording.add(open_connection(6).from(1).through({established, close_wait}));
  recording.add(accepted(7, 80).from(1).through({established, close_wait}));
  recording.add(open_connection(8).from(1).through({established, fin_wait_2}));
  recording.add(closed_connection(9).from(1).to(2).ending(Outcome::reset).seen_by(traced));
  recording.add(accepted(10, 80).from(1).to(2).ending(Outcome::reset).seen_by(traced));
  recording.add(closed_connection(11).from(1).to(2).ending(Outcome::reset));
  recording.add(closed_connection(12).from(1).to(2).ending(Outcome::aborted));
  recording.add(accepted(13, 80).from(1).to(2).ending(Outcome::aborted));
  recording.add(closed_connection(14).from(1).to(2).ending(Outcome::timed_out));
  recording.add(closed_connection(15)
                    .from(1)
                    .to(2)
                    .ending(Outcome::unknown)
                    .because(UnknownOutcome::peer_end_unseen));
  recording.add(closed_connection(16)
                    .from(1)
                    .to(2)
                    .ending(Outcome::unknown)
                    .because(UnknownOutcome::not_noticed));
  recording.add(closed_connection(17)
                    .from(1)
                    .to(2)
                    .ending(Outcome::aborted)
                    .because(UnknownOutcome::caller_gave_up));
  recording.add(open_connection(18).from(1).over(Protocol::udp));
  recording.add(
      open_connection(19).from(1).going(Direction::unknown).through({established, close_wait}));
  CHECK(exported(recording, {"id", "conn_state", "event_types", "event_outcome"}) ==
        "1|SF|connection,start,end|success\n"
        "2|OTH|connection|unknown\n"
        "3|REJ|connection,start,end,denied|failure\n"
        "4|S0|connection,start|unknown\n"
        "5|S1|connection,start|unknown\n"
        "6|S3|connection,start|unknown\n"
        "7|S2|connection,start|unknown\n"
        "8|S2|connection,start|unknown\n"
        "9|RSTR|connection,start,end|failure\n"
        "10|RSTO|connection,start,end|unknown\n"
        "11|OTH|connection,start,end|failure\n"
        "12|RSTO|connection,start,end|unknown\n"
        "13|RSTR|connection,start,end|unknown\n"
        "14|S1|connection,start,end|failure\n"
        "15|S2|connection,start,end|unknown\n"
        "16|OTH|connection,start,end|unknown\n"
        "17|S0|connection,start,end|failure\n"
        "18|OTH|connection,start|unknown\n"
        "19|OTH|connection,start|unknown\n");
}

TEST_CASE("who talks to whom, the busiest first", "[report]") {
  GivenRecording recording;
  add_peers(recording);
  auto reader = recording.open();
  const std::vector<std::string> columns{
      "program", "direction", "protocol", "peer", "port", "connections", "failed"};
  CHECK(answer_rows(Answer{"", {report::talks(reader, {}, 100)}, {}}, columns, 0) ==
        "api|outbound|tcp|203.0.113.9|443|2|1\n"
        "-|inbound|tcp|192.0.2.9|80|1|0\n"
        "api|outbound|tcp|2001:db8::1|443|1|0\n"
        "api|outbound|tcp|fe80::1|443|1|0\n"
        "web|inbound|tcp|198.51.100.7|80|1|0\n");
  const auto few = report::talks(reader, {}, 2);
  CHECK(few.rows.size() == 2);
  CHECK(few.total == 5);
}

TEST_CASE("connections by their ends", "[report]") {
  GivenRecording recording;
  add_peers(recording);
  auto reader = recording.open();
  CHECK(answer_rows(Answer{"", {report::counts(reader, {})}, {}},
                    {"protocol", "direction", "outcome", "state", "connections", "bytes_sent"},
                    0) ==
        "tcp|inbound|closed|-|2|10\n"
        "tcp|listen|open|LISTEN|1|-\n"
        "tcp|outbound|closed|-|1|30\n"
        "tcp|outbound|open|ESTABLISHED|2|-\n"
        "tcp|outbound|refused|-|1|-\n");
}

TEST_CASE("a packet filter is as fine as its length allows", "[report]") {
  GivenRecording recording;
  add_peers(recording);
  auto reader = recording.open();
  const auto ends = [&](std::int64_t limit) {
    const auto table = report::packet_ends(reader, {}, limit);
    return table.name + "\n" +
           answer_rows(Answer{"", {table}, {}},
                       {"protocol", "local_ip", "local_port", "remote_ip", "remote_port"},
                       0);
  };
  CHECK(ends(6) ==
        "exact_ends\n"
        "tcp|-|40005|2001:db8::1|443\n"
        "tcp|192.0.2.1|80|192.0.2.9|7\n"
        "tcp|192.0.2.1|80|198.51.100.7|50002\n"
        "tcp|192.0.2.1|40003|203.0.113.9|443\n"
        "tcp|192.0.2.1|40004|203.0.113.9|443\n"
        "tcp|fe80::2|40007|fe80::1|443\n");
  CHECK(ends(5) ==
        "service_ends\n"
        "tcp|-|-|2001:db8::1|443\n"
        "tcp|-|-|203.0.113.9|443\n"
        "tcp|-|-|fe80::1|443\n"
        "tcp|-|80|192.0.2.9|-\n"
        "tcp|-|80|198.51.100.7|-\n");
  CHECK(report::packet_ends(reader, {}, 2).rows.size() == 3);  // more than the limit
}

}  // namespace netlog_tests::report_export_test

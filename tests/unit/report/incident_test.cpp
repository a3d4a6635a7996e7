// SPDX-License-Identifier: MIT
#include "report/incident.hpp"

#include "os/files.hpp"
#include "render/data_json.hpp"
#include "report/report.hpp"
#include "store/clip/clip.hpp"
#include "store/clip/redaction.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <limits>

namespace netlog_tests::report_incident_test {

using namespace netlog;
using netlog::report::Filter;
using netlog::report::incident_reports;
using netlog::report::IncidentOptions;
using netlog::report::read_incident;
using netlog::test::accepted;
using netlog::test::answer_rows;
using netlog::test::closed_connection;
using netlog::test::GivenRecording;
using netlog::test::listener;
using netlog::test::open_connection;
using enum TcpState;

namespace {

/// The columns of one table of the incident, as answer_rows().
std::string rows_of(const Incident& incident,
                    std::string_view name,
                    const std::vector<std::string>& columns) {
  for (const auto& table : incident.tables) {
    if (table.name == name) {
      return answer_rows(Answer{"", {table}, {}}, columns, incident.completeness.from_ns);
    }
  }
  return "no such table";
}

Incident incident_of(GivenRecording& recording, const Filter& filter, std::int64_t most = 100) {
  auto reader = recording.open();
  return read_incident(
      reader, filter, IncidentOptions{most, std::vector<std::string>{}, 100, {}, {}});
}

Filter window(double from, double to) {
  Filter filter;
  filter.since_ns = test::Given::ns(from);
  filter.until_ns = test::Given::ns(to);
  return filter;
}

}  // namespace

TEST_CASE("a page of a file with impossible times asks for a window", "[report]") {
  GivenRecording recording;
  recording.add(closed_connection(1).from(10).to(20));
  Filter filter;
  filter.since_ns = GENERATE(std::numeric_limits<std::int64_t>::min(), -2'000'000'000'000'000'000);
  filter.until_ns = std::numeric_limits<std::int64_t>::max();
  CHECK_THROWS_WITH(incident_of(recording, filter), test::contains_text("choose a window"));
}

TEST_CASE("a page has connections in the order of their begin, and all their events", "[report]") {
  GivenRecording recording;
  recording.process(1, "api", 0);
  recording.add(
      closed_connection(2).by(1).from(20).to(30).within(1).through({syn_sent, established}));
  recording.add(closed_connection(1).from(10).to(12).ending(Outcome::refused));
  recording.add(open_connection(3).from_before().from(5));
  const auto incident = incident_of(recording, window(0, 50));
  CHECK(incident.connections == 3);
  CHECK(rows_of(incident,
                "connections",
                {"id",
                 "began_ns",
                 "open_error_ns",
                 "ended_ns",
                 "close_error_ns",
                 "outcome",
                 "trouble"}) ==
        "3|5|-|-|-|open|-\n"
        "1|10|0|12|0|refused|refused\n"
        "2|20|0|30|1000000000|closed|-\n");
  CHECK(rows_of(incident, "events", {"connection", "after_ns", "error_ns", "kind", "new"}) ==
        "0|0|0|present|ESTABLISHED\n"
        "1|0|0|open|ESTABLISHED\n"
        "1|2000000000|0|close|CLOSED\n"
        "2|0|0|open|SYN_SENT\n"
        "2|5000000000|0|state|ESTABLISHED\n"
        "2|10000000000|1000000000|close|CLOSED\n");
  CHECK(rows_of(incident, "processes", {"name", "pid"}) == "api|1\n");
}

TEST_CASE("the time series of a page count what is open, opened and failed", "[report]") {
  GivenRecording recording;
  recording.add(listener(9, 80).from(1));
  recording.add(closed_connection(1).from(10).to(50).through({syn_sent, established}));
  recording.add(closed_connection(2).from(10).to(12).ending(Outcome::refused));
  recording.add(closed_connection(3).from(10).to(30).ending(Outcome::reset));
  recording.add(open_connection(4).from_before().from(5));
  const auto incident = incident_of(recording, window(0, 72));
  REQUIRE(incident.bucket_ns == 100'000'001);  // 720 of them
  CHECK(rows_of(incident, "open", {"bucket", "state", "change"}) ==
        "49|ESTABLISHED|1\n"
        "99|SYN_SENT|1\n"
        "99|ESTABLISHED|2\n"
        "119|ESTABLISHED|-1\n"
        "299|SYN_SENT|-1\n"
        "499|ESTABLISHED|-1\n");
  CHECK(rows_of(incident, "rates", {"bucket", "opened", "failed", "reset"}) ==
        "99|3|0|0\n"
        "119|0|1|0\n"
        "299|0|0|1\n");
}

TEST_CASE("what goes on after the window is open in it", "[report]") {
  GivenRecording recording;
  recording.add(closed_connection(1).from(10).to(50).moving(1, 2).ending(Outcome::reset));
  const auto incident = incident_of(recording, window(20, 40));
  CHECK(rows_of(incident, "connections", {"ended_ns", "outcome", "trouble", "bytes_sent"}) ==
        "-|open|-|-\n");
  CHECK(rows_of(incident, "events", {"kind"}) == "open\n");
  CHECK(rows_of(incident, "open", {"bucket", "state", "change"}) == "0|ESTABLISHED|1\n");
  CHECK(rows_of(incident, "rates", {"bucket"}).empty());
}

TEST_CASE("of too many connections a page has those with trouble, and others evenly", "[report]") {
  GivenRecording recording;
  for (int id = 1; id <= 20; ++id) {
    auto one = closed_connection(id).from(id).to(id + 1);
    recording.add(id % 10 == 3 ? one.ending(Outcome::refused) : one);
  }
  CHECK(rows_of(incident_of(recording, {}, 5), "connections", {"id"}) == "3\n7\n13\n14\n20\n");
  CHECK(rows_of(incident_of(recording, {}, 1), "connections", {"id"}) == "13\n");
  CHECK(incident_of(recording, {}, 5).connections == 20);
}

TEST_CASE("a page knows which gaps nobody looked in", "[report]") {
  GivenRecording recording;
  recording.gap(10, 20, "skipped ticks").gap(30, 31, "missed closes").gap(90, 95, "skipped ticks");
  CHECK(rows_of(incident_of(recording, window(0, 50)),
                "gaps",
                {"from_ns", "to_ns", "reason", "blind"}) ==
        "10|20|skipped ticks|1\n"
        "30|31|missed closes|0\n");
}

TEST_CASE("a page has every report that says something about any window", "[report]") {
  GivenRecording recording;
  recording.process(1, "api", 0);
  recording.add(closed_connection(1).by(1).from(10).to(12));
  auto reader = recording.open();
  const auto incident = read_incident(reader, {}, IncidentOptions{10, std::nullopt, 10, {}, {}});
  std::vector<std::string> names;
  for (const auto& report : incident.reports) {
    names.push_back(report.report);
  }
  CHECK(names == incident_reports({}));
  CHECK(names.front() == "overview");
  CHECK(incident.reports[0].about.starts_with("what happened in the window"));
  CHECK(incident.left_out.empty());
  Filter filter;
  filter.port = std::uint16_t{443};
  const auto of_port = incident_reports(filter);
  CHECK(std::find(of_port.begin(), of_port.end(), "lookups") == of_port.end());
}

TEST_CASE("a page of a redacted clip has no name that was replaced", "[report]") {
  GivenRecording recording;
  recording.process(1, "secret-name", 0).called("run --password secret-word");
  recording.add(closed_connection(1).by(1).from(10).to(12).remote("198.51.100.77", 443));
  recording.open();
  const test::Scratch scratch;
  store::ClipOptions clip;
  clip.connections.push_back({"1", {}});
  clip.redaction = store::RedactionOptions{store::key_of(std::string(32, 'k')), {}};
  REQUIRE(os::create_private_file(scratch / "clip.db").has_value());
  store::clip(recording.path(), scratch / "clip.db", clip, [] { return true; });
  store::Reader reader{scratch / "clip.db"};
  const auto incident = read_incident(reader, {}, IncidentOptions{10, std::nullopt, 10, {}, {}});
  const auto json = render::incident_json(incident) + render::reports_json(incident);
  CHECK(json.find(R"("name":"connections","title":"Connections","rows":1)") != std::string::npos);
  for (const auto* const secret : {"secret", "198.51.100.77", "host1"}) {
    CHECK(json.find(secret) == std::string::npos);
  }
}

}  // namespace netlog_tests::report_incident_test

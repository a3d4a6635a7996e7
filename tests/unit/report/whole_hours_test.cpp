// SPDX-License-Identifier: MIT
// Long windows, whose whole hours are answered from sums.
#include "report/whole_hours.hpp"

#include "report/granularity.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"
#include "store/write/writer.hpp"
#include "support/answer_rows.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "support/server_lives.hpp"

#include <optional>
#include <string>
#include <vector>

namespace netlog_tests::report_whole_hours_test {

using namespace netlog;
using namespace netlog::report;
using namespace netlog::test::server_lives;

namespace {

constexpr std::int64_t kFirstHour = 100;
constexpr std::int64_t kHours = 8;
constexpr std::int64_t kMinute = 60 * kSecond;

/// Minutes after the beginning of the recording, UTC ns.
constexpr std::int64_t minute(std::int64_t minutes) {
  return (kFirstHour * 60 + minutes) * kMinute;
}

/// Eight hours with a connection of two seconds every ten minutes, and one from 1:25 to 5:15.
void record(const std::filesystem::path& path) {
  Writer writer{path, session(minute(0) / kSecond), {}};
  std::vector<Item> items{server()};
  ConnectionId id = 1;
  for (std::int64_t at = 5; at < kHours * 60; at += 10) {
    const auto one = open_connection(++id, minute(at) / kSecond);
    items.emplace_back(opens(one));
    items.emplace_back(closes(one, minute(at) + 2 * kSecond));
    if (at == 85) {
      items.emplace_back(opens(open_connection(1, minute(at) / kSecond)));
    } else if (at == 315) {
      items.emplace_back(closes(open_connection(1, minute(85) / kSecond), minute(at)));
    }
  }
  items.emplace_back(Heartbeat{minute(kHours * 60), {}});
  writer.push(std::move(items));
  writer.finish(minute(kHours * 60));
}

/// Deletes what ended before that minute, as retention does.
void delete_until(const std::filesystem::path& path, std::int64_t at) {
  SQLite::Database database{path.string(), SQLite::OPEN_READWRITE};
  database.exec(fmt::format(
      "DELETE FROM connection WHERE closed_ns <= {0}; INSERT INTO gap (session_id, from_ns, "
      "to_ns, source, reason, lost) SELECT 1, started_ns, {0}, 'retention', 'over --max-size', 1 "
      "FROM session",
      minute(at)));
}

Filter window(std::int64_t from, std::int64_t to) {
  Filter filter;
  filter.since_ns = minute(from);
  filter.until_ns = minute(to);
  return filter;
}

std::string answer(const std::filesystem::path& path,
                   std::string_view report,
                   const Filter& filter,
                   Granularity granularity) {
  store::Reader reader{path};
  std::string text;
  for (const auto& table : run_report(reader, report, filter, -1, granularity).tables) {
    text += table.name + "\n";
    for (const auto& row : table.rows) {
      for (std::size_t i = 0; i < row.size(); ++i) {
        text += (i == 0 ? "" : "|") + test::cell_text(row[i], table.columns[i], minute(0));
      }
      text += "\n";
    }
  }
  return text;
}

/// `HOURS SINCE UNTIL` in hours and minutes after the beginning; `-` if the filter stays as it is.
std::string widened(const std::filesystem::path& path, std::string_view report, Filter filter) {
  store::Reader reader{path};
  answer_from_whole_hours(reader, report, filter);
  return filter.hours ? fmt::format("{}..{} {} {}",
                                    filter.hours->from - kFirstHour,
                                    filter.hours->to - kFirstHour,
                                    (filter.since_ns.value_or(0) - minute(0)) / kMinute,
                                    (filter.until_ns.value_or(0) - minute(0)) / kMinute)
                      : "-";
}

}  // namespace

TEST_CASE("a report says the same by whole hours as by connections", "[report][sweep]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path);
  struct Given {
    std::int64_t from;  ///< minutes
    std::int64_t to;
    Hours hours;
  };
  const auto given = GENERATE(Given{60, 420, {1, 7}},
                              Given{50, 385, {1, 6}},   // edges on both sides
                              Given{61, 270, {2, 4}},   // the long one goes on
                              Given{320, 479, {6, 7}},  // it has ended before
                              Given{0, 480, {0, 8}});
  const auto* const report =
      GENERATE("overview", "peers", "dwell", "lifetimes", "closes", "failed", "beacons");
  CAPTURE(report, given.from, given.to);
  const auto by_connections =
      answer(path, report, window(given.from, given.to), Granularity::connections);
  auto filter = window(given.from, given.to);
  filter.hours = Hours{kFirstHour + given.hours.from, kFirstHour + given.hours.to};
  CHECK(answer(path, report, filter, Granularity::processes) == by_connections);
  CHECK(answer(path, report, filter, Granularity::peers) == by_connections);
}

TEST_CASE("a window of deleted connections is widened to whole hours", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path);
  CHECK(widened(path, "peers", window(30, 400)) == "-");  // there are few connections
  delete_until(path, 190);
  CHECK(widened(path, "peers", window(30, 400)) == "0..6 0 400");
  CHECK(widened(path, "peers", window(70, 140)) == "1..3 60 179");
  CHECK(widened(path, "peers", window(130, 140)) == "2..3 120 179");
  CHECK(widened(path, "peers", window(185, 200)) == "3..4 180 239");  // rows of it are missing
  CHECK(widened(path, "peers", window(200, 400)) == "-");
  CHECK(widened(path, "peers", window(130, 130)) == "-");
  CHECK(widened(path, "connections", window(30, 400)) == "-");
  auto states = window(30, 400);
  states.states = {TcpState::close_wait};
  CHECK(widened(path, "peers", states) == "-");
  Filter until;
  until.until_ns = minute(130);
  CHECK(widened(path, "peers", until) == fmt::format("0..3 {} 179", -minute(0) / kMinute));
}

TEST_CASE("sums answer for connections that are deleted", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record(path);
  const auto everything = answer(path, "peers", {}, Granularity::connections);
  const auto five_hours = answer(path, "peers", window(0, 299), Granularity::connections);
  delete_until(path, 190);
  store::Reader reader{path};
  CHECK(choose_granularity(reader, {}) == Granularity::processes);
  CHECK(answer(path, "peers", {}, Granularity::processes) == everything);
  auto filter = window(0, 299);
  answer_from_whole_hours(reader, "peers", filter);
  CHECK(choose_granularity(reader, filter) == Granularity::processes);
  CHECK(answer(path, "peers", filter, Granularity::processes) == five_hours);
  const auto answered = run_report(reader, "peers", filter, -1);
  CHECK(answered.completeness->note.find("from sums by the hour") != std::string::npos);
}

}  // namespace netlog_tests::report_whole_hours_test

// SPDX-License-Identifier: MIT
#include "report/event_feed.hpp"

#include "report/sql_text.hpp"
#include "support/catch.hpp"
#include "support/given_recording.hpp"
#include "support/random_history.hpp"
#include "support/scratch.hpp"

#include <algorithm>
#include <cstdint>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog_tests::report_event_feed_test {

using namespace netlog;
using namespace netlog::report;

namespace {

/// A column of the events that `read` hands over.
template <typename Read>
std::vector<std::int64_t> column(std::size_t place, Read read) {
  std::vector<std::int64_t> found;
  read([&](const std::vector<Cell>& event) {
    found.push_back(std::get<std::int64_t>(event.at(place)));
    return true;
  });
  return found;
}

/// The ids of the events that `read` hands over.
template <typename Read>
std::vector<std::int64_t> ids(Read read) {
  return column(event_columns().size() - 1, read);
}

template <typename Read>
std::vector<std::int64_t> times(Read read) {
  return column(0, read);
}

}  // namespace

TEST_CASE("a feed has the last events, then those that follow", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  store::Reader reader{path};
  EventFeed feed{reader, {}};
  const auto last = times([&](const auto& on_event) { feed.last(3, on_event); });
  CHECK(ids([&](const auto& on_event) { feed.next(on_event); }).empty());

  EventFeed all{reader, {}};
  const auto every = times([&](const auto& on_event) { all.last(1'000'000, on_event); });
  CHECK(std::is_sorted(every.begin(), every.end()));
  REQUIRE(every.size() > 3);
  CHECK(last == std::vector(every.end() - 3, every.end()));

  EventFeed none_yet{reader, {}};
  none_yet.last(0, [](const auto&) { return true; });
  CHECK(ids([&](const auto& on_event) { none_yet.next(on_event); }).empty());
}

TEST_CASE("a clock step of a later boot does not move the events of an earlier one", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  const auto last_of = [](const std::filesystem::path& recording) {
    store::Reader reader{recording};
    EventFeed feed{reader, {}};
    return times([&](const auto& on_event) { feed.last(3, on_event); });
  };
  const auto before = last_of(path);
  SQLite::Database{path.string(), SQLite::OPEN_READWRITE}.exec(
      "INSERT INTO session SELECT 99, host, os, kernel, netlog_version, 'another boot', "
      "utc_offset_s, interval_ns, sources, started_ns, ended_ns, alive_ns, 0, 0, 0 FROM session "
      "LIMIT 1;"
      "INSERT INTO connection (id, session_id, protocol, local_address_id, local_port, direction, "
      "owner_source, first_seen_ns, last_seen_after_ns, gone, outcome, seen_by) SELECT id + 10000, "
      "99, protocol, local_address_id, local_port, direction, owner_source, first_seen_ns, 0, 0, "
      "outcome, seen_by FROM connection ORDER BY id DESC LIMIT 1;"
      "INSERT INTO event SELECT 1000000, (SELECT max(id) FROM connection), 0, max(at_ns) + 1, 0, "
      "NULL, NULL FROM events;"
      "INSERT INTO clock_step VALUES (99, 99, 0, 28800000000000, 1000000)");
  CHECK(last_of(path).back() > before.back());
}

TEST_CASE("a feed has the events of the connections that the filter selects", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  const auto lives = test::random_history(1);
  test::record_history(path, lives);
  store::Reader reader{path};
  Filter filter;
  filter.pids = {11};
  std::size_t expected = 0;
  for (const auto& life : test::selected(lives, filter)) {
    // One as it begins, one for each later state, one as it ends.
    expected += 1 + (life.states.empty() ? 0 : life.states.size() - 1) + (life.closed_ns ? 1 : 0);
  }
  EventFeed feed{reader, filter};
  CHECK(ids([&](const auto& on_event) { feed.last(1'000'000, on_event); }).size() == expected);
}

TEST_CASE("a feed finds the last events of what is rare in a long recording", "[report]") {
  test::GivenRecording recording;
  recording.process(1, "busy", 0).process(2, "rare", 0).process(3, "early", 0);
  for (std::int64_t id = 1; id <= 5; ++id) {
    recording.add(test::closed_connection(id).by(2).from(static_cast<double>(id)).to(9));
  }
  recording.add(test::open_connection(6).by(2).from(8));
  for (std::int64_t id = 7; id <= 1'100; ++id) {  // more than are looked for one by one
    recording.add(
        test::closed_connection(id).by(3).from(1 + 0.001 * static_cast<double>(id)).to(9));
  }
  for (std::int64_t id = 1'101; id <= 5'200; ++id) {
    recording.add(test::closed_connection(id).by(1).from(10).to(20));
  }
  static_cast<void>(recording.rows("gaps", {"reason"}));
  store::Reader reader{recording.path()};
  const auto last =
      [&](const std::vector<std::string>& kinds, std::int64_t count, std::int64_t pid = 2) {
        Filter filter;
        filter.pids = {pid};
        EventFeed feed{reader, filter, kinds};
        const auto found = times([&](const auto& on_event) { feed.last(count, on_event); });
        CHECK(ids([&](const auto& on_event) { feed.next(on_event); }).empty());
        return found;
      };
  using Times = std::vector<std::int64_t>;
  CHECK(last({"open"}, 2) == Times{5'000'000'000, 8'000'000'000});
  CHECK(last({"close"}, 3) == Times(3, 9'000'000'000));
  CHECK(last({}, 1) == Times{9'000'000'000});
  CHECK(last({}, 6).front() == 8'000'000'000);
  CHECK(last({}, 1'000).size() == 11);
  CHECK(last({"owner"}, 2).empty());
  CHECK(last({}, 3, 3) == Times(3, 9'000'000'000));
  CHECK(last({}, 1'100, 3).size() == 1'100);
}

TEST_CASE("a feed with a window has no events from outside it", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  store::Reader reader{path};
  Filter filter;
  filter.since_ns = test::kHistoryBeginNs + 500'000'000'000;
  filter.until_ns = *filter.since_ns + 100'000'000'000;
  EventFeed feed{reader, filter};
  std::int64_t count = 0;
  feed.last(1'000'000, [&](const std::vector<Cell>& event) {
    const auto at_ns = std::get<std::int64_t>(event[0]);
    CHECK(at_ns >= *filter.since_ns);
    CHECK(at_ns - std::get<std::int64_t>(event[1]) <= *filter.until_ns);
    ++count;
    return true;
  });
  CHECK(count == std::get<std::int64_t>(
                     reader
                         .query("SELECT count(*) FROM events WHERE at_ns >= :since AND at_ns - "
                                "error_ns <= :until",
                                {{"since", *filter.since_ns}, {"until", *filter.until_ns}})
                         .cells[0][0]));
  CHECK(count > 10);
}

TEST_CASE("what follows is selected as what was last", "[report]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  test::record_history(path, test::random_history(1));
  store::Reader reader{path};
  const auto given = GENERATE_COPY(as<int>{}, 0, 1, 2, 3, 4);
  CAPTURE(given);
  Filter filter;
  switch (given) {
    case 1:
      filter.pids = {11};
      break;
    case 2:
      filter.protocol = Protocol::udp;
      break;
    case 3:
      filter.states = {TcpState::time_wait};
      break;
    case 4:
      filter.since_ns = 0;
      break;
    default:
      break;
  }
  EventFeed at_once{reader, filter};
  const auto all = ids([&](const auto& on_event) { at_once.last(1'000'000, on_event); });
  EventFeed later{reader, filter};
  CHECK(ids([&](const auto& on_event) { later.next(on_event); }) == all);
  CHECK(ids([&](const auto& on_event) { later.next(on_event); }).empty());
}

TEST_CASE("values take the place of names, but not within texts and comments", "[report]") {
  const store::Parameters parameters{
      {"n", std::int64_t{7}}, {"text", "it's"}, {"real", 1.5}, {"none", Cell{}}};
  CHECK(with_values(":n, :text, :real, :none", parameters) == "7, 'it''s', 1.5, NULL");
  CHECK(with_values("':n' || :n -- :n\n:n", parameters) == "':n' || 7 -- :n\n7");
  CHECK(with_values(":other :nn", parameters) == ":other :nn");
  CHECK(with_values("'open", parameters) == "'open");
}

}  // namespace netlog_tests::report_event_feed_test

// SPDX-License-Identifier: MIT
#include "cli/output/event_text.hpp"

#include "report/event_feed.hpp"
#include "support/catch.hpp"
#include "util/time.hpp"

#include <map>

namespace netlog_tests::cli_event_text_test {

using namespace netlog;
using namespace netlog::cli;
using netlog::test::contains_text;

namespace {

constexpr std::int64_t kAt = 1'795'890'247'250'000'000;  // 2026-11-28T18:24:07.250Z

/// An event with these cells; the others are unknown.
std::vector<Cell> event_with(const std::map<std::string, Cell>& cells) {
  std::vector<Cell> event;
  for (const auto& column : report::event_columns()) {
    const auto found = cells.find(column.name);
    event.push_back(found == cells.end() ? Cell{} : found->second);
  }
  return event;
}

std::vector<Cell> change(std::int64_t at_ns, std::int64_t error_ns = 0) {
  return event_with({{"at_ns", at_ns},
                     {"error_ns", error_ns},
                     {"kind", "state"},
                     {"old", "ESTABLISHED"},
                     {"new", "CLOSE_WAIT"},
                     {"pid", std::int64_t{20'696}},
                     {"process", "python3"},
                     {"protocol", "tcp"},
                     {"local", "127.0.0.1:43210"},
                     {"remote", "198.51.100.7:443"},
                     {"direction", "outbound"}});
}

/// The same with one cell more.
std::vector<Cell> change_with(const std::string& name, const char* text) {
  const auto columns = report::event_columns();
  auto event = change(kAt);
  for (std::size_t i = 0; i < columns.size(); ++i) {
    if (columns[i].name == name) {
      event[i] = text;
    }
  }
  return event;
}

std::vector<Cell> close_as(const char* outcome, const Cell& reason) {
  return event_with({{"at_ns", kAt},
                     {"error_ns", std::int64_t{0}},
                     {"kind", "close"},
                     {"old", "LAST_ACK"},
                     {"new", "CLOSED"},
                     {"pid", std::int64_t{20'696}},
                     {"process", "python3"},
                     {"protocol", "tcp"},
                     {"local", "[2001:db8::1]:8080"},
                     {"remote", "[2001:db8:1:2:3:4:5:6]:56366"},
                     {"direction", "inbound"},
                     {"outcome", outcome},
                     {"outcome_reason", reason},
                     {"duration_ns", std::int64_t{5'340'000'000}},
                     {"bytes_sent", std::int64_t{83}},
                     {"bytes_received", std::int64_t{16'000'000}}});
}

std::string line_of(const std::vector<Cell>& event, std::size_t width) {
  render::TextStyle style;
  style.width = width;
  return EventText{report::event_columns(), style}.lines(event);
}

}  // namespace

TEST_CASE("without a terminal an event has everything in one line", "[cli]") {
  CHECK(line_of(change(kAt), 0) ==
        "2026-11-28 18:24:07.250 state   ESTABLISHED > CLOSE_WAIT python3 20696 127.0.0.1:43210 > "
        "198.51.100.7:443\n");
  CHECK(line_of(close_as("closed", Cell{}), 0) ==
        "2026-11-28 18:24:07.250 close   closed 5.34s 83 B/16 MB  python3 20696 "
        "[2001:db8::1]:8080 < [2001:db8:1:2:3:4:5:6]:56366\n");
}

TEST_CASE("an interpreter is shown by its script", "[cli]") {
  CHECK(line_of(change_with("script", "shop.py"), 0) ==
        "2026-11-28 18:24:07.250 state   ESTABLISHED > CLOSE_WAIT shop.py 20696 127.0.0.1:43210 > "
        "198.51.100.7:443\n");
}

TEST_CASE("a peer is shown by its name, and its address where there is room", "[cli]") {
  const auto event = change_with("remote_name", "web.example");
  CHECK(line_of(event, 0) ==
        "2026-11-28 18:24:07.250 state   ESTABLISHED > CLOSE_WAIT python3 20696 127.0.0.1:43210 > "
        "web.example:443 (198.51.100.7:443)\n");
  CHECK(line_of(event, 105) ==
        "2026-11-28 UTC\n18:24:07.250 state   ESTABLISHED > CLOSE_WAIT python3 20696 :43210 > "
        "web.example:443 (198.51.100.7:443)\n");
  CHECK(line_of(event, 85) ==
        "2026-11-28 UTC\n18:24:07.250 state   ESTABLISHED > CLOSE_WAIT python3 20696 :43210 > "
        "web.example:443\n");
}

TEST_CASE("on a terminal an event fits its width, and what repeats is left out", "[cli]") {
  CHECK(line_of(change(kAt), 80) ==
        "2026-11-28 UTC\n"
        "18:24:07.250 state   ESTABLISHED > CLOSE_WAIT python3 :43210 > 198.51.100.7:443\n");
  for (std::size_t width = 20; width <= 160; ++width) {
    for (const auto& event : {change(kAt),
                              change(kAt, 100'000'000),
                              close_as("timed_out", Cell{}),
                              close_as("unknown", "retransmitting")}) {
      const auto text = line_of(event, width);
      const auto line = text.substr(text.find('\n') + 1);
      CAPTURE(width, line);
      CHECK(render::display_width(line.substr(0, line.size() - 1)) <= width);
    }
  }
}

TEST_CASE("a long end leaves room for the peer", "[cli]") {
  CHECK_THAT(line_of(close_as("unknown", "peer_end_unseen"), 80),
             contains_text(" unknown 5.34s ") && contains_text(":56366\n"));
  CHECK_THAT(line_of(close_as("unknown", "peer_end_unseen"), 90),
             contains_text(" unknown (peer_end_unseen) 5.34s ") && contains_text(":56366\n"));
  CHECK_THAT(line_of(close_as("unknown", "peer_end_unseen"), 100),
             contains_text(" unknown (peer_end_unseen) 5.34s 83 B/16 MB "));
}

TEST_CASE("the date stands before the first event and where it changes", "[cli]") {
  constexpr std::int64_t kSixHours = 6 * 3600 * kNsPerSecond;
  render::TextStyle style;
  style.width = 120;
  EventText text{report::event_columns(), style};
  CHECK_THAT(text.lines(change(kAt)), Catch::Matchers::StartsWith("2026-11-28 UTC\n18:24:07"));
  CHECK_THAT(text.lines(change(kAt)), Catch::Matchers::StartsWith("18:24:07"));
  CHECK_THAT(text.lines(change(kAt + kSixHours)),
             Catch::Matchers::StartsWith("2026-11-29 UTC\n00:24:07"));
}

TEST_CASE("a moment that is not exact has its bound", "[cli]") {
  CHECK_THAT(line_of(change(kAt, 100'000'000), 0),
             Catch::Matchers::StartsWith("2026-11-28 18:24:07.250±100ms state"));
}

}  // namespace netlog_tests::cli_event_text_test

// SPDX-License-Identifier: MIT
// A capture of version 1 replays to the rows that the recorder of that time made of it.
#include "capture/capture_file.hpp"
#include "record/session.hpp"
#include "support/catch.hpp"
#include "support/rows.hpp"
#include "support/scratch.hpp"
#include "util/byte_reader.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <string_view>

namespace netlog_tests::record_replay_test {

using namespace netlog;

namespace {

std::filesystem::path data(const char* name) {
  const char* const source = std::getenv("NETLOG_SOURCE");
  REQUIRE(source != nullptr);
  return std::filesystem::path{source} / "tests" / "unit" / "record" / "data" / name;
}

std::string text_of(const std::filesystem::path& path) {
  std::ifstream in{path, std::ios::binary};
  return {std::istreambuf_iterator<char>{in}, {}};
}

}  // namespace

TEST_CASE("a capture of version 1 replays to the same rows", "[record]") {
  const test::Scratch scratch;
  const auto path = scratch / "a.db";
  record::Observer observer;
  observer.started = [](std::string_view, std::string_view) {};
  record::record_capture(data("version1.nlcap"), path, {}, observer);
  CHECK(test::rows(path,
                   "SELECT connection_id, kind, at_ns, error_ns, old, new, pid FROM events ORDER "
                   "BY connection_id, id") == text_of(data("version1_events.txt")));
  CHECK(test::rows(path,
                   "SELECT id, direction, opened_ns, closed_ns, duration_ns, outcome, "
                   "owner_source FROM connections ORDER BY id") ==
        text_of(data("version1_connections.txt")));
  CHECK(test::rows(path, "SELECT at_ns, step_ns, after_event FROM clock_steps") ==
        "1795896941102413424|-3600000000000|84\n"
        "1795896941942445292|40000000|111\n"
        "1795904142742427686|7200000000000|142\n");
  CHECK(test::rows(path, "SELECT reason, from_ns, to_ns, detail FROM gaps ORDER BY id") ==
        "clock stepped backwards|1795896941102413424|1795900541102413424|by -1h 00m\n"
        "clock stepped forwards|1795896941902445292|1795896941942445292|by 40ms\n"
        "clock stepped forwards|1795896942742427686|1795904142742427686|by 2h 00m\n");
}

TEST_CASE("a capture whose session has no valid interval is refused", "[record]") {
  const test::Scratch scratch;
  const auto* const text = GENERATE("",
                                    "host=a\n",
                                    "interval_ns=0\n",
                                    "interval_ns=-1\n",
                                    "interval_ns=999999\n",
                                    "interval_ns=3600000000001\n",
                                    "interval_ns=99999999999999999999\n");
  CAPTURE(text);
  const auto path = scratch / "a.nlcap";
  {
    capture::CaptureWriter capture{path};
    capture.write({0, Span{5, 5}, capture::SessionText{bytes_of(std::string_view{text})}});
    capture.write({0, Span{6, 6}, capture::TickBegin{}});
    capture.flush();
  }
  CHECK_THROWS_WITH(record::record_capture(path, scratch / "a.db", {}, record::Observer{}),
                    Catch::Matchers::StartsWith("cannot replay " + path.string() +
                                                ": interval_ns of the session"));
  CHECK_FALSE(std::filesystem::exists(scratch / "a.db"));
}

}  // namespace netlog_tests::record_replay_test

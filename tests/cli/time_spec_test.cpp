// SPDX-License-Identifier: MIT
#include "cli/time_spec.hpp"

#include "base/time.hpp"
#include "catch.hpp"

#include <cstdlib>
#include <ctime>

using namespace netlog;
using namespace netlog::cli;

namespace {

/// Sets the zone of the process for one test.
class Zone {
 public:
  explicit Zone(const char* name) {
    ::setenv("TZ", name, 1);
    ::tzset();
  }
  Zone(const Zone&) = delete;
  Zone& operator=(const Zone&) = delete;
  ~Zone() {
    ::unsetenv("TZ");
    ::tzset();
  }
};

std::int64_t utc(const char* text) {
  return resolve(*parse_time(text), 0, Span{});
}

}  // namespace

TEST_CASE("times are read in every documented form", "[cli]") {
  // Central European time without a zone database: DST from the last Sunday of March to that of
  // October.
  const Zone zone{"CET-1CEST,M3.5.0,M10.5.0/3"};
  const auto now = utc("2026-11-21T14:00:00Z");
  const auto anchor = utc("2026-11-20T12:00:00Z");  // 13:00 local: the recording ended yesterday
  const auto [text, expected] = GENERATE(table<const char*, const char*>({
      {"now", "2026-11-21T14:00:00.000000Z"},
      {"-10m", "2026-11-21T13:50:00.000000Z"},
      {"-1.5s", "2026-11-21T13:59:58.500000Z"},
      {"2026-11-21T14:03:07.250Z", "2026-11-21T14:03:07.250000Z"},
      {"2026-11-21T14:03:07.25+01:00", "2026-11-21T13:03:07.250000Z"},
      {"2026-11-21 14:03:07-05:30", "2026-11-21T19:33:07.000000Z"},
      {"2026-11-21T14:03", "2026-11-21T13:03:00.000000Z"},
      {"2026-07-01T14:03:07", "2026-07-01T12:03:07.000000Z"},
      {"2026-11-21", "2026-11-20T23:00:00.000000Z"},
      {"12:59", "2026-11-20T11:59:00.000000Z"},
      {"13:00:00", "2026-11-20T12:00:00.000000Z"},
      {"13:00:00.001", "2026-11-19T12:00:00.001000Z"},  // not yet then: the day before
  }));
  CAPTURE(text);
  const auto spec = parse_time(text);
  REQUIRE(spec.has_value());
  CHECK(iso8601_utc(resolve(*spec, now, Span{anchor - 3 * 86'400 * kNsPerSecond, anchor})) ==
        expected);
}

TEST_CASE("what is no time is refused", "[cli]") {
  const auto* const text = GENERATE("",
                                    "yesterday",
                                    "25:00",
                                    "14:60",
                                    "14",
                                    "1:2",
                                    "14:03:61",
                                    "14:03:07.",
                                    "14:03:07.1234567890",
                                    "-",
                                    "-10",
                                    "-10x",
                                    "+10m",
                                    "2026-02-30",
                                    "2026-13-01",
                                    "2026-11-21T",
                                    "2026-11-21T14:03:07+1",
                                    "2026-11-21x14:03",
                                    "2026-11-21T14:03:07ZZ",
                                    "14:0-3",
                                    "--10m",
                                    "99999999-01-01");
  CAPTURE(text);
  CHECK_FALSE(parse_time(text).has_value());
}

TEST_CASE("ranges are two times", "[cli]") {
  const auto range = parse_time_range("2026-11-21T14:00:00Z..2026-11-21T14:05:00Z");
  REQUIRE(range.has_value());
  CHECK(resolve(range->second, 0, Span{}) - resolve(range->first, 0, Span{}) == 300 * kNsPerSecond);
  CHECK(parse_time_range("-10m..now").has_value());
  CHECK_FALSE(parse_time_range("14:00").has_value());
  CHECK_FALSE(parse_time_range("14:00..").has_value());
}

TEST_CASE("the local offset follows daylight saving", "[cli]") {
  const Zone zone{"CET-1CEST,M3.5.0,M10.5.0/3"};
  CHECK(local_offset_s(utc("2026-11-21T14:00:00Z")) == 3600);
  CHECK(local_offset_s(utc("2026-07-01T14:00:00Z")) == 7200);
}

TEST_CASE(
    "a clock time means the moment nearest to the recording, and an end comes after its begin",
    "[cli]") {
  // Recorded from 09:18:11 to 09:18:31 of a day in UTC.
  const auto day = *ns_from_civil(CivilTime{2026, 11, 21, 0, 0, 0, 0});
  const auto at = [&](int hour, int minute, int second) {
    return day + ((hour * 60 + minute) * 60 + second) * kNsPerSecond -
           local_offset_s(day) * kNsPerSecond;
  };
  const Span recorded{at(9, 18, 11), at(9, 18, 31)};
  CHECK(resolve(*parse_time("09:18:20"), 0, recorded) == at(9, 18, 20));
  CHECK(resolve(*parse_time("09:18:50"), 0, recorded) == at(9, 18, 50));
  CHECK(resolve(*parse_time("09:10"), 0, recorded) == at(9, 10, 0));
  CHECK(resolve(*parse_time("23:00"), 0, recorded) == at(-1, 0, 0));
  CHECK(resolve_end(*parse_time("09:19"), at(9, 18, 0), 0, recorded) == at(9, 19, 0));
  CHECK(resolve_end(*parse_time("00:10"), at(23, 50, 0), 0, recorded) == at(24, 10, 0));
}

// SPDX-License-Identifier: MIT
#include "cli/options/time_spec.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <cstdlib>
#include <ctime>

namespace netlog_tests::cli_time_spec_test {

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
      {"now-5m", "2026-11-21T13:55:00.000000Z"},
      {"now + 5m", "2026-11-21T14:05:00.000000Z"},
      {"now+10000w", "2218-07-18T14:00:00.000000Z"},
      {"-1h30m", "2026-11-21T12:30:00.000000Z"},
      {"2m 05s ago", "2026-11-21T13:57:55.000000Z"},
      {"-1w", "2026-11-14T14:00:00.000000Z"},
      {"9:05", "2026-11-20T08:05:00.000000Z"},
      {"12:59Z", "2026-11-19T12:59:00.000000Z"},
      {"12:59:00.5+05:45", "2026-11-20T07:14:00.500000Z"},
      {"12:59:00.5+05:30", "2026-11-20T07:29:00.500000Z"},
      {"today", "2026-11-20T23:00:00.000000Z"},
      {"yesterday", "2026-11-19T23:00:00.000000Z"},
      {"Yesterday 9:05", "2026-11-20T08:05:00.000000Z"},
      {"yesterday 9:05 UTC", "2026-11-20T09:05:00.000000Z"},
      {"@1795890350", "2026-11-28T18:25:50.000000Z"},
      {"@1795890350.25", "2026-11-28T18:25:50.250000Z"},
      {"1795890350123456789", "2026-11-28T18:25:50.123456Z"},
      {"2026-11-28T18:24:07+0100", "2026-11-28T17:24:07.000000Z"},
      {"2026-11-28 18:24:07.123456+01", "2026-11-28T17:24:07.123456Z"},
      {"2026-11-28 18:24:07.123 +01:00", "2026-11-28T17:24:07.123000Z"},
      {"2026-11-28 18:24:07.123UTC", "2026-11-28T18:24:07.123000Z"},
      {"2026-11-28T18:24:07,123456789+00:00", "2026-11-28T18:24:07.123456Z"},
      {"2026-11-28 18:24:07,123", "2026-11-28T17:24:07.123000Z"},
      {"2026/11/28 18:24:07", "2026-11-28T17:24:07.000000Z"},
      {"[28/Nov/2026:18:24:07 +0100]", "2026-11-28T17:24:07.000000Z"},
      {"Sat, 28 Nov 2026 18:24:07 +0100", "2026-11-28T17:24:07.000000Z"},
      {"Sat, 28 Nov 2026 18:24:07 GMT", "2026-11-28T18:24:07.000000Z"},
      {"Sat Nov 28 18:24:07 2026", "2026-11-28T17:24:07.000000Z"},
      {"Sat Nov 28 18:24:07 CET 2026", "2026-11-28T17:24:07.000000Z"},
      {"Sat Nov 28 18:24:07 UTC 2026", "2026-11-28T18:24:07.000000Z"},
      {"Sat 28 Nov 2026 06:24:07 PM CET", "2026-11-28T17:24:07.000000Z"},
      {"Nov 19 18:24:07", "2026-11-19T17:24:07.000000Z"},
      {"Dec 31 18:24:07", "2025-12-31T17:24:07.000000Z"},  // that of 2026 is in the future
      {"11-19 18:24:07", "2026-11-19T17:24:07.000000Z"},   // netlog on a narrow terminal
      {"2026-11-19 18:24:07.123±9.64ms", "2026-11-19T17:24:07.123000Z"},
      {"2026-11-19 18:24:07.123+-1.5s", "2026-11-19T17:24:07.123000Z"},
  }));
  CAPTURE(text);
  const auto spec = parse_time(text);
  REQUIRE(spec.has_value());
  CHECK(iso8601_utc(resolve(*spec, now, Span{anchor - 3 * 86'400 * kNsPerSecond, anchor})) ==
        expected);
}

TEST_CASE("what is no time is refused", "[cli]") {
  const auto* const text = GENERATE("",
                                    "yesterdays",
                                    "now-",
                                    "now5m",
                                    "5m",
                                    "-30m1h",
                                    "@",
                                    "@1795890350123",
                                    "1795890350",
                                    "1795890350123",
                                    "14:03-05",
                                    "04:10-04:12",  // a range
                                    "2026-11-28T04:10+00:01",
                                    "now+15000w",  // after 2262
                                    "11-21",
                                    "28.11.2026",
                                    "11/28/2026 14:03",
                                    "Sun, 28 Nov 2026 18:24:07 +0100",  // it was a Saturday
                                    "Sat Nov 28 18:24:07 PST 2026",     // another zone's name
                                    "Nov 31 18:24:07",
                                    "Nov 28 Nov 18:24:07",
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
  CHECK(resolve(*range->to, 0, Span{}) - resolve(*range->from, 0, Span{}) == 300 * kNsPerSecond);
  CHECK(parse_time_range("-10m..now").has_value());
  CHECK(parse_time_range(" 14:00 .. 14:05 ").has_value());
  CHECK_FALSE(parse_time_range("14:00").has_value());
  CHECK_FALSE(parse_time_range("..").has_value());
  CHECK_FALSE(parse_time_range("14:00..x").has_value());
  CHECK_FALSE(parse_time_range("x..14:00").has_value());
}

TEST_CASE("a range may be open at one end", "[cli]") {
  const auto from = parse_time_range("14:00..");
  REQUIRE(from.has_value());
  CHECK(from->from.has_value());
  CHECK_FALSE(from->to.has_value());
  const auto to = parse_time_range("..@1795890350");
  REQUIRE(to.has_value());
  CHECK_FALSE(to->from.has_value());
  CHECK(to->to == std::optional<TimeSpec>{Utc{1'795'890'350 * kNsPerSecond}});
}

TEST_CASE("both ends of the window that a report prints are in the zone that it names", "[cli]") {
  const Zone zone{"CET-1CEST,M3.5.0,M10.5.0/3"};
  const auto [text, began, ended] = GENERATE(table<const char*, const char*, const char*>({
      {"2026-11-28 23:07:36.635 .. 2026-11-28 23:07:46.707 UTC",
       "2026-11-28T23:07:36.635Z",
       "2026-11-28T23:07:46.707Z"},
      {"2026-11-28 23:07:36.635 .. 2026-11-28 23:07:46.707 +01:00",
       "2026-11-28T22:07:36.635Z",
       "2026-11-28T22:07:46.707Z"},
      {"2026-10-25 01:30:00.000+02:00 .. 2026-10-25 03:30:00.000+01:00",
       "2026-10-24T23:30:00Z",
       "2026-10-25T02:30:00Z"},
  }));
  const auto range = parse_time_range(text);
  REQUIRE(range.has_value());
  CHECK(resolve(*range->from, 0, Span{}) == utc(began));
  CHECK(resolve(*range->to, 0, Span{}) == utc(ended));
}

TEST_CASE("without a zone the zone that is meant is used", "[cli]") {
  const Zone zone{"CET-1CEST,M3.5.0,M10.5.0/3"};
  const auto* const text = GENERATE("2026-11-28 18:24:07", "Sat, 28 Nov 2026 18:24:07", "18:24:07");
  const auto at = utc("2026-11-28T18:24:07Z");
  CHECK(resolve(*parse_time(text, 0), at, Span{at, at}) == at);
}

TEST_CASE("what is no time comes with the form that may be meant", "[cli]") {
  CHECK(time_hint("1795890350") == "; seconds since 1970 are written @1795890350");
  CHECK(time_hint("1795890350123") == "; seconds since 1970 are written @1795890350.123");
  CHECK(time_hint("1795890350.123456") == "; seconds since 1970 are written @1795890350.123456");
  CHECK(time_hint("1.5").empty());
  CHECK(time_hint("10m") == "; so long ago is written -10m");
  CHECK(time_hint("noon").empty());
  CHECK(time_hint("04:10-04:12") == "; a range is written 04:10..04:12");
  CHECK(time_hint("2026-11-28 04:10:00 - 04:12:00") ==
        "; a range is written 2026-11-28 04:10:00..04:12:00");
  CHECK(time_hint("14:03-05").empty());
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
  const auto later = at(200, 0, 0);
  CHECK(resolve(*parse_time("09:18:20"), later, recorded) == at(9, 18, 20));
  CHECK(resolve(*parse_time("09:18:50"), later, recorded) == at(9, 18, 50));
  CHECK(resolve(*parse_time("09:10"), later, recorded) == at(9, 10, 0));
  CHECK(resolve(*parse_time("23:00"), later, recorded) == at(-1, 0, 0));
  // Not in the future, unless the recording is.
  CHECK(resolve(*parse_time("12:00"), at(12, 30, 0), recorded) == at(12, 0, 0));
  CHECK(resolve(*parse_time("12:00"), at(11, 30, 0), recorded) == at(-12, 0, 0));
  CHECK(resolve(*parse_time("09:18:20"), at(-100, 0, 0), recorded) == at(9, 18, 20));
  CHECK(resolve_end(*parse_time("09:19"), at(9, 18, 0), later, recorded) == at(9, 19, 0));
  CHECK(resolve_end(*parse_time("00:10"), at(23, 50, 0), later, recorded) == at(24, 10, 0));
  // The next day is not in the recording: the window ends before it begins, and is refused.
  CHECK(resolve_end(*parse_time("09:18:15"), at(9, 18, 20), later, recorded) == at(9, 18, 15));
  const Span begun_in_between{at(9, 19, 20), at(9, 40, 0)};
  CHECK(resolve_end(*parse_time("09:19"), at(9, 20, 0), later, begun_in_between) == at(9, 19, 0));
  const Span evening{at(0, 0, 0), at(23, 55, 0)};
  CHECK(resolve_end(*parse_time("00:10"), at(23, 50, 0), later, evening) == at(24, 10, 0));
  const Span two_days{at(0, 0, 0), at(40, 0, 0)};
  CHECK(resolve_end(*parse_time("14:00"), at(15, 0, 0), later, two_days) == at(38, 0, 0));
  CHECK(resolve_end(*parse_time("18:00"), at(19, 0, 0), later, two_days) == at(18, 0, 0));
}

namespace {

/// What a question means by a window `since`..`until` (an instant without one), in UTC.
std::string meant(const char* since, const char* until, const Span& recorded) {
  const auto now_ns = recorded.ended_ns + 100'000 * kNsPerSecond;
  const auto from = resolve(*parse_time(since), now_ns, recorded);
  const auto to = until == nullptr ? from : resolve_end(*parse_time(until), from, now_ns, recorded);
  const auto minute = [](std::int64_t ns) { return iso8601_utc(ns).substr(8, 8); };
  return until == nullptr ? minute(from) : minute(from) + ".." + minute(to);
}

}  // namespace

TEST_CASE("the night in which an hour is shown twice", "[cli]") {
  // 02:00 to 03:00 is shown from 00:00 UTC with +02:00 and from 01:00 UTC with +01:00.
  const Zone zone{GENERATE("CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin")};
  const Span whole_night{utc("2026-10-24T20:00:00Z"), utc("2026-10-25T08:00:00Z")};
  const Span until_the_change{utc("2026-10-24T20:00:00Z"), utc("2026-10-25T00:50:00Z")};
  const Span evening_before{utc("2026-10-24T18:00:00Z"), utc("2026-10-24T20:00:00Z")};
  const Span morning_after{utc("2026-10-25T04:00:00Z"), utc("2026-10-25T08:00:00Z")};
  const auto [since, until, recorded, expected] =
      GENERATE_REF(table<const char*, const char*, Span, const char*>({
          // The last one that was recorded, else the nearest.
          {"02:30", nullptr, whole_night, "25T01:30"},
          {"2026-10-25T02:30", nullptr, whole_night, "25T01:30"},
          {"02:30", nullptr, until_the_change, "25T00:30"},
          {"2026-10-25T02:30", nullptr, until_the_change, "25T00:30"},
          {"2026-10-25 02:30", nullptr, evening_before, "25T00:30"},
          {"2026-10-25 02:30", nullptr, morning_after, "25T01:30"},
          // An offset says which.
          {"2026-10-25T02:30+02:00", nullptr, whole_night, "25T00:30"},
          {"2026-10-25T02:30+01:00", nullptr, until_the_change, "25T01:30"},
          {"01:59:59", nullptr, whole_night, "24T23:59"},
          {"03:00", nullptr, whole_night, "25T02:00"},
          // A window ends at the first moment after its beginning that its end can mean.
          {"01:30", "02:30", whole_night, "24T23:30..25T00:30"},
          {"2026-10-25T01:30", "2026-10-25T02:30", whole_night, "24T23:30..25T00:30"},
          {"02:30", "02:45", whole_night, "25T01:30..25T01:45"},
          {"2026-10-25T02:30+02:00", "02:45", whole_night, "25T00:30..25T00:45"},
          {"2026-10-25T02:45+02:00", "02:30", whole_night, "25T00:45..25T01:30"},
          {"01:00", "04:00", whole_night, "24T23:00..25T03:00"},  // four hours
          {"2026-10-25", "2026-10-26", whole_night, "24T22:00..25T23:00"},
          // The day before ends 25 hours after the same time of it.
          {"2026-10-24T12:00", "12:30", whole_night, "24T10:00..24T10:30"},
          {"2026-10-24T12:30", "12:00", whole_night, "24T10:30..25T11:00"},
      }));
  CAPTURE(since, until == nullptr ? "" : until);
  CHECK(meant(since, until, recorded) == expected);
}

TEST_CASE("the night in which an hour is left out", "[cli]") {
  // 02:00 to 03:00 is never shown: +02:00 begins at 01:00 UTC.
  const Zone zone{GENERATE("CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin")};
  const Span recorded{utc("2026-03-28T20:00:00Z"), utc("2026-03-29T08:00:00Z")};
  const auto [since, until, expected] = GENERATE(table<const char*, const char*, const char*>({
      // As long after 01:59 as it says.
      {"02:30", nullptr, "29T01:30"},
      {"2026-03-29T02:30", nullptr, "29T01:30"},
      {"03:30", nullptr, "29T01:30"},
      {"01:59:59", nullptr, "29T00:59"},
      {"03:00", nullptr, "29T01:00"},
      {"01:30", "02:30", "29T00:30..29T01:30"},
      {"01:30", "03:30", "29T00:30..29T01:30"},
      {"01:00", "04:00", "29T00:00..29T02:00"},  // two hours
      {"2026-03-29", "2026-03-30", "28T23:00..29T22:00"},
      // The day before ends 23 hours after the same time of it.
      {"2026-03-28T12:00", "12:30", "28T11:00..28T11:30"},
      {"2026-03-28T12:30", "12:00", "28T11:30..29T10:00"},
  }));
  CAPTURE(since, until == nullptr ? "" : until);
  CHECK(meant(since, until, recorded) == expected);
}

TEST_CASE("zones that change otherwise", "[cli]") {
  // By half an hour; and over midnight, which is the hour that is shown twice or not at all.
  const auto [rules,
              text,
              recorded_until,
              expected] = GENERATE(table<const char*, const char*, const char*, const char*>({
      {"LHST-10:30LHDT-11,M10.1.0,M4.1.0", "2026-04-05T01:45", "2026-04-04T14:50:00Z", "04T14:45"},
      {"LHST-10:30LHDT-11,M10.1.0,M4.1.0", "2026-04-05T01:45", "2026-04-05T12:00:00Z", "04T15:15"},
      {"HAV5HAT,M3.2.0/0,M11.1.0/1", "2026-11-01T00:30", "2026-11-01T12:00:00Z", "01T05:30"},
      {"HAV5HAT,M3.2.0/0,M11.1.0/1", "2026-03-08T00:30", "2026-03-08T12:00:00Z", "08T05:30"},
      {"EST5EDT,M3.2.0,M11.1.0", "2026-11-01T01:30", "2026-11-01T12:00:00Z", "01T06:30"},
      {"UTC0", "2026-11-01T01:30", "2026-11-01T12:00:00Z", "01T01:30"},
  }));
  CAPTURE(rules, text);
  const auto ended = utc(recorded_until);
  const Zone zone{rules};
  CHECK(meant(text, nullptr, Span{ended - 24 * 3600 * kNsPerSecond, ended}) == expected);
}

}  // namespace netlog_tests::cli_time_spec_test

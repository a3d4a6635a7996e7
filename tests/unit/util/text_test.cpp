// SPDX-License-Identifier: MIT
#include "util/text.hpp"

#include "support/catch.hpp"
#include "util/time.hpp"

#include <array>
#include <cstddef>

namespace netlog_tests::util_text_test {

using namespace netlog;

TEST_CASE("hostile bytes become bounded UTF-8", "[util]") {
  const auto [bytes, text] = GENERATE(table<std::string, std::string>({
      {"nginx", "nginx"},
      {"caf\xC3\xA9", "caf\xC3\xA9"},
      {"\xFF\xFE", "\xEF\xBF\xBD\xEF\xBF\xBD"},
      {"a\xC3", "a\xEF\xBF\xBD"},                                                // cut short
      {"\xC0\xAF", "\xEF\xBF\xBD\xEF\xBF\xBD"},                                  // overlong
      {"\xED\xA0\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},                  // surrogate
      {"\xF4\x90\x80\x80", "\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD\xEF\xBF\xBD"},  // above U+10FFFF
      {"\x1b[31m", "\x1b[31m"},  // escaping is the renderer's work
  }));
  CHECK(to_utf8(bytes, 100) == text);
  CHECK(to_utf8("caf\xC3\xA9", 4) == "caf");
  CHECK(to_utf8("abc", 0).empty());
}

TEST_CASE("quoted text is one printable line", "[util]") {
  CHECK(quote("abc") == "'abc'");
  CHECK(quote("a\nb\x1b[0m") == "'a\\x0ab\\x1b[0m'");
  CHECK(quote("\xE2\x80\xAE") == "'\\xe2\\x80\\xae'");
  CHECK(quote(std::string(200, 'x')).size() < 100);
}

TEST_CASE("bytes are pairs of lower-case digits", "[util]") {
  CHECK(hex({}).empty());
  CHECK(hex(std::array{std::byte{0x00}, std::byte{0x0f}, std::byte{0xa0}, std::byte{0xff}}) ==
        "000fa0ff");
}

TEST_CASE("the nearest name is found, a far one is not", "[util]") {
  const std::vector<std::string> names{"overview", "connections", "gaps", "listeners"};
  CHECK(nearest("overveiw", names) == "overview");
  CHECK(nearest("conn", names) == "connections");
  CHECK(nearest("gap", names) == "gaps");
  CHECK_FALSE(nearest("zzzzzz", names).has_value());
}

TEST_CASE("civil time and ns agree", "[util]") {
  CHECK(iso8601_utc(0) == "1970-01-01T00:00:00.000000Z");
  CHECK(iso8601_utc(1'795'269'787'250'000'999) == "2026-11-21T14:03:07.250000Z");
  CHECK(iso8601_utc(951'782'400'000'000'000) == "2000-02-29T00:00:00.000000Z");
  CHECK(ns_from_civil(CivilTime{2026, 11, 21, 14, 3, 7, 250'000'999}) == 1'795'269'787'250'000'999);
  CHECK_FALSE(ns_from_civil(CivilTime{2026, 2, 29, 0, 0, 0, 0}).has_value());
  CHECK_FALSE(ns_from_civil(CivilTime{2026, 2, 1, 24, 0, 0, 0}).has_value());
  for (std::int64_t ns = 0; ns < 4'000'000'000'000'000'000; ns += 86'399'999'999'977) {
    REQUIRE(ns_from_civil(civil_from_ns(ns)) == ns);
  }
}

TEST_CASE("durations are read and printed", "[util]") {
  const auto [text, ns] =
      GENERATE(table<const char*, std::int64_t>({{"0", 0},
                                                 {"100ms", 100'000'000},
                                                 {"1.5s", 1'500'000'000},
                                                 {"10us", 10'000},
                                                 {"2m", 120'000'000'000},
                                                 {"1h", 3'600'000'000'000},
                                                 {"7d", 604'800'000'000'000},
                                                 {"1w", 604'800'000'000'000},
                                                 {"1h30m", 5'400'000'000'000},
                                                 {"2m 05s", 125'000'000'000},
                                                 {"3d 04h", 273'600'000'000'000},
                                                 {"1.5min", 90'000'000'000}}));
  CHECK(parse_duration(text) == ns);
  for (const auto* bad : {"",
                          "1",
                          "ms",
                          "-1s",
                          "1 s",
                          "1.2.3s",
                          "1e3s",
                          "99999999999999h",
                          "30m1h",
                          "1m1m",
                          "1h ",
                          "1h  2m",
                          "200w200y",
                          "16000w"}) {
    CAPTURE(bad);
    CHECK_FALSE(parse_duration(bad).has_value());
  }
  CHECK(format_duration(812) == "812ns");
  CHECK(format_duration(1'250'000) == "1.25ms");
  CHECK(format_duration(100'000'000) == "100ms");
  CHECK(format_duration(3'100'000'000) == "3.1s");
  CHECK(format_duration(125'000'000'000) == "2m 05s");
  CHECK(format_duration(3'720'000'000'000) == "1h 02m");
}

TEST_CASE("what a library says fits on one line", "[util]") {
  CHECK(one_line("near \"x\":\n\tsyntax\x1B[31m error") == "near \"x\":  syntax [31m error");
  CHECK(one_line(std::string(500, 'x')) == std::string(200, 'x'));
}

}  // namespace netlog_tests::util_text_test

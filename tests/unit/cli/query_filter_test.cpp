// SPDX-License-Identifier: MIT
#include "cli/options/query_filter.hpp"

#include "support/catch.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <optional>
#include <string>

namespace netlog_tests::cli_query_filter_test {

using namespace netlog;
using namespace netlog::cli;

namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
const Span kRecorded{1'000 * kSecond, 2'000 * kSecond};
constexpr std::int64_t kNow = 3'000 * kSecond;

QueryOptions with_remote(const std::string& text) {
  QueryOptions options;
  options.remote = text;
  return options;
}

/// The filter's window after resolving these options.
report::Filter window_of(const QueryOptions& options) {
  report::Filter filter;
  resolve_window(parse_time_window(options), kNow, kRecorded, filter);
  return filter;
}

}  // namespace

TEST_CASE("a window with one end beyond the recording is that moment", "[cli]") {
  struct Given {
    std::optional<std::int64_t> since_s, until_s, then_since_s, then_until_s;
  };
  const auto given = GENERATE(values<Given>({{3'000, {}, 3'000, 3'000},
                                             {{}, 500, 500, 500},
                                             {1'500, {}, 1'500, {}},
                                             {{}, 1'500, {}, 1'500},
                                             {3'000, 4'000, 3'000, 4'000},
                                             {{}, {}, {}, {}}}));
  const auto ns = [](std::optional<std::int64_t> s) {
    return s ? std::optional{*s * kSecond} : std::nullopt;
  };
  report::Filter filter;
  filter.since_ns = ns(given.since_s);
  filter.until_ns = ns(given.until_s);
  close_window(filter, kRecorded);
  CHECK(filter.since_ns == ns(given.then_since_s));
  CHECK(filter.until_ns == ns(given.then_until_s));
}

TEST_CASE("--remote takes an address, a block or an endpoint", "[cli]") {
  const auto [text, first, last, port] =
      GENERATE(table<std::string, std::string, std::string, std::optional<std::uint16_t>>({
          {"192.0.2.1", "192.0.2.1", "192.0.2.1", std::nullopt},
          {"192.0.2.0/30", "192.0.2.0", "192.0.2.3", std::nullopt},
          {"192.0.2.1:443", "192.0.2.1", "192.0.2.1", 443},
          {"192.0.2.0/30:443", "192.0.2.0", "192.0.2.3", 443},
          {"2001:db8::1", "2001:db8::1", "2001:db8::1", std::nullopt},
          {"[2001:db8::1]:443", "2001:db8::1", "2001:db8::1", 443},
          {"::1", "::1", "::1", std::nullopt},
      }));
  CAPTURE(text);
  const auto filter = parse_filter(with_remote(text)).filter;
  REQUIRE(filter.remote.size() == 1);
  CHECK(to_string(filter.remote[0].first) == first);
  CHECK(to_string(filter.remote[0].last) == last);
  CHECK(filter.remote_port == port);
}

TEST_CASE("--remote takes a name or a pattern of names", "[cli]") {
  const auto [text, name, port] =
      GENERATE(table<std::string, std::string, std::optional<std::uint16_t>>({
          {"db", "db", std::nullopt},
          {"Web.Example.", "web.example", std::nullopt},
          {"web.example:443", "web.example", 443},
          {"*.EXAMPLE.com", "*.example.com", std::nullopt},
          {"cdn*.example:80", "cdn*.example", 80},
          {"_dns.resolver.arpa", "_dns.resolver.arpa", std::nullopt},
          {"*", "*", std::nullopt},
      }));
  CAPTURE(text);
  const auto filter = parse_filter(with_remote(text)).filter;
  CHECK(filter.remote.empty());
  CHECK(filter.remote_name == name);
  CHECK(filter.remote_port == port);
}

TEST_CASE("--remote refuses what is neither an address nor a name", "[cli]") {
  const auto* const text = GENERATE("[2001:db8::1",
                                    "192.0.2.1:",
                                    ":443",
                                    "a b",
                                    "-x",
                                    "[]:1",
                                    "192.0.2.256",
                                    "10.0.*",
                                    "[a]b",
                                    "web?",
                                    "**",
                                    "na\xC3\xAFve.example",
                                    "a\\032b");
  CAPTURE(text);
  CHECK_THROWS_AS(parse_filter(with_remote(text)), UsageError);
}

TEST_CASE("a window has its own beginning and end", "[cli]") {
  QueryOptions options;
  SECTION("none") {
    CHECK_FALSE(window_of(options).since_ns);
    CHECK_FALSE(window_of(options).until_ns);
  }
  SECTION("--since") {
    options.since = "-10s";
    CHECK(window_of(options).since_ns == kNow - 10 * kSecond);
    CHECK_FALSE(window_of(options).until_ns);
  }
  SECTION("--since A..B") {
    options.since = "1970-01-01T00:20:00Z..1970-01-01T00:21:00Z";
    CHECK(window_of(options).since_ns == 1200 * kSecond);
    CHECK(window_of(options).until_ns == 1260 * kSecond);
  }
  SECTION("--since and --until") {
    options.since = "1970-01-01T00:20:00Z";
    options.until = "now";
    CHECK(window_of(options).since_ns == 1200 * kSecond);
    CHECK(window_of(options).until_ns == kNow);
  }
  SECTION("--at") {
    options.at = "1970-01-01T00:20:00Z";
    CHECK(window_of(options).since_ns == 1200 * kSecond);
    CHECK(window_of(options).until_ns == 1200 * kSecond);
  }
  SECTION("the window to compare with") {
    options.before = "1970-01-01T00:20:00Z..1970-01-01T00:21:00Z";
    options.since = "1970-01-01T00:21:00Z..1970-01-01T00:22:00Z";
    CHECK(window_of(options).before_ns == std::pair{1200 * kSecond, 1260 * kSecond});
    CHECK(window_of(options).until_ns == 1320 * kSecond);
  }
}

TEST_CASE("times that contradict each other are refused", "[cli]") {
  QueryOptions options;
  SECTION("an instant and a window") {
    options.at = "now";
    options.since = "-1h";
  }
  SECTION("two ends of one window") {
    options.since = "-2h..-1h";
    options.until = "now";
  }
  SECTION("an end before the beginning") {
    options.since = "now";
    options.until = "-1h";
  }
  SECTION("one window to compare with") {
    options.before = "-2h..-1h";
    options.since = "now";
  }
  CHECK_THROWS_AS(window_of(options), UsageError);
}

}  // namespace netlog_tests::cli_query_filter_test

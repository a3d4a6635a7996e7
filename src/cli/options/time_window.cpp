// SPDX-License-Identifier: MIT
#include "cli/options/time_window.hpp"

#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <string>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

[[noreturn]] void refuse_time(const char* option, const std::string& text) {
  throw UsageError{fmt::format(
      "{} {} is not a time, such as 14:03, 14:03:07.250, 2026-11-21T14:03:07Z, -10m or now{}; see "
      "`netlog help times`",
      option,
      quote(text),
      time_hint(text))};
}

std::optional<TimeSpec> parse_time_option(const char* option, const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  auto spec = parse_time(text);
  if (!spec) {
    refuse_time(option, text);
  }
  return spec;
}

/// Nothing for a text that is no range, or has one end only.
std::optional<std::pair<TimeSpec, TimeSpec>> parse_whole_range(const std::string& text) {
  const auto range = parse_time_range(text);
  return range && range->from && range->to ? std::optional{std::pair{*range->from, *range->to}}
                                           : std::nullopt;
}

void check_order(std::int64_t since_ns, std::int64_t until_ns) {
  if (since_ns > until_ns) {
    throw UsageError{fmt::format("the window ends before it begins: {} to {}",
                                 iso8601_utc(since_ns),
                                 iso8601_utc(until_ns))};
  }
}

}  // namespace

TimeWindow parse_time_window(const QueryOptions& options) {
  TimeWindow window;
  if (!options.before.empty()) {
    window.before = parse_whole_range(options.before);
    if (!window.before || !parse_whole_range(options.since)) {
      throw UsageError{
          fmt::format("{} and {} are not two windows, such as 13:55..14:00 14:00..14:05",
                      quote(options.before),
                      quote(options.since))};
    }
  }
  if (options.since.find("..") != std::string::npos) {
    const auto range = parse_time_range(options.since);
    if (!range) {
      refuse_time("--since", options.since);
    }
    if (!options.until.empty()) {
      throw UsageError{
          fmt::format("--since {} sets the window's end; leave out --until", quote(options.since))};
    }
    window.since = range->from;
    window.until = range->to;
  } else {
    window.since = parse_time_option("--since", options.since);
    window.until = parse_time_option("--until", options.until);
  }
  if (const auto at = parse_time_option("--at", options.at)) {
    if (window.since || window.until) {
      throw UsageError{"--at is an instant; leave out --since and --until"};
    }
    window.since = at;
    window.until = at;
  }
  return window;
}

void resolve_window(const TimeWindow& window,
                    std::int64_t now_ns,
                    const Span& recorded,
                    report::Filter& filter) {
  if (window.since) {
    filter.since_ns = resolve(*window.since, now_ns, recorded);
  }
  if (window.until && window.since == window.until) {
    filter.until_ns = filter.since_ns;  // an instant
  } else if (window.until) {
    filter.until_ns = filter.since_ns
                          ? resolve_end(*window.until, *filter.since_ns, now_ns, recorded)
                          : resolve(*window.until, now_ns, recorded);
  }
  if (window.before) {
    const auto from_ns = resolve(window.before->first, now_ns, recorded);
    filter.before_ns = {from_ns, resolve_end(window.before->second, from_ns, now_ns, recorded)};
    check_order(filter.before_ns->first, filter.before_ns->second);
  }
  if (filter.since_ns && filter.until_ns) {
    check_order(*filter.since_ns, *filter.until_ns);
  }
}

}  // namespace netlog::cli

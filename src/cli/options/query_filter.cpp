// SPDX-License-Identifier: MIT
#include "cli/options/query_filter.hpp"

#include "cli/options/name_files.hpp"
#include "cli/options/option_values.hpp"
#include "decode/net_names.hpp"
#include "os/clock.hpp"
#include "report/completeness.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <algorithm>
#include <limits>
#include <optional>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

std::optional<std::string> given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

std::int64_t parse_pid(const std::string& text) {
  const auto pid = parse_number<std::uint32_t>(text);
  if (!pid || *pid == 0) {
    throw UsageError{fmt::format("--pid {} is not a process number from 1 to {}",
                                 quote(text),
                                 std::numeric_limits<std::uint32_t>::max())};
  }
  return *pid;
}

std::int64_t parse_netns(const std::string& text) {
  const auto number = parse_number<std::int64_t>(text);
  if (!number || *number <= 0) {
    throw UsageError{
        fmt::format("--netns {} is not the number of a network namespace, which the columns "
                    "`namespace` and, for a process, `readlink /proc/PID/ns/net` show",
                    quote(text))};
  }
  return *number;
}

std::optional<Protocol> parse_protocol(const std::string& text) {
  const auto folded = lower(text);
  if (folded.empty()) {
    return std::nullopt;
  }
  if (folded == "tcp") {
    return Protocol::tcp;
  }
  if (folded == "udp") {
    return Protocol::udp;
  }
  throw UsageError{fmt::format("--protocol {} is neither tcp nor udp", quote(text))};
}

TcpState parse_state(const std::string& text) {
  const auto state = parse_tcp_state(text);
  if (!state) {
    throw UsageError{fmt::format(
        "--state {} is no TCP state{}", quote(text), suggestion(upper(text), state_names()))};
  }
  return *state;
}

std::string parse_outcome(const std::string& text) {
  const auto known = outcome_names();
  auto folded = lower(text);
  std::replace(folded.begin(), folded.end(), '-', '_');
  if (std::find(known.begin(), known.end(), folded) == known.end()) {
    throw UsageError{fmt::format("--outcome {} is none of {}{}",
                                 quote(text),
                                 fmt::join(known, ", "),
                                 suggestion(folded, known))};
  }
  return folded;
}

/// The parts of `HOST:PORT` and `[ADDR]:PORT`; without a port the host is the whole text.
struct HostAndPort {
  std::string_view host;
  std::optional<std::string_view> port;
};
HostAndPort split_endpoint(std::string_view text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos) {
    return {text, std::nullopt};
  }
  if (colon > 0 && text.front() == '[' && text[colon - 1] == ']') {
    return {text.substr(1, colon - 2), text.substr(colon + 1)};
  }
  if (text.find(':') == colon) {
    return {text.substr(0, colon), text.substr(colon + 1)};
  }
  return {text, std::nullopt};  // an IPv6 address
}

[[noreturn]] void refuse_remote(const std::string& text) {
  throw UsageError{
      fmt::format("--remote {} is not an address, a block, a name or an endpoint, such as "
                  "192.0.2.1, 2001:db8::/32, '*.example.com' or 192.0.2.1:443",
                  quote(text))};
}

/// A name of a host, or a pattern of names, in which `*` stands for any text. A name has a letter;
/// `*` alone is every name.
bool is_name_pattern(std::string_view text) {
  auto letters = std::string{text};
  std::replace(letters.begin(), letters.end(), '*', 'x');
  const bool has_letter = std::any_of(text.begin(), text.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
  });
  return (has_letter || text == "*") && decode::is_net_name(letters);
}

/// In lower case and without the dot at its end, as names are recorded.
std::string name_pattern(std::string_view text) {
  auto name = lower(text);
  if (name.size() > 1 && name.back() == '.') {
    name.pop_back();
  }
  return name;
}

/// `HOST`, `HOST:PORT` or `[ADDR]:PORT`, where HOST is an address, a block, a name or a
/// pattern of names.
void parse_remote(const std::string& text, report::Filter& filter) {
  if (text.empty()) {
    return;
  }
  const auto [host, port] = split_endpoint(text);
  if (port && port->empty()) {
    refuse_remote(text);
  }
  if (port) {
    if (filter.remote_port) {
      throw UsageError{
          fmt::format("--remote {} names a port, and so does --remote-port", quote(text))};
    }
    filter.remote_port = parse_port("--remote", *port, filter.protocol);
  }
  if (const auto range = parse_address_range(host)) {
    filter.remote = {*range};
  } else if (is_name_pattern(host)) {
    filter.remote_name = name_pattern(host);
  } else {
    refuse_remote(text);
  }
}

}  // namespace

ParsedFilter parse_filter(const QueryOptions& options) {
  report::Filter filter;
  for (const auto& pid : options.pids) {
    filter.pids.push_back(parse_pid(pid));
  }
  filter.process = given(options.process);
  filter.exe = given(options.exe);
  filter.user = given(options.user);
  filter.protocol = parse_protocol(options.protocol);
  filter.port = parse_port("--port", options.port, filter.protocol);
  filter.local_port = parse_port("--local-port", options.local_port, filter.protocol);
  filter.remote_port = parse_port("--remote-port", options.remote_port, filter.protocol);
  if (!options.netns.empty()) {
    filter.netns = parse_netns(options.netns);
  }
  parse_remote(options.remote, filter);
  for (const auto& state : options.states) {
    filter.states.push_back(parse_state(state));
  }
  for (const auto& outcome : options.outcomes) {
    filter.outcomes.push_back(parse_outcome(outcome));
  }
  return {std::move(filter), parse_time_window(options), {}};
}

report::Filter resolve(const ParsedFilter& parsed, store::Reader& reader) {
  auto filter = parsed.filter;
  const auto now_ns = os::read_wall_clock_ns();
  const auto recorded = report::recorded_span(reader).value_or(Span{now_ns, now_ns});
  resolve_window(parsed.window, now_ns, recorded, filter);
  if (parsed.fixed) {
    filter.since_ns = parsed.fixed->since_ns;
    filter.until_ns = parsed.fixed->until_ns;
  }
  report::answer_as_of_last_sign_of_life(reader, filter);
  filter.now_ns = now_ns;
  return filter;
}

void close_window(report::Filter& filter, const std::optional<Span>& recorded) {
  if (!recorded) {
    return;
  }
  if (!filter.until_ns && filter.since_ns > recorded->ended_ns) {
    filter.until_ns = filter.since_ns;
  }
  if (!filter.since_ns && filter.until_ns && *filter.until_ns < recorded->began_ns) {
    filter.since_ns = filter.until_ns;
  }
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/options/query_options.hpp"

#include "cli/options/option_values.hpp"
#include "cli/options/time_spec.hpp"
#include "decode/net_names.hpp"
#include "os/clock.hpp"
#include "os/files.hpp"
#include "os/name_files.hpp"
#include "os/terminal.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

#include <cstdlib>
#include <iostream>
#include <limits>
#include <map>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

std::string meant(const std::string& text, const std::vector<std::string>& candidates) {
  const auto near = nearest(text, candidates);
  return near ? ", did you mean " + *near + "?" : std::string{};
}

/// What an error says of a file that could not be read.
std::string unreadable(const Result<std::string>& file) {
  return file ? std::string{} : fmt::format(" ({})", file.error().code.message());
}

std::filesystem::path services_path() {
  return os::name_files_directory() / "services";
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

std::optional<std::uint16_t> parse_port(const char* option,
                                        const std::string& text,
                                        std::optional<Protocol> protocol) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto name =
      text.starts_with(':') ? std::string_view{text}.substr(1) : std::string_view{text};
  if (const auto port = parse_number<std::uint16_t>(name); port && *port > 0) {
    return port;
  }
  const auto path = services_path();
  const auto services = os::read_name_file(path);
  if (services) {
    if (const auto port = decode::port_of(decode::parse_services(*services), name, protocol)) {
      return port;
    }
  }
  throw UsageError{fmt::format("{} {} is not a port from 1 to 65535, nor a {}service in {}{}",
                               option,
                               quote(text),
                               protocol ? fmt::format("{} ", netlog::name(*protocol)) : "",
                               utf8(path),
                               unreadable(services))};
}

/// What --resolve gives to a name, else what the hosts file does. The network is never asked.
std::vector<IpAddress> look_up(std::string_view host, const std::vector<decode::HostName>& given) {
  if (auto addresses = decode::addresses_of(given, host); !addresses.empty()) {
    return addresses;
  }
  const auto path = os::name_files_directory() / "hosts";
  const auto hosts = os::read_name_file(path);
  auto addresses =
      hosts ? decode::addresses_of(decode::parse_hosts(*hosts), host) : std::vector<IpAddress>{};
  if (addresses.empty()) {
    throw UsageError{
        fmt::format("--remote {0} is no address, nor a name in {1}{2}; netlog does not ask the "
                    "network, so say which address it was: --resolve {0}=ADDR",
                    host,
                    utf8(path),
                    unreadable(hosts))};
  }
  return addresses;
}

std::vector<decode::HostName> parse_resolve(const std::vector<std::string>& texts) {
  std::vector<decode::HostName> names;
  for (const auto& text : texts) {
    const auto equals = text.find('=');
    const auto host = std::string_view{text}.substr(0, equals);
    const auto address =
        equals == std::string::npos ? std::nullopt : parse_address(text.substr(equals + 1));
    if (!address || !decode::is_net_name(host)) {
      throw UsageError{
          fmt::format("--resolve {} is not NAME=ADDR, such as db=192.0.2.1", quote(text))};
    }
    names.push_back(decode::HostName{lower(host), *address});
  }
  return names;
}

/// `HOST`, `HOST:PORT` or `[ADDR]:PORT`, where HOST is an address, a block or a name.
void parse_remote(const QueryOptions& question, report::Filter& filter) {
  const auto given = parse_resolve(question.resolve);
  const auto& text = question.remote;
  if (text.empty()) {
    return;
  }
  auto host = std::string_view{text};
  const auto colon = host.rfind(':');
  const bool bracketed = host.starts_with("[") && colon > 0 && host[colon - 1] == ']';
  if (colon != std::string_view::npos && (bracketed || host.find(':') == colon)) {
    if (filter.remote_port) {
      throw UsageError{
          fmt::format("--remote {} names a port, and so does --remote-port", quote(text))};
    }
    filter.remote_port =
        parse_port("--remote", std::string{host.substr(colon + 1)}, filter.protocol);
    host = bracketed ? host.substr(1, colon - 2) : host.substr(0, colon);
  }
  if (const auto range = parse_address_range(host)) {
    filter.remote = {*range};
  } else if (decode::is_net_name(host)) {
    for (const auto& address : look_up(host, given)) {
      filter.remote.push_back(AddressRange{address, address});
    }
  } else {
    throw UsageError{
        fmt::format("--remote {} is not an address, a block, a name or an endpoint, such as "
                    "192.0.2.1, 2001:db8::/32, db or 192.0.2.1:443",
                    quote(text))};
  }
}

std::vector<TcpState> parse_states(const std::vector<std::string>& texts) {
  std::vector<TcpState> states;
  for (const auto& text : texts) {
    const auto state = parse_tcp_state(text);
    if (!state) {
      std::string upper = text;
      for (char& c : upper) {
        c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 'a' + 'A') : c;
      }
      throw UsageError{
          fmt::format("--state {} is no TCP state{}", quote(text), meant(upper, state_names()))};
    }
    states.push_back(*state);
  }
  return states;
}

std::optional<TimeSpec> parse_time_option(const char* option, const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto spec = parse_time(text);
  if (!spec) {
    throw UsageError{fmt::format(
        "{} {} is not a time, such as 14:03, 14:03:07.250, 2026-11-21T14:03:07Z, -10m or now",
        option,
        quote(text))};
  }
  return spec;
}

std::optional<std::string> given(const std::string& text) {
  return text.empty() ? std::nullopt : std::optional{text};
}

void check_window(std::int64_t since_ns, std::int64_t until_ns) {
  if (since_ns > until_ns) {
    throw UsageError{fmt::format("the window ends before it begins: {} to {}",
                                 iso8601_utc(since_ns),
                                 iso8601_utc(until_ns))};
  }
}

}  // namespace

std::vector<std::string> format_names() {
  return {"text", "json", "csv"};
}

std::vector<std::string> protocol_names() {
  return {std::string{name(Protocol::tcp)}, std::string{name(Protocol::udp)}};
}

std::vector<std::string> state_names() {
  std::vector<std::string> names;
  for (int number = 1; tcp_state_from_mib(number); ++number) {
    names.emplace_back(name(*tcp_state_from_mib(number)));
  }
  return names;
}

struct ParsedFilter::Times {
  std::optional<TimeSpec> since;
  std::optional<TimeSpec> until;
  std::optional<std::pair<TimeSpec, TimeSpec>> before;
};

void add_database_options(CLI::App& command, QueryOptions& question) {
  command
      .add_option("--db",
                  question.database,
                  "Recording to read (default: $NETLOG_DB, else the system's place)")
      ->type_name("FILE");
  command.add_option("--format", question.format, "text, json or csv")
      ->type_name("FORMAT")
      ->capture_default_str();
  command.add_flag("--utc", question.utc, "Show times in UTC instead of local time");
  command.add_flag(
      "--ascii", question.ascii, "Only ASCII in text, as where the locale is not UTF-8");
}

void add_names_option(CLI::App& command, QueryOptions& question) {
  command.add_flag(
      "--names",
      question.names,
      "Show ports as the names of their services, as text; other formats keep numbers");
}

void add_filter_options(CLI::App& command, QueryOptions& question) {
  constexpr const char* kGroup = "Filters";
  command.add_option("--pid", question.pids, "Owned by this process; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PID")
      ->group(kGroup);
  command
      .add_option("--process",
                  question.process,
                  "Owned by a process of this name, or pattern such as 'post*'")
      ->type_name("PROCESS")
      ->group(kGroup);
  command.add_option("--exe", question.exe, "Owned by this executable, or pattern")
      ->type_name("EXE")
      ->group(kGroup);
  command.add_option("--user", question.user, "Owned by this user, or pattern")
      ->type_name("USER")
      ->group(kGroup);
  command.add_option("--protocol", question.protocol, "tcp or udp")
      ->type_name("PROTOCOL")
      ->group(kGroup);
  command.add_option("--port", question.port, "Local or remote port, or its service's name")
      ->type_name("PORT")
      ->group(kGroup);
  command.add_option("--local-port", question.local_port, "Local port")
      ->type_name("PORT")
      ->group(kGroup);
  command.add_option("--remote-port", question.remote_port, "Remote port")
      ->type_name("PORT")
      ->group(kGroup);
  command
      .add_option("--remote",
                  question.remote,
                  "Remote ADDR, block ADDR/LEN, NAME of the hosts file, or endpoint such as "
                  "ADDR:PORT")
      ->type_name("HOST")
      ->group(kGroup);
  command
      .add_option("--resolve",
                  question.resolve,
                  "NAME=ADDR: what the name means in --remote; may be repeated")
      ->allow_extra_args(false)
      ->type_name("NAME=ADDR")
      ->group(kGroup);
  command
      .add_option("--state",
                  question.states,
                  "Was in this TCP state, within the window if one is given; may be repeated")
      ->allow_extra_args(false)
      ->type_name("STATE")
      ->group(kGroup);
  command
      .add_option("--since",
                  question.since,
                  "Lived at this time or later; A..B sets both ends of the window")
      ->type_name("TIME")
      ->group(kGroup);
  command.add_option("--until", question.until, "Began at this time or earlier")
      ->type_name("TIME")
      ->group(kGroup);
  command.add_option("--at", question.at, "Lived at this instant")
      ->type_name("TIME")
      ->group(kGroup);
}

ParsedFilter::ParsedFilter(const QueryOptions& question) : times_{std::make_unique<Times>()} {
  for (const auto& pid : question.pids) {
    filter_.pids.push_back(parse_pid(pid));
  }
  filter_.process = given(question.process);
  filter_.exe = given(question.exe);
  filter_.user = given(question.user);
  filter_.protocol = parse_protocol(question.protocol);
  filter_.port = parse_port("--port", question.port, filter_.protocol);
  filter_.local_port = parse_port("--local-port", question.local_port, filter_.protocol);
  filter_.remote_port = parse_port("--remote-port", question.remote_port, filter_.protocol);
  parse_remote(question, filter_);
  filter_.states = parse_states(question.states);
  const auto range = parse_time_range(question.since);
  if (!question.before.empty()) {
    times_->before = parse_time_range(question.before);
    if (!times_->before || !range) {
      throw UsageError{
          fmt::format("{} and {} are not two windows, such as 13:55..14:00 14:00..14:05",
                      quote(question.before),
                      quote(question.since))};
    }
  }
  if (range) {
    times_->since = range->first;
    times_->until = range->second;
  } else {
    times_->since = parse_time_option("--since", question.since);
  }
  if (const auto until = parse_time_option("--until", question.until)) {
    times_->until = until;
  }
  if (const auto at = parse_time_option("--at", question.at)) {
    if (times_->since || times_->until) {
      throw UsageError{"--at is an instant; leave out --since and --until"};
    }
    times_->since = at;
    times_->until = at;
  }
}

ParsedFilter::ParsedFilter(ParsedFilter&&) noexcept = default;
ParsedFilter& ParsedFilter::operator=(ParsedFilter&&) noexcept = default;
ParsedFilter::~ParsedFilter() = default;

report::Filter ParsedFilter::resolve(store::Reader& reader) const {
  auto filter = filter_;
  const auto now_ns = os::read_wall_clock_ns();
  const auto span = reader.query(
      "SELECT min(started_ns), max(max(coalesce(ended_ns, 0), last_alive_ns)) FROM sessions");
  const auto& row = span.cells.front();
  const auto* const began = std::get_if<std::int64_t>(&row.at(0));
  const auto* const ended = std::get_if<std::int64_t>(&row.at(1));
  const auto recorded =
      began != nullptr && ended != nullptr ? Span{*began, *ended} : Span{now_ns, now_ns};
  if (times_->since) {
    filter.since_ns = cli::resolve(*times_->since, now_ns, recorded);
  }
  if (times_->until && times_->since == times_->until) {
    filter.until_ns = filter.since_ns;  // an instant
  } else if (times_->until) {
    filter.until_ns = filter.since_ns
                          ? resolve_end(*times_->until, *filter.since_ns, now_ns, recorded)
                          : cli::resolve(*times_->until, now_ns, recorded);
  }
  if (times_->before) {
    const auto from_ns = cli::resolve(times_->before->first, now_ns, recorded);
    filter.before_ns = {from_ns, resolve_end(times_->before->second, from_ns, now_ns, recorded)};
    check_window(filter.before_ns->first, filter.before_ns->second);
  }
  if (filter.since_ns && filter.until_ns) {
    check_window(*filter.since_ns, *filter.until_ns);
  }
  return filter;
}

Format parse_format(const std::string& text) {
  if (text == "text") {
    return Format::text;
  }
  if (text == "json") {
    return Format::json;
  }
  if (text == "csv") {
    return Format::csv;
  }
  throw UsageError{fmt::format(
      "--format {} is none of text, json, csv{}", quote(text), meant(text, format_names()))};
}

std::filesystem::path database_path(const QueryOptions& question) {
  return question.database.empty() ? os::default_recording_path()
                                   : path_from_utf8(question.database);
}

namespace {

using PortNames = std::map<std::pair<std::uint16_t, std::string_view>, std::string>;

PortNames read_port_names() {
  const auto services = os::read_name_file(services_path());
  if (!services) {
    throw CommandFailed{fmt::format("cannot show --names: {}", services.error().message())};
  }
  PortNames names;
  for (auto& service : decode::parse_services(*services)) {
    names.emplace(std::pair{service.port, name(service.protocol)}, std::move(service.name));
  }
  return names;
}

std::string service_name(const PortNames& names, std::uint16_t port, std::string_view protocol) {
  for (const auto each : {name(Protocol::tcp), name(Protocol::udp)}) {
    const auto found = names.find({port, each});
    if (found != names.end() && (protocol.empty() || protocol == each)) {
      return found->second;
    }
  }
  return {};
}

}  // namespace

render::TextStyle text_style(const QueryOptions& question) {
  render::TextStyle style;
  style.ascii = question.ascii || !os::locale_is_utf8();
  if (os::is_terminal(os::StandardStream::output)) {
    style.width = os::terminal_width();
    style.colour =
        std::getenv("NO_COLOR") == nullptr;  // NOLINT(concurrency-mt-unsafe): nobody sets it
  }
  if (!question.utc) {
    style.utc_offset_s = local_offset_s;
  }
  if (question.names && parse_format(question.format) == Format::text) {
    style.service_name = [names = std::make_shared<const PortNames>(read_port_names())](
                             std::uint16_t port, std::string_view protocol) {
      return service_name(*names, port, protocol);
    };
  }
  return style;
}

render::CsvReader csv_reader() {
  return os::is_terminal(os::StandardStream::output) ? render::CsvReader::terminal
                                                     : render::CsvReader::program;
}

void print(const Answer& answer, Format format, const render::TextStyle& style) {
  switch (format) {
    case Format::text:
      render::write_text(std::cout, answer, style);
      break;
    case Format::json:
      render::write_json(std::cout, answer);
      break;
    case Format::csv:
      render::write_csv(std::cout, answer, csv_reader());
      break;
  }
}

}  // namespace netlog::cli

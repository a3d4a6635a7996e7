// SPDX-License-Identifier: MIT
#include "cli/commands/record_options.hpp"

#include "cli/commands/commands.hpp"
#include "cli/options/option_values.hpp"
#include "model/address.hpp"
#include "os/files.hpp"
#include "render/exports/summaries.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <optional>
#include <utility>

#include <fmt/format.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kShortestInterval = kNsPerMs;
constexpr std::int64_t kLongestInterval = 3600 * kNsPerSecond;
constexpr std::int64_t kSmallestMaxSize = 16 << 20;

std::int64_t interval_of(const std::string& text) {
  const auto ns = parse_duration(text);
  if (!ns || *ns < kShortestInterval || *ns > kLongestInterval) {
    throw UsageError{fmt::format(
        "--interval {} is not a duration from 1ms to 1h, such as 100ms or 2s", quote(text))};
  }
  return *ns;
}

std::int64_t udp_timeout_of(const std::string& text) {
  const auto ns = parse_duration(text);
  if (!ns || *ns < kNsPerSecond || *ns > kLongestInterval) {
    throw UsageError{fmt::format(
        "--udp-timeout {} is not a duration from 1s to 1h, such as 30s or 2m", quote(text))};
  }
  return *ns;
}

std::optional<std::chrono::nanoseconds> duration_of(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  const auto ns = parse_duration(text);
  constexpr auto kYear = std::int64_t{365} * 86'400 * kNsPerSecond;
  if (!ns || *ns <= 0 || *ns > kYear) {
    throw UsageError{
        fmt::format("--duration {} is not a duration above 0, such as 10s or 1h", quote(text))};
  }
  return std::chrono::nanoseconds{*ns};
}

std::optional<os::Readers> readers_of(const std::string& group) {
  if (group.empty()) {
    return std::nullopt;
  }
  const auto readers = os::find_readers(group);
  if (!readers) {
    throw UsageError{fmt::format("--group {}: {}", quote(group), readers.error().message())};
  }
  return *readers;
}

/// `ulimit -f` is kept like --max-size.
std::int64_t within_file_limit(std::int64_t max_size) {
  const auto limit = os::file_size_limit();
  if (!limit) {
    return max_size;
  }
  if (*limit < kSmallestMaxSize) {
    throw CommandFailed{
        fmt::format("cannot record: a file may have {} kB here (ulimit -f), and a recording needs "
                    "16 MiB; raise that limit",
                    *limit / 1'000)};
  }
  return max_size == 0 ? *limit : std::min(max_size, *limit);
}

record::StorageOptions storage_of(const RecordOptions& given) {
  record::StorageOptions storage;
  if (given.max_size != 0 && given.max_size < kSmallestMaxSize) {
    throw UsageError{fmt::format("--max-size {} is too small; give at least 16M, or 0 for no limit",
                                 given.max_size)};
  }
  storage.limits.max_bytes = within_file_limit(given.max_size);
  const auto age = parse_duration(given.max_age);
  if (!age) {
    throw UsageError{
        fmt::format("--max-age {} is not a duration such as 30d or 12h, or 0 for no limit",
                    quote(given.max_age))};
  }
  storage.limits.max_age = std::chrono::nanoseconds{*age};
  if (given.sync != "batch" && given.sync != "checkpoint") {
    throw UsageError{fmt::format("--sync {} is neither batch nor checkpoint", quote(given.sync))};
  }
  storage.synchronous =
      given.sync == "batch" ? store::Synchronous::every_batch : store::Synchronous::checkpoints;
  storage.readers = readers_of(given.group);
  return storage;
}

/// `localhost` is 127.0.0.1: netlog asks no resolver.
std::optional<record::MetricsOptions> metrics_of(const std::string& text) {
  if (text.empty()) {
    return std::nullopt;
  }
  constexpr std::string_view kLocalhost = "localhost:";
  const auto address = parse_endpoint(
      text.starts_with(kLocalhost) ? "127.0.0.1:" + text.substr(kLocalhost.size()) : text);
  if (!address) {
    throw UsageError{fmt::format(
        "--metrics {} is not an address with a port, such as 127.0.0.1:9473 or [::1]:9473",
        quote(text))};
  }
  return record::MetricsOptions{*address, [](const record::RecordingState& state) {
                                  return render::prometheus_text(record::state_tables(state));
                                }};
}

double budget_of(std::string_view text) {
  constexpr double kPercent = 100;
  const auto percent =
      text.ends_with('%') ? parse_fraction(text.substr(0, text.size() - 1)) : std::nullopt;
  if (!percent || *percent <= 0 || *percent > kPercent) {
    throw UsageError{fmt::format(
        "--cpu-budget {} is not a share of one processor such as 2% or 25%", quote(text))};
  }
  return *percent / kPercent;
}

constexpr std::array<std::pair<std::string_view, source::SourceChoice>, 5> kSources{
    {{"auto", source::SourceChoice::automatic},
     {"trace", source::SourceChoice::trace},
     {"notice", source::SourceChoice::notice},
     {"poll", source::SourceChoice::poll},
     {"procfs", source::SourceChoice::procfs}}};

source::SourceChoice source_of(const std::string& text) {
  for (const auto& [name, choice] : kSources) {
    if (name == text) {
      return choice;
    }
  }
  throw UsageError{
      fmt::format("--source {} is none of auto, trace, notice, poll, procfs, capture:FILE{}",
                  quote(text),
                  suggestion(text, source_names()))};
}

constexpr std::array<std::string_view, 4> kAdjustable{
    "cpu-budget", "max-size", "max-age", "log-level"};

/// A command with the same results of the command line, and none of its configuration.
void repeat_command_line(const CLI::App& command, const Configuration& before, CLI::App& again) {
  for (const auto* const option : command.get_options()) {
    const auto& name = option->get_single_name();
    if (option->count() > 0 && !before.has_set(name)) {
      auto* const same = again.get_option("--" + name);
      same->add_result(option->results());
      same->run_callback();
    }
  }
}

}  // namespace

std::vector<std::string> source_names() {
  std::vector<std::string> names;
  names.reserve(kSources.size() + 1);
  for (const auto& [name, choice] : kSources) {
    names.emplace_back(name);
  }
  names.emplace_back(kCapturePrefix);
  return names;
}

std::vector<std::string> log_levels() {
  return {"trace", "debug", "info", "warn", "error", "off"};
}

void add_record_options(CLI::App& command, RecordOptions& options) {
  command
      .add_option("--db",
                  options.database,
                  "Recording to write (default: $NETLOG_DB, else the system's place)")
      ->type_name("FILE");
  command
      .add_option("--interval", options.interval, "Time between two reads of the tables, 1ms to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  command.add_option("--duration", options.duration, "Stop after this time")->type_name("DURATION");
  command
      .add_option("--cpu-budget",
                  options.cpu_budget,
                  "Share of one processor that reading the tables may take before the interval is "
                  "stretched")
      ->type_name("SHARE")
      ->capture_default_str();
  command
      .add_option("--source", options.source, "auto, trace, notice, poll, procfs or capture:FILE")
      ->type_name("SOURCE")
      ->capture_default_str();
  command
      .add_option("--capture",
                  options.capture,
                  "Write all that the sources return to this new file, for a replay")
      ->type_name("FILE");
  command
      .add_option("--group",
                  options.group,
                  "Group that may read the recording; without it, only its owner may")
      ->type_name("GROUP");
  command
      .add_option("--metrics",
                  options.metrics,
                  "Serve metrics for Prometheus at this address, without authentication, such as "
                  "127.0.0.1:9473; port 0: any free one")
      ->type_name("ADDRESS:PORT");
  command
      .add_option("--notice-buffer",
                  options.notice_buffer,
                  "Receive buffer for the kernel's notices of ends, such as 512K; more than "
                  "net.core.rmem_max only with CAP_NET_ADMIN")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->check(CLI::Range(4 << 10, 1 << 30).description(""))
      ->default_str("8M");
  command
      .add_option("--trace-buffer",
                  options.trace_buffer,
                  "Buffer for traced changes, such as 1M; rounded up to a power of two")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->check(CLI::Range(4 << 10, 1 << 30).description(""))
      ->default_str("8M");
  command.add_flag("--hash-executables",
                   options.hash_executables,
                   "Record the SHA-256 of the executable of each process, up to 512 MiB (Linux)");
  command.add_flag("--no-udp-flows",
                   options.no_udp_flows,
                   "Do not count what UDP sockets exchange with their peers");
  command.add_flag("--no-names",
                   options.no_names,
                   "Do not read the names that programs ask DNS servers for, and /etc/hosts");
  command
      .add_option("--udp-timeout",
                  options.udp_timeout,
                  "End a UDP flow that was silent for this time, 1s to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      .add_option("--max-size",
                  options.max_size,
                  "Limit of the recording and its -wal, such as 256M; the oldest ended connections "
                  "are deleted first, and a gap records it; 0: no limit")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->default_str("1G");
  command
      .add_option(
          "--max-age", options.max_age, "Delete what ended longer ago than this; 0: no limit")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      .add_option("--sync",
                  options.sync,
                  "What a power cut may destroy: batch (at most the last one, about 250 ms) or "
                  "checkpoint (all since the last checkpoint; fewer writes)")
      ->type_name("WHEN")
      ->capture_default_str();
  command.add_option("--log-level", options.log_level, "trace, debug, info, warn, error, off")
      ->type_name("LEVEL")
      ->capture_default_str();
  command.add_option("--config", options.config, "TOML file that sets any of these options")
      ->type_name("FILE");
}

record::LiveOptions live_options_of(const RecordOptions& given) {
  record::LiveOptions options;
  options.interval = std::chrono::nanoseconds{interval_of(given.interval)};
  options.duration = duration_of(given.duration);
  options.cpu_budget = budget_of(given.cpu_budget);
  options.storage = storage_of(given);
  options.udp_timeout = std::chrono::nanoseconds{udp_timeout_of(given.udp_timeout)};
  options.metrics = metrics_of(given.metrics);
  const bool replay = given.source.starts_with(kCapturePrefix);
  if (replay && options.metrics) {
    throw UsageError{"--metrics has nothing to serve while --source capture:FILE replays one"};
  }
  if (!replay) {
    options.source.choice = source_of(given.source);
    options.source.notice_buffer_bytes = given.notice_buffer;
    options.source.trace_buffer_bytes = given.trace_buffer;
    options.source.hash_executables = given.hash_executables;
    options.source.count_udp_flows = !given.no_udp_flows;
    options.source.read_names = !given.no_names;
  }
  if (given.hash_executables && replay) {
    throw UsageError{
        "--hash-executables has nothing to read while --source capture:FILE replays one"};
  }
  if (given.hash_executables && !source::can_hash_executables()) {
    throw UsageError{"--hash-executables is for Linux only; record without it"};
  }
  if (replay && !given.capture.empty()) {
    throw UsageError{"--capture has nothing to capture while --source capture:FILE replays one"};
  }
  if (!given.capture.empty()) {
    options.capture = path_from_utf8(given.capture);
  }
  return options;
}

spdlog::level::level_enum log_level_of(const std::string& name) {
  const auto level = spdlog::level::from_str(name);
  if (level == spdlog::level::off && name != "off") {
    throw UsageError{fmt::format("--log-level {} is none of trace, debug, info, warn, error, off{}",
                                 quote(name),
                                 suggestion(name, log_levels()))};
  }
  return level;
}

RecordOptionsAgain read_options_again(const CLI::App& command, const Configuration& before) {
  CLI::App app;
  auto& same = *app.add_subcommand(command.get_name());
  RecordOptionsAgain again;
  add_record_options(same, again.options);
  repeat_command_line(command, before, same);
  const Configuration now{same, again.options.config};
  try {
    const auto live = live_options_of(again.options);
    static_cast<void>(log_level_of(again.options.log_level));
    again.adjustable = {live.cpu_budget, live.storage.limits};
  } catch (const UsageError& error) {
    throw UsageError{now.with_place(error.what())};
  }
  for (const auto* const option : command.get_options()) {
    const auto& name = option->get_single_name();
    const auto* const other = same.get_option_no_throw("--" + name);
    if (other != nullptr && other->results() != option->results()) {
      const bool is_now =
          std::find(kAdjustable.begin(), kAdjustable.end(), name) != kAdjustable.end();
      (is_now ? again.changed : again.delayed).push_back(name);
    }
  }
  return again;
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/background_output.hpp"
#include "cli/commands/commands.hpp"
#include "cli/options/config_file.hpp"
#include "cli/options/option_values.hpp"
#include "cli/options/output.hpp"
#include "cli/output/status_line.hpp"
#include "os/files.hpp"
#include "os/supervisor.hpp"
#include "record/session.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <spdlog/spdlog.h>

namespace netlog::cli {
namespace {

constexpr std::int64_t kShortestInterval = kNsPerMs;
constexpr std::int64_t kLongestInterval = 3600 * kNsPerSecond;
constexpr std::int64_t kDefaultMaxSize = 1 << 30;
constexpr std::int64_t kSmallestMaxSize = 16 << 20;
constexpr std::string_view kCapturePrefix = "capture:";

struct RecordOptions {
  std::string database;
  std::string interval = "100ms";
  std::string duration;
  std::string cpu_budget = "25%";
  std::string source = "auto";
  std::string capture;
  std::string group;
  int notice_buffer = source::SourceOptions{}.notice_buffer_bytes;
  int trace_buffer = source::SourceOptions{}.trace_buffer_bytes;
  bool hash_executables = false;
  std::int64_t max_size = kDefaultMaxSize;
  std::string max_age = "30d";
  std::string sync = "batch";
  std::string log_level = "info";
  std::string config;
};

std::int64_t interval_of(const std::string& text) {
  const auto ns = parse_duration(text);
  if (!ns || *ns < kShortestInterval || *ns > kLongestInterval) {
    throw UsageError{fmt::format(
        "--interval {} is not a duration from 1ms to 1h, such as 100ms or 2s", quote(text))};
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
  storage.max_bytes = within_file_limit(given.max_size);
  const auto age = parse_duration(given.max_age);
  if (!age) {
    throw UsageError{
        fmt::format("--max-age {} is not a duration such as 30d or 12h, or 0 for no limit",
                    quote(given.max_age))};
  }
  storage.max_age = std::chrono::nanoseconds{*age};
  if (given.sync != "batch" && given.sync != "checkpoint") {
    throw UsageError{fmt::format("--sync {} is neither batch nor checkpoint", quote(given.sync))};
  }
  storage.synchronous =
      given.sync == "batch" ? store::Synchronous::every_batch : store::Synchronous::checkpoints;
  storage.readers = readers_of(given.group);
  return storage;
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

void set_up_log(const std::string& level, std::shared_ptr<BackgroundOutput> output) {
  const auto parsed = spdlog::level::from_str(level);
  if (parsed == spdlog::level::off && level != "off") {
    throw UsageError{fmt::format("--log-level {} is none of trace, debug, info, warn, error, off{}",
                                 quote(level),
                                 suggestion(level, log_levels()))};
  }
  spdlog::set_default_logger(log_on(std::move(output), shows_colours(os::StandardStream::error)));
  spdlog::set_pattern("%Y-%m-%dT%H:%M:%S.%e%z %^%l%$ %v");
  spdlog::set_level(parsed);
}

/// The program's log, until it ends.
class LogOn {
 public:
  LogOn(const std::string& level, std::shared_ptr<BackgroundOutput> output) {
    set_up_log(level, std::move(output));
  }
  LogOn(const LogOn&) = delete;
  LogOn& operator=(const LogOn&) = delete;
  ~LogOn() { spdlog::set_default_logger(std::make_shared<spdlog::logger>("netlog")); }
};

std::string size_text(std::int64_t bytes) {
  constexpr double kUnit = 1000;
  const auto value = static_cast<double>(bytes);
  if (bytes < 1'000'000) {
    return fmt::format("{:.0f} kB", value / kUnit);
  }
  return fmt::format("{:.1f} MB", value / kUnit / kUnit);
}

/// The progress of a recording on a terminal.
class ProgressLine {
 public:
  explicit ProgressLine(BackgroundOutput& output)
      : line_{[&output](std::string text, bool is_removed) {
          if (is_removed) {
            output.end_status(std::move(text));
          } else {
            output.show_status(std::move(text));
          }
        }} {}

  void show(const record::Progress& progress, const store::WriterTotals& totals, std::size_t open) {
    const auto now = std::chrono::steady_clock::now();
    const std::chrono::duration<double> since = now - last_;
    const auto rate =
        static_cast<double>(progress.events - events_) / std::max(since.count(), 1e-9);
    last_ = now;
    events_ = progress.events;
    const auto recorded_ns = std::chrono::nanoseconds{now - began_}.count();
    // What matters most comes first: the end of the line is left out on a narrow terminal.
    line_.show(
        {"recording " + format_duration(recorded_ns / kNsPerSecond * kNsPerSecond),
         fmt::format("{} open", open),
         fmt::format("{:.0f} events/s", rate),
         size_text(totals.file_bytes),
         fmt::format("{} gaps", progress.gaps),
         fmt::format("{} late, {} skipped ticks", progress.late_ticks, progress.skipped_ticks)});
  }
  void clear() { line_.clear(); }

 private:
  StatusLine line_;
  std::chrono::steady_clock::time_point began_ = std::chrono::steady_clock::now();
  std::chrono::steady_clock::time_point last_ = began_;
  std::int64_t events_ = 0;
};

/// The recording to write. The directory of the default place is created, one that the user named
/// is not.
std::filesystem::path database_of(const std::string& named) {
  if (!named.empty()) {
    return path_from_utf8(named);
  }
  auto path = os::default_recording_path();
  if (path.empty()) {
    throw CommandFailed{"cannot record: there is no home directory; name a file with --db"};
  }
  const auto made = os::create_private_directories(path.parent_path());
  if (made) {
    return path;
  }
  throw CommandFailed{
      fmt::format("cannot record into {}: cannot create its directory: {}; name a file with --db",
                  utf8(path),
                  made.error().message())};
}

void run_record(const RecordOptions& given) {
  record::LiveOptions options;
  options.interval = std::chrono::nanoseconds{interval_of(given.interval)};
  options.duration = duration_of(given.duration);
  options.cpu_budget = budget_of(given.cpu_budget);
  options.storage = storage_of(given);
  const bool replay = given.source.starts_with(kCapturePrefix);
  if (!replay) {
    options.source.choice = source_of(given.source);
    options.source.notice_buffer_bytes = given.notice_buffer;
    options.source.trace_buffer_bytes = given.trace_buffer;
    options.source.hash_executables = given.hash_executables;
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
  const auto output = std::make_shared<BackgroundOutput>();
  const LogOn log{given.log_level, output};
  options.database = database_of(given.database);
  ProgressLine status{*output};
  record::Observer observer;
  observer.started = [&](std::string_view source, std::string_view fallback_reason) {
    spdlog::info(
        "recording into {} from {}", message_text(utf8(options.database)), message_text(source));
    if (!fallback_reason.empty()) {
      spdlog::warn(
          "using {}, which is not the best source: {}", source, message_text(fallback_reason));
    }
  };
  observer.fell_back = [&](std::string_view source, std::string_view reason) {
    status.clear();
    spdlog::warn("using {} from now on: {}", source, message_text(reason));
  };
  observer.on_message = [&](const std::string& text) {
    status.clear();
    spdlog::warn(message_text(text));
  };
  const auto supervisor = os::find_supervisor();
  observer.progress =
      [&](const record::Progress& progress, const store::WriterTotals& totals, std::size_t open) {
        status.show(progress, totals, open);
        if (supervisor && totals.ticks > 0) {
          supervisor->report(fmt::format("{} connections open, {} events, {} gaps, {}",
                                         open,
                                         progress.events,
                                         progress.gaps,
                                         size_text(totals.file_bytes)));
        }
      };
  const auto recorded =
      replay ? record::record_capture(path_from_utf8(given.source.substr(kCapturePrefix.size())),
                                      options.database,
                                      options.storage,
                                      observer)
             : record::record_live(options, observer);
  status.clear();
  spdlog::info("recorded {} events in {} ticks ({} late, {} skipped), {} gaps; {} in {}",
               recorded.progress.events,
               recorded.progress.ticks,
               recorded.progress.late_ticks,
               recorded.progress.skipped_ticks,
               recorded.progress.gaps,
               size_text(recorded.totals.file_bytes),
               message_text(utf8(options.database)));
}

void run_record_with_config(CLI::App& command, const RecordOptions& options) {
  const Configuration configuration{command, options.config};
  try {
    run_record(options);
  } catch (const UsageError& error) {
    throw UsageError{configuration.with_place(error.what())};
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

void add_record(CLI::App& app) {
  auto* const command =
      app.add_subcommand("record", "Record this host's connections until stopped");
  const auto options = std::make_shared<RecordOptions>();
  command
      ->add_option("--db",
                   options->database,
                   "Recording to write (default: $NETLOG_DB, else the system's place)")
      ->type_name("FILE");
  command
      ->add_option(
          "--interval", options->interval, "Time between two reads of the tables, 1ms to 1h")
      ->type_name("DURATION")
      ->capture_default_str();
  command->add_option("--duration", options->duration, "Stop after this time")
      ->type_name("DURATION");
  command
      ->add_option("--cpu-budget",
                   options->cpu_budget,
                   "Share of one processor that reading the tables may take before the interval is "
                   "stretched")
      ->type_name("SHARE")
      ->capture_default_str();
  command
      ->add_option("--source", options->source, "auto, trace, notice, poll, procfs or capture:FILE")
      ->type_name("SOURCE")
      ->capture_default_str();
  command
      ->add_option("--capture",
                   options->capture,
                   "Write all that the sources return to this new file, for a replay")
      ->type_name("FILE");
  command
      ->add_option("--group",
                   options->group,
                   "Group that may read the recording; without it, only its owner may")
      ->type_name("GROUP");
  command
      ->add_option("--notice-buffer",
                   options->notice_buffer,
                   "Receive buffer for the kernel's notices of ends, such as 512K; more than "
                   "net.core.rmem_max only with CAP_NET_ADMIN")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->check(CLI::Range(4 << 10, 1 << 30).description(""))
      ->default_str("8M");
  command
      ->add_option("--trace-buffer",
                   options->trace_buffer,
                   "Buffer for traced changes, such as 1M; rounded up to a power of two")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->check(CLI::Range(4 << 10, 1 << 30).description(""))
      ->default_str("8M");
  command->add_flag("--hash-executables",
                    options->hash_executables,
                    "Record the SHA-256 of the executable of each process, up to 512 MiB (Linux)");
  command
      ->add_option(
          "--max-size",
          options->max_size,
          "Limit of the recording and its -wal, such as 256M; the oldest ended connections "
          "are deleted first, and a gap records it; 0: no limit")
      ->type_name("SIZE")
      ->transform(CLI::AsSizeValue{false}.description(""))
      ->default_str("1G");
  command
      ->add_option(
          "--max-age", options->max_age, "Delete what ended longer ago than this; 0: no limit")
      ->type_name("DURATION")
      ->capture_default_str();
  command
      ->add_option("--sync",
                   options->sync,
                   "What a power cut may destroy: batch (at most the last one, about 250 ms) or "
                   "checkpoint (all since the last checkpoint; fewer writes)")
      ->type_name("WHEN")
      ->capture_default_str();
  command->add_option("--log-level", options->log_level, "trace, debug, info, warn, error, off")
      ->type_name("LEVEL")
      ->capture_default_str();
  command->add_option("--config", options->config, "TOML file that sets any of these options")
      ->type_name("FILE");
  command->callback([command, options] {
    if (options->config.empty()) {
      run_record(*options);
    } else {
      run_record_with_config(*command, *options);
    }
  });
}

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#include "cli/commands/background_output.hpp"
#include "cli/commands/commands.hpp"
#include "cli/commands/record_options.hpp"
#include "cli/options/config_file.hpp"
#include "cli/options/output.hpp"
#include "cli/output/status_line.hpp"
#include "os/event_log.hpp"
#include "os/files.hpp"
#include "os/supervisor.hpp"
#include "record/session.hpp"
#include "util/error.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <chrono>
#include <exception>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <spdlog/spdlog.h>

namespace netlog::cli {
namespace {

void set_up_log(const std::string& level, std::shared_ptr<BackgroundOutput> output) {
  const auto parsed = log_level_of(level);
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

/// Reports new gaps to the event log, at most once a minute, and the last ones at the end.
class GapEvents {
 public:
  void report(std::int64_t gaps) {
    if (std::chrono::steady_clock::now() - last_ >= std::chrono::minutes{1}) {
      report_now(gaps);
    }
  }

  void report_now(std::int64_t gaps) {
    if (gaps == reported_) {
      return;
    }
    os::log_event(os::LogEvent::gap,
                  fmt::format("{} gaps since the last report; `netlog report gaps` says which",
                              gaps - reported_));
    reported_ = gaps;
    last_ = std::chrono::steady_clock::now();
  }

 private:
  std::int64_t reported_ = 0;
  std::chrono::steady_clock::time_point last_{};
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

using ReadAgain = std::function<RecordOptionsAgain()>;

std::string describe(const RecordOptionsAgain& again) {
  const auto list = [](std::string_view what, const std::vector<std::string>& options) {
    return options.empty() ? std::string{}
                           : fmt::format("; {}: {}", what, fmt::join(options, ", "));
  };
  const bool is_same = again.changed.empty() && again.delayed.empty();
  return fmt::format("the configuration was read again{}{}{}",
                     is_same ? "; it is as at the start" : "",
                     list("changed since the start", again.changed),
                     list("changed, but in effect only after a restart", again.delayed));
}

/// @returns nothing if the configuration cannot be used now
std::optional<record::Adjustable> reload(const ReadAgain& read_again) {
  try {
    const auto again = read_again();
    spdlog::set_level(log_level_of(again.options.log_level));
    spdlog::info(message_text(describe(again)));
    return again.adjustable;
  } catch (const std::exception& error) {
    spdlog::error("the configuration was not read again, and nothing has changed: {}",
                  message_text(error.what()));
    return std::nullopt;
  }
}

void run_record(const RecordOptions& given, const ReadAgain& read_again) {
  auto options = live_options_of(given);
  const bool replay = given.source.starts_with(kCapturePrefix);
  const auto output = std::make_shared<BackgroundOutput>();
  const LogOn log{given.log_level, output};
  options.database = database_of(given.database);
  ProgressLine status{*output};
  record::Observer observer;
  observer.started = [&](std::string_view source, std::string_view fallback_reason) {
    spdlog::info(
        "recording into {} from {}", message_text(utf8(options.database)), message_text(source));
    os::log_event(os::LogEvent::started,
                  fmt::format("recording into {} from {}", utf8(options.database), source));
    if (!fallback_reason.empty()) {
      os::log_event(os::LogEvent::fallback, std::string{fallback_reason});
      spdlog::warn(
          "using {}, which is not the best source: {}", source, message_text(fallback_reason));
    }
  };
  if (os::is_on_network(options.database)) {
    const auto warning = fmt::format(
        "{} is on a network drive, where no other machine may read it while it is recorded; name a "
        "file on a local disk with --db",
        utf8(options.database));
    os::log_event(os::LogEvent::message, warning);
    spdlog::warn(message_text(warning));
  }
  observer.serving = [](const Endpoint& address) {
    spdlog::info("metrics at http://{}/metrics{}",
                 to_string(address),
                 address.address.is_loopback() ? "" : ", for whoever reaches that address");
  };
  observer.fell_back = [&](std::string_view source, std::string_view reason) {
    status.clear();
    os::log_event(os::LogEvent::fallback, fmt::format("using {} from now on: {}", source, reason));
    spdlog::warn("using {} from now on: {}", source, message_text(reason));
  };
  observer.on_message = [&](const std::string& text) {
    status.clear();
    os::log_event(os::LogEvent::message, text);
    spdlog::warn(message_text(text));
  };
  GapEvents gaps;
  const auto supervisor = os::find_supervisor();
  if (supervisor) {
    options.read_again = [&] {
      supervisor->begin_reload();
      auto adjustable = reload(read_again);
      if (!adjustable) {
        supervisor->end_reload();
      }
      return adjustable;
    };
    observer.adjusted = [&] { supervisor->end_reload(); };
  }
  observer.progress =
      [&](const record::Progress& progress, const store::WriterTotals& totals, std::size_t open) {
        status.show(progress, totals, open);
        gaps.report(progress.gaps);
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
                                      observer,
                                      options.udp_timeout)
             : record::record_live(options, observer);
  status.clear();
  const auto summary =
      fmt::format("recorded {} events in {} ticks ({} late, {} skipped), {} gaps; {} in {}",
                  recorded.progress.events,
                  recorded.progress.ticks,
                  recorded.progress.late_ticks,
                  recorded.progress.skipped_ticks,
                  recorded.progress.gaps,
                  size_text(recorded.totals.file_bytes),
                  message_text(utf8(options.database)));
  gaps.report_now(recorded.progress.gaps);
  os::log_event(os::LogEvent::stopped, summary);
  spdlog::info("{}", summary);
  if (recorded.totals.needs_wal) {
    spdlog::warn("another program has {0} open, so its newest rows are in {0}-wal: copy both",
                 message_text(utf8(options.database)));
  }
}

void run_record_with_config(CLI::App& command, const RecordOptions& options) {
  const Configuration configuration{command, options.config};
  try {
    run_record(options, [&] { return read_options_again(command, configuration); });
  } catch (const UsageError& error) {
    throw UsageError{configuration.with_place(error.what())};
  }
}

}  // namespace

void add_record(CLI::App& app) {
  auto* const command =
      app.add_subcommand("record", "Record this host's connections until stopped");
  const auto options = std::make_shared<RecordOptions>();
  add_record_options(*command, *options);
  command->callback([command, options] {
    if (options->config.empty()) {
      run_record(*options, []() -> RecordOptionsAgain {
        throw CommandFailed{"it was started without --config"};
      });
    } else {
      run_record_with_config(*command, *options);
    }
  });
}

}  // namespace netlog::cli

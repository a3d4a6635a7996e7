// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/config_file.hpp"
#include "record/session.hpp"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <CLI/CLI.hpp>
#include <spdlog/common.h>

namespace netlog::cli {

/// `--source capture:FILE` replays a capture.
inline constexpr std::string_view kCapturePrefix = "capture:";

/// The options of `record` as they were given.
struct RecordOptions {
  std::string database;
  std::string interval = "100ms";
  std::string duration;
  std::string cpu_budget = "25%";
  std::string source = "auto";
  std::string capture;
  std::string group;
  std::string metrics;
  int notice_buffer = source::SourceOptions{}.notice_buffer_bytes;
  int trace_buffer = source::SourceOptions{}.trace_buffer_bytes;
  bool hash_executables = false;
  bool no_udp_flows = false;
  bool no_names = false;
  std::string udp_timeout = "60s";
  std::int64_t max_size = 1 << 30;
  std::string max_age = "30d";
  std::string sync = "batch";
  std::string log_level = "info";
  std::string config;
};

/// The command writes them to `options`, which must live as long.
void add_record_options(CLI::App& command, RecordOptions& options);

/// What they mean, all but --db. @throws UsageError that begins with the option; CommandFailed:
/// this system does not allow it.
record::LiveOptions live_options_of(const RecordOptions& given);

/// @throws UsageError
spdlog::level::level_enum log_level_of(const std::string& name);

struct RecordOptionsAgain {
  RecordOptions options;
  record::Adjustable adjustable;     ///< what they mean for a recording that goes on
  std::vector<std::string> changed;  ///< options that take effect at once
  std::vector<std::string> delayed;  ///< options that take effect at the next start
};

/// The options of `command` with its configuration as the file is now. What the command line has
/// set stays. @throws as Configuration and live_options_of() do.
RecordOptionsAgain read_options_again(const CLI::App& command, const Configuration& before);

}  // namespace netlog::cli

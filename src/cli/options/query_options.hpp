// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

/// What the commands that read a recording have in common, as the user wrote it. Empty: not given.
struct QueryOptions {
  std::string database;
  std::string format = "text";
  bool utc = false;
  bool names = false;  ///< show ports as names of services
  bool ascii = false;

  std::vector<std::string> pids;
  std::string process;
  std::string exe;
  std::string user;
  std::string protocol;
  std::string port;
  std::string local_port;
  std::string remote_port;
  std::string remote;
  std::string netns;
  std::vector<std::string> states;
  std::vector<std::string> outcomes;
  std::string since;
  std::string until;
  std::string at;
  std::string before;  ///< A..B, the window to compare with
};

/// --db, --format, --utc, --ascii.
void add_database_options(CLI::App& command, QueryOptions& options);
/// --names.
void add_names_option(CLI::App& command, QueryOptions& options);
/// --pid, --process, … --at.
void add_filter_options(CLI::App& command, QueryOptions& options);

/// The filters without times, as they were given: options and their values.
std::vector<std::pair<const char*, std::string>> filter_words(const QueryOptions& options);

/// The recording to read: --db, else the default place, which `record` writes.
std::filesystem::path database_path(const QueryOptions& options);

}  // namespace netlog::cli

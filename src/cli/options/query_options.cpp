// SPDX-License-Identifier: MIT
#include "cli/options/query_options.hpp"

#include "os/files.hpp"
#include "util/error.hpp"
#include "util/text.hpp"

namespace netlog::cli {

void add_database_options(CLI::App& command, QueryOptions& options) {
  command
      .add_option("--db",
                  options.database,
                  "Recording to read (default: $NETLOG_DB, else the system's place)")
      ->type_name("FILE");
  command.add_option("--format", options.format, "text, json or csv")
      ->type_name("FORMAT")
      ->capture_default_str();
  command.add_flag("--utc", options.utc, "Show times in UTC instead of local time");
  command.add_flag(
      "--ascii", options.ascii, "Only ASCII in text, as where the locale is not UTF-8");
}

void add_names_option(CLI::App& command, QueryOptions& options) {
  command.add_flag(
      "--names",
      options.names,
      "Show ports as the names of their services, as text; other formats keep numbers");
}

void add_filter_options(CLI::App& command, QueryOptions& options) {
  constexpr const char* kGroup = "Filters";
  command.add_option("--pid", options.pids, "Owned by this process; may be repeated")
      ->allow_extra_args(false)
      ->type_name("PID")
      ->group(kGroup);
  command
      .add_option("--process",
                  options.process,
                  "Owned by a process of this name or script, or pattern such as 'post*'")
      ->type_name("PROCESS")
      ->group(kGroup);
  command.add_option("--exe", options.exe, "Owned by this executable, or pattern")
      ->type_name("EXE")
      ->group(kGroup);
  command.add_option("--user", options.user, "Owned by this user, or pattern")
      ->type_name("USER")
      ->group(kGroup);
  command.add_option("--protocol", options.protocol, "tcp or udp")
      ->type_name("PROTOCOL")
      ->group(kGroup);
  command.add_option("--port", options.port, "Local or remote port, or its service's name")
      ->type_name("PORT")
      ->group(kGroup);
  command.add_option("--local-port", options.local_port, "Local port")
      ->type_name("PORT")
      ->group(kGroup);
  command.add_option("--remote-port", options.remote_port, "Remote port")
      ->type_name("PORT")
      ->group(kGroup);
  command.add_option("--netns", options.netns, "In the network namespace of this number")
      ->type_name("NETNS")
      ->group(kGroup);
  command
      .add_option("--remote",
                  options.remote,
                  "Remote ADDR, block ADDR/LEN, NAME or pattern such as '*.example.com', or "
                  "endpoint such as ADDR:PORT")
      ->type_name("HOST")
      ->group(kGroup);
  command
      .add_option("--state",
                  options.states,
                  "Was in this TCP state, within the window if one is given; may be repeated")
      ->allow_extra_args(false)
      ->type_name("STATE")
      ->group(kGroup);
  command
      .add_option("--outcome",
                  options.outcomes,
                  "Ended like this, such as refused, or open; may be repeated, or a list with "
                  "commas")
      ->delimiter(',')
      ->allow_extra_args(false)
      ->type_name("OUTCOME")
      ->group(kGroup);
  command
      .add_option("--since",
                  options.since,
                  "Lived at this time or later; A..B sets both ends of the window")
      ->type_name("TIME")
      ->group(kGroup);
  command.add_option("--until", options.until, "Began at this time or earlier")
      ->type_name("TIME")
      ->group(kGroup);
  command.add_option("--at", options.at, "Lived at this instant")->type_name("TIME")->group(kGroup);
}

std::vector<std::pair<const char*, std::string>> filter_words(const QueryOptions& options) {
  std::vector<std::pair<const char*, std::string>> words;
  const auto add = [&](const char* option, const std::string& value) {
    if (!value.empty()) {
      words.emplace_back(option, value);
    }
  };
  for (const auto& pid : options.pids) {
    add("--pid", pid);
  }
  add("--process", options.process);
  add("--exe", options.exe);
  add("--user", options.user);
  add("--protocol", options.protocol);
  add("--port", options.port);
  add("--netns", options.netns);
  add("--local-port", options.local_port);
  add("--remote-port", options.remote_port);
  add("--remote", options.remote);
  for (const auto& state : options.states) {
    add("--state", state);
  }
  for (const auto& outcome : options.outcomes) {
    add("--outcome", outcome);
  }
  return words;
}

std::filesystem::path database_path(const QueryOptions& options) {
  auto path =
      options.database.empty() ? os::default_recording_path() : path_from_utf8(options.database);
  if (path.empty()) {
    throw CommandFailed{
        "no recording is named, and there is no home directory; name one with --db"};
  }
  return path;
}

}  // namespace netlog::cli

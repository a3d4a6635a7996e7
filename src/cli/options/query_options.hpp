// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "render/render.hpp"
#include "report/filter.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include <CLI/CLI.hpp>

namespace netlog::cli {

enum class Format { text, json, csv };

/// What the reading subcommands have in common, as the user wrote it.
struct QueryOptions {
  std::string database;
  std::string format = "text";
  bool utc = false;
  bool names = false;  ///< of services, for ports
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
  std::vector<std::string> resolve;  ///< NAME=ADDR
  std::vector<std::string> states;
  std::string since;
  std::string until;
  std::string at;
  std::string before;  ///< A..B, the window to compare with
};

/// --db, --format, --utc, --ascii.
void add_database_options(CLI::App& command, QueryOptions& question);
/// --names.
void add_names_option(CLI::App& command, QueryOptions& question);
/// --pid, --process, … --at.
void add_filter_options(CLI::App& command, QueryOptions& question);

/// All of the filter's values, checked; times are still to be resolved against the recording.
/// @throws UsageError
class ParsedFilter {
 public:
  explicit ParsedFilter(const QueryOptions& question);
  ParsedFilter(const ParsedFilter&) = delete;
  ParsedFilter& operator=(const ParsedFilter&) = delete;
  ParsedFilter(ParsedFilter&& other) noexcept;
  ParsedFilter& operator=(ParsedFilter&& other) noexcept;
  ~ParsedFilter();

  [[nodiscard]] report::Filter resolve(store::Reader& reader) const;

 private:
  struct Times;
  report::Filter filter_;
  std::unique_ptr<Times> times_;
};

/// @throws UsageError
Format parse_format(const std::string& text);

/// --db, else the place where `record` would write.
std::filesystem::path database_path(const QueryOptions& question);

/// How text goes to this standard output.
/// @throws CommandFailed: --names, and the services file cannot be read.
render::TextStyle text_style(const QueryOptions& question);

void print(const Answer& answer, Format format, const render::TextStyle& style);

/// Who reads the CSV on our stdout.
render::CsvReader csv_reader();

}  // namespace netlog::cli

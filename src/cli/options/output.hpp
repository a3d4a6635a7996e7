// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"
#include "model/table.hpp"
#include "os/terminal.hpp"
#include "render/render.hpp"
#include "report/report.hpp"
#include "store/read/reader.hpp"

#include <cstdint>
#include <iosfwd>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::cli {

enum class Format { text, json, csv };

/// @throws UsageError
Format parse_format(const std::string& text);

/// Whether colours and other escape sequences may be written to the stream: a terminal that
/// understands them, and no NO_COLOR that has a value.
bool shows_colours(os::StandardStream stream);

/// A message for standard error. It may quote the name or the contents of a file: what could change
/// a terminal is escaped, and so is what the locale does not have.
std::string message_text(std::string_view text);

/// How text is written to this standard output: its width, colours, characters and time zone. From
/// now on text has only ASCII there if the options or the locale say so.
/// @throws CommandFailed: --names is given, and the services file cannot be read.
render::TextStyle text_style(const QueryOptions& options);

/// The number of rows that --limit allows; nothing for empty text.
/// @throws UsageError
std::optional<std::int64_t> parse_limit(const std::string& text);

/// A line that says that the recording has no process with these pids.
std::string unknown_pids_text(const std::vector<std::int64_t>& pids);

/// A line that says that no process in the recording meets this condition.
std::string unmet_condition_text(const report::OwnerCondition& owner);

/// A line that says that the recording does not have this name, or no name of this pattern.
std::string unknown_name_text(const std::string& name);

/// These lines for what the filter gives and the recording does not have.
/// @throws StoreError from the reader.
std::string unmet_text(store::Reader& reader, const report::Filter& filter);

/// A line that says that nobody saw what a table shows of this moment.
std::string gap_text(const GapReason& gap);

/// A line that says that a window, or a moment, lies before or after what was recorded; empty where
/// it does not.
std::string outside_text(const Completeness& completeness, const render::TextStyle& style);

/// Whether CSV on standard output goes to a terminal or to a program.
render::CsvReader csv_reader();

/// Writes a whole answer. CSV is escaped where standard output is a terminal.
void print(std::ostream& out, const Answer& answer, Format format, const render::TextStyle& style);

}  // namespace netlog::cli

// SPDX-License-Identifier: MIT
#pragma once

#include "cli/options/query_options.hpp"
#include "model/table.hpp"
#include "render/render.hpp"

#include <string>

namespace netlog::cli {

enum class Format { text, json, csv };

/// @throws UsageError
Format parse_format(const std::string& text);

/// How text is written to this standard output: its width, colours, characters and time zone.
/// @throws CommandFailed: --names is given, and the services file cannot be read.
render::TextStyle text_style(const QueryOptions& options);

/// Whether CSV on standard output goes to a terminal or to a program.
render::CsvReader csv_reader();

/// Writes a whole answer to standard output.
void print(const Answer& answer, Format format, const render::TextStyle& style);

}  // namespace netlog::cli

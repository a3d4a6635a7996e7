// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>

namespace netlog::render {

/// Form of text for people.
struct TextStyle {
  std::size_t width = 0;  ///< columns of the terminal; 0: not a terminal, nothing is shortened
  bool colour = false;
  /// Offset from UTC at a moment, seconds; times are shown in that zone with the offset named.
  std::function<std::int32_t(std::int64_t utc_ns)> utc_offset_s = [](std::int64_t) { return 0; };
};

/// Aligned tables under their titles, the line of honesty at the end. Hostile text is escaped.
void write_text(std::ostream& out, const Answer& answer, const TextStyle& style);

/// One JSON object: {"report", "tables": {name: [row objects]}, "honesty": {…}}, one line.
void write_json(std::ostream& out, const Answer& answer);

/// RFC 4180; a header line per table, tables separated by an empty line. Cells that a spreadsheet
/// would take for a formula are not altered: CSV is for programs.
void write_csv(std::ostream& out, const Answer& answer);

/// One table row of names or cells as text/CSV/JSON lines, for streams without an end (tail).
std::string escape_for_terminal(std::string_view text);

/// Columns that a text takes on a terminal.
std::size_t display_width(std::string_view text);

}  // namespace netlog::render

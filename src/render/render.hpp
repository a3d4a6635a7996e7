// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <cstdint>
#include <functional>
#include <iosfwd>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::render {

/// Form of text for people.
struct TextStyle {
  std::size_t width =
      0;  ///< columns of the terminal; 0: not a terminal, nothing is shortened or left out
  bool colour = false;
  bool ascii = false;    ///< nothing but ASCII: bars of `#`, other characters escaped
  bool offsets = false;  ///< each time with its offset from UTC: where they differ
  /// Offset from UTC at a moment, seconds; times are shown in that zone with the offset named.
  std::function<std::int32_t(std::int64_t utc_ns)> utc_offset_s = [](std::int64_t) { return 0; };
  /// The name of a port's service; of this protocol, `tcp` or `udp`, unless it is empty. Where
  /// there is no name, and as long as this function is empty, ports are numbers.
  std::function<std::string(std::uint16_t port, std::string_view protocol)> service_name;
};

/// Aligned tables under their titles, the completeness line at the end. Hostile text is escaped.
void write_text(std::ostream& out, const Answer& answer, const TextStyle& asked);

/// JSON Lines, with escapes (RFC 8259 §7) for whatever could change a terminal: an object a row,
/// {"section": table's name, column's name: value, …}, and the completeness line as the last
/// one, its section `completeness`. A table without rows gives no line.
void write_json(std::ostream& out, const Answer& answer);

/// Who reads the CSV. A program gets every text unchanged; for a terminal it is escaped as in text.
enum class CsvReader : std::uint8_t { program, terminal };

/// RFC 4180; a header line for each table, tables separated by an empty line. Texts with control
/// characters, and those that a spreadsheet would take for a formula (`=cmd…`), are quoted, but
/// not altered.
void write_csv(std::ostream& out, const Answer& answer, CsvReader reader = CsvReader::program);

/// One row by itself, for output that is written row by row. JSON: an object in one line. Text:
/// cells separated by two blanks.
std::string text_row(const std::vector<Column>& columns,
                     const std::vector<Cell>& row,
                     const TextStyle& style);
std::string json_row(const std::vector<Column>& columns, const std::vector<Cell>& row);
std::string csv_row(const std::vector<Cell>& row, CsvReader reader = CsvReader::program);
std::string csv_header(const std::vector<Column>& columns);

/// The names, each another: where a name occurs again, it gets the first of `_2`, `_3`, … that
/// makes a new one.
std::vector<std::string> distinct(const std::vector<std::string>& names);

/// A cell as people read it, escaped. `protocol` is that of its row, for endpoints and ports.
std::string cell_text(const Cell& cell,
                      Unit unit,
                      const TextStyle& style,
                      std::string_view protocol = {});

/// The text in the row's column `protocol`; empty without such a column.
std::string_view protocol_of(const std::vector<Column>& columns, const std::vector<Cell>& row);

/// A moment in the style's zone, `2026-11-21 15:03:07.250`; without the date when `date` is false.
std::string local_time(std::int64_t utc_ns, const TextStyle& style, bool date);

/// `+01:00`
std::string offset_text(std::int32_t offset_s);

/// Whether it could change a terminal or mislead its reader: control characters, bidirectional
/// overrides, invisible characters.
bool is_harmful(char32_t point);

/// Replaces control characters, escape sequences, bidirectional overrides, invisible characters and
/// bytes that are not UTF-8 by visible escapes.
std::string escape_for_terminal(std::string_view text);

/// Every character that is not ASCII as a visible escape: `\u{e9}`; `±` as `+-`, `µ` as `u`, `…` as
/// `...`.
std::string to_ascii(std::string_view text);

/// The text cut to a width, with `…` for what was cut. An endpoint keeps its port.
std::string shorten(const std::string& text, std::size_t width, bool endpoint, bool ascii);

/// Columns that a text takes on a terminal: East Asian wide characters two, combining ones none.
std::size_t display_width(std::string_view text);

}  // namespace netlog::render

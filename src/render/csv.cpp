// SPDX-License-Identifier: MIT
#include "render/render.hpp"

#include <algorithm>
#include <ostream>
#include <string_view>

#include <fmt/format.h>

namespace netlog::render {
namespace {

// A spreadsheet takes text that begins with =, +, - or @ for a formula, also after a tab or a
// carriage return.
bool is_plain(std::string_view text) {
  const bool quiet = std::none_of(text.begin(), text.end(), [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == ',' || c == '"' || byte < 0x20 || byte == 0x7F;
  });
  return quiet && !text.empty() &&
         std::string_view{"=+-@"}.find(text.front()) == std::string_view::npos;
}

std::string csv_cell(const Cell& cell, CsvReader reader) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return fmt::format("{}", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const raw = std::get_if<std::string>(&cell);
  if (raw == nullptr) {
    return {};
  }
  auto text = reader == CsvReader::terminal ? escape_for_terminal(*raw) : *raw;
  // Empty text is quoted: an empty cell means unknown.
  if (is_plain(text)) {
    return text;
  }
  std::string out = "\"";
  for (const char c : text) {
    out += c;
    if (c == '"') {
      out += c;
    }
  }
  return out + "\"";
}

}  // namespace

std::string csv_header(const std::vector<Column>& columns) {
  std::vector<Cell> names;
  names.reserve(columns.size());
  for (const auto& column : columns) {
    names.emplace_back(column.name);
  }
  return csv_row(names);
}

std::string csv_row(const std::vector<Cell>& row, CsvReader reader) {
  std::string out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += (i == 0 ? "" : ",") + csv_cell(row[i], reader);
  }
  return out + "\r\n";
}

void write_csv(std::ostream& out, const Answer& answer, CsvReader reader) {
  for (std::size_t i = 0; i < answer.tables.size(); ++i) {
    const auto& table = answer.tables[i];
    out << (i == 0 ? "" : "\r\n") << csv_header(table.columns);
    for (const auto& row : table.rows) {
      out << csv_row(row, reader);
    }
  }
}

}  // namespace netlog::render

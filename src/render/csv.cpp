// SPDX-License-Identifier: MIT
#include "render/render.hpp"

#include <ostream>

#include <fmt/format.h>

namespace netlog::render {
namespace {

std::string csv_cell(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return fmt::format("{}", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  if (text == nullptr) {
    return {};
  }
  // Empty text in quotes, so that it is not taken for unknown.
  if (!text->empty() && text->find_first_of(",\"\r\n") == std::string::npos) {
    return *text;
  }
  std::string out = "\"";
  for (const char c : *text) {
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

std::string csv_row(const std::vector<Cell>& row) {
  std::string out;
  for (std::size_t i = 0; i < row.size(); ++i) {
    out += (i == 0 ? "" : ",") + csv_cell(row[i]);
  }
  return out + "\r\n";
}

void write_csv(std::ostream& out, const Answer& answer) {
  for (std::size_t i = 0; i < answer.tables.size(); ++i) {
    const auto& table = answer.tables[i];
    out << (i == 0 ? "" : "\r\n") << csv_header(table.columns);
    for (const auto& row : table.rows) {
      out << csv_row(row);
    }
  }
}

}  // namespace netlog::render

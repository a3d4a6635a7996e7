// SPDX-License-Identifier: MIT
#include "report/sql_text.hpp"

#include <algorithm>
#include <cstdint>

#include <fmt/format.h>

namespace netlog::report {
namespace {

std::string sql_literal(const Cell& cell) {
  if (const auto* const number = std::get_if<std::int64_t>(&cell)) {
    return std::to_string(*number);
  }
  if (const auto* const real = std::get_if<double>(&cell)) {
    return fmt::format("{}", *real);
  }
  const auto* const text = std::get_if<std::string>(&cell);
  if (text == nullptr) {
    return "NULL";
  }
  std::string quoted = "'";
  for (const char c : *text) {
    quoted += c == '\'' ? "''" : std::string{c};
  }
  return quoted + "'";
}

}  // namespace

void replace_all(std::string& text, std::string_view mark, std::string_view by) {
  for (auto at = text.find(mark); at != std::string::npos; at = text.find(mark, at + by.size())) {
    text.replace(at, mark.size(), by);
  }
}

std::string with_values(std::string_view sql, const store::Parameters& parameters) {
  constexpr std::string_view kNameCharacters =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
  std::string out;
  const auto copy_until = [&](std::size_t at) {
    at = std::min(at, sql.size());
    out += sql.substr(0, at);
    sql.remove_prefix(at);
  };
  while (!sql.empty()) {
    if (sql[0] == '\'') {
      const auto end = sql.find('\'', 1);
      copy_until(end == std::string_view::npos ? end : end + 1);
    } else if (sql.starts_with("--")) {
      copy_until(sql.find('\n'));
    } else if (sql[0] == ':') {
      const auto end = std::min(sql.find_first_not_of(kNameCharacters, 1), sql.size());
      const auto value = parameters.find(sql.substr(1, end - 1));
      out +=
          value == parameters.end() ? std::string{sql.substr(0, end)} : sql_literal(value->second);
      sql.remove_prefix(end);
    } else {
      copy_until(1);
    }
  }
  return out;
}

}  // namespace netlog::report

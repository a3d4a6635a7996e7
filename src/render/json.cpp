// SPDX-License-Identifier: MIT
#include "render/json_text.hpp"
#include "render/render.hpp"
#include "util/text.hpp"

#include <cmath>
#include <functional>
#include <map>
#include <ostream>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace netlog::render {
namespace {

// RFC 8259 §7: beyond the first 65,536 code points as a pair of UTF-16 surrogates.
std::string json_escape(char32_t point) {
  const auto unit = [](char32_t value) {
    return fmt::format("\\u{:04x}", static_cast<unsigned>(value));
  };
  if (point < 0x10000) {
    return unit(point);
  }
  return unit(0xD7C0 + (point >> 10U)) + unit(0xDC00 + (point & 0x3FFU));
}

std::string json_members(const std::vector<Column>& columns, const std::vector<Cell>& row) {
  std::string out;
  for (std::size_t i = 0; i < columns.size(); ++i) {
    out +=
        fmt::format("{}{}:{}", i == 0 ? "" : ",", json_text(columns[i].name), json_value(row[i]));
  }
  return out;
}

std::string json_reasons(const std::vector<GapReason>& reasons) {
  std::string out;
  for (const auto& [reason, ns] : reasons) {
    out +=
        fmt::format(R"({}{{"reason":{},"ns":{}}})", out.empty() ? "" : ",", json_text(reason), ns);
  }
  return "[" + out + "]";
}

std::string json_completeness(const Completeness& completeness) {
  return fmt::format(
      "{{\"section\":\"completeness\",\"from_ns\":{},\"to_ns\":{},\"recorded_from_ns\":{},"
      "\"recorded_to_ns\":{},\"kernel_opens\":{},\"recorded_opens\":{},"
      "\"percent\":{},\"uncounted_ns\":{},\"gaps\":{},\"gaps_ns\":{},\"gap_reasons\":{},"
      "\"note\":{}}}",
      completeness.from_ns,
      completeness.to_ns,
      completeness.recorded_from_ns,
      completeness.recorded_to_ns,
      json_value(completeness.kernel_opens),
      json_value(completeness.recorded_opens),
      json_value(completeness.percent),
      completeness.uncounted_ns,
      completeness.gaps,
      completeness.gaps_ns,
      json_reasons(completeness.gap_reasons),
      completeness.note.empty() ? "null" : json_text(completeness.note));
}

}  // namespace

// Boost.JSON writes no escapes for what could change a terminal, nor doubles without an exponent.
std::string json_text(std::string_view text) {
  std::string out = "\"";
  const auto utf8_text = to_utf8(text, text.size() * 3);
  for (std::size_t at = 0; at < utf8_text.size();) {
    const auto point = code_point_at(utf8_text, at);
    if (point.value == U'"' || point.value == U'\\') {
      out += '\\';
      out += utf8_text[at];
    } else if (is_harmful(point.value)) {
      out += json_escape(point.value);
    } else {
      out += utf8_text.substr(at, point.length);
    }
    at += point.length;
  }
  return out + "\"";
}

std::string json_value(const Cell& cell) {
  if (const auto* integer = std::get_if<std::int64_t>(&cell)) {
    return fmt::format("{}", *integer);
  }
  if (const auto* real = std::get_if<double>(&cell)) {
    return std::isfinite(*real) ? fmt::format("{}", *real) : "null";
  }
  if (const auto* text = std::get_if<std::string>(&cell)) {
    return json_text(*text);
  }
  return "null";
}

std::string json_row(const std::vector<Column>& columns, const std::vector<Cell>& row) {
  return "{" + json_members(columns, row) + "}";
}

std::vector<std::string> distinct(const std::vector<std::string>& names) {
  std::set<std::string, std::less<>> known{names.begin(), names.end()};
  std::set<std::string, std::less<>> used;
  std::map<std::string, int, std::less<>> numbers;  // the last one that a name got
  std::vector<std::string> out;
  out.reserve(names.size());
  for (const auto& name : names) {
    auto another = name;
    if (used.contains(name)) {
      auto& number = numbers.try_emplace(name, 1).first->second;
      do {
        another = fmt::format("{}_{}", name, ++number);
      } while (known.contains(another));
      known.insert(another);
    }
    used.insert(another);
    out.push_back(std::move(another));
  }
  return out;
}

void write_json(std::ostream& out, const Answer& answer) {
  for (const auto& table : answer.tables) {
    const auto begin = "{\"section\":" + json_text(table.name) + ",";
    for (const auto& row : table.rows) {
      out << begin << json_members(table.columns, row) << "}\n";
    }
  }
  if (answer.completeness) {
    out << json_completeness(*answer.completeness) << '\n';
  }
}

}  // namespace netlog::render

// SPDX-License-Identifier: MIT
#include "ship/row_binary.hpp"

#include <algorithm>
#include <cstddef>
#include <string_view>

namespace netlog::ship {
namespace {

void append_little_endian(std::string& row, std::uint64_t value, std::size_t bytes) {
  for (std::size_t i = 0; i < bytes; ++i) {
    row += static_cast<char>(value >> (8 * i) & 0xFFU);
  }
}

void append_text(std::string& row, std::string_view text) {
  auto length = text.size();
  while (length >= 0x80) {
    row += static_cast<char>((length & 0x7FU) | 0x80U);
    length >>= 7U;
  }
  row += static_cast<char>(length);
  row += text;
}

std::uint32_t date_time(std::int64_t seconds) {
  constexpr std::int64_t kLast = 4'291'747'199;  // the end of 2105: older servers know no later day
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(seconds, 0, kLast));
}

}  // namespace

const char* type_name(ColumnType type) {
  switch (type) {
    case ColumnType::int64:
      return "Int64";
    case ColumnType::nullable_int64:
      return "Nullable(Int64)";
    case ColumnType::uint64:
      return "UInt64";
    case ColumnType::text:
      return "String";
    case ColumnType::nullable_text:
      return "Nullable(String)";
    case ColumnType::seconds:
      return "DateTime('UTC')";
  }
  return "";
}

void append_value(std::string& row, ColumnType type, const Cell& cell) {
  const auto* const number = std::get_if<std::int64_t>(&cell);
  const auto* const text = std::get_if<std::string>(&cell);
  const auto value = number == nullptr ? 0 : *number;
  switch (type) {
    case ColumnType::nullable_int64:
      row += number == nullptr ? '\1' : '\0';
      if (number == nullptr) {
        return;
      }
      [[fallthrough]];
    case ColumnType::int64:
    case ColumnType::uint64:
      return append_little_endian(row, static_cast<std::uint64_t>(value), 8);
    case ColumnType::nullable_text:
      row += text == nullptr ? '\1' : '\0';
      if (text == nullptr) {
        return;
      }
      [[fallthrough]];
    case ColumnType::text:
      return append_text(row, text == nullptr ? std::string_view{} : *text);
    case ColumnType::seconds:
      return append_little_endian(row, date_time(value), 4);
  }
}

}  // namespace netlog::ship

// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"

#include <cstdint>
#include <string>

namespace netlog::ship {

/// The types of a server's columns that netlog uses.
enum class ColumnType : std::uint8_t {
  int64,
  nullable_int64,
  uint64,
  text,
  nullable_text,
  seconds,  ///< DateTime('UTC'): seconds since 1970
};

/// Its name in a statement of ClickHouse, such as `Nullable(Int64)`.
const char* type_name(ColumnType type);

/// Appends a value as ClickHouse's RowBinary has it: numbers little-endian, a text with its length
/// in LEB128 before it, and a byte before what is Nullable: 1 for NULL. A row is its values one
/// after another. What does not fit the type, as a text in a column of numbers, is NULL there, or 0
/// or an empty text in a column without NULL. Source:
/// https://clickhouse.com/docs/en/interfaces/formats#rowbinary
void append_value(std::string& row, ColumnType type, const Cell& cell);

}  // namespace netlog::ship

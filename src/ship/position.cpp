// SPDX-License-Identifier: MIT
#include "ship/position.hpp"

#include "util/text.hpp"

#include <array>
#include <cstddef>
#include <tuple>

namespace netlog::ship {
namespace {

/// Its numbers in the order of the table's columns, between `recording` and `version`.
std::array<std::int64_t, 13> numbers_of(const Position& position) {
  return {position.session,
          position.session_started_ns,
          position.event,
          position.event_connection,
          position.event_at_ns,
          position.connection,
          position.is_complete ? 1 : 0,
          position.gap,
          position.coverage,
          position.checked_connection,
          position.checked_deleted,
          position.checked_ns,
          position.may_lack_rows ? 1 : 0};
}

}  // namespace

bool is_behind(const Position& position, const Position& other) {
  const auto order = [](const Position& of) {
    return std::tuple{of.session, of.session_started_ns, of.is_complete, of.event, of.connection};
  };
  return order(position) < order(other);
}

std::string position_columns() {
  std::string list;
  const auto& columns = position_table().columns;
  for (std::size_t i = 1; i + 1 < columns.size(); ++i) {
    list += (list.empty() ? "" : ", ") + columns[i].name;
  }
  return list;
}

std::optional<Position> decode_position(std::string_view line) {
  std::array<std::int64_t, 13> numbers{};
  const auto fields = split(line, '\t');
  if (fields.size() != numbers.size()) {
    return std::nullopt;
  }
  for (std::size_t i = 0; i < numbers.size(); ++i) {
    const auto number = parse_number<std::int64_t>(fields[i]);
    if (!number || *number < 0) {
      return std::nullopt;
    }
    numbers.at(i) = *number;
  }
  return Position{.session = numbers[0],
                  .session_started_ns = numbers[1],
                  .event = numbers[2],
                  .event_connection = numbers[3],
                  .event_at_ns = numbers[4],
                  .connection = numbers[5],
                  .is_complete = numbers[6] != 0,
                  .gap = numbers[7],
                  .coverage = numbers[8],
                  .checked_connection = numbers[9],
                  .checked_deleted = numbers[10],
                  .checked_ns = numbers[11],
                  .may_lack_rows = numbers[12] != 0};
}

std::string encode_position(const std::string& recording,
                            const Position& position,
                            std::int64_t version) {
  std::string row;
  append_value(row, ColumnType::text, recording);
  for (const auto number : numbers_of(position)) {
    append_value(row, ColumnType::int64, number);
  }
  append_value(row, ColumnType::uint64, version);
  return row;
}

}  // namespace netlog::ship

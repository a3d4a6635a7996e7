// SPDX-License-Identifier: MIT
#pragma once

#include "report/ship_feed.hpp"
#include "ship/fleet_schema.hpp"

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace netlog::ship {

/// How far a recording was shipped. The server keeps it, beside the rows: so it never says more
/// than the server has, and a recording that may not be written can be shipped.
struct Position {
  /// The newest session that the file had.
  std::int64_t session = 0;
  std::int64_t session_started_ns = 0;
  /// Changes up to this event were shipped, and the event, to recognise it.
  std::int64_t event = 0;
  std::int64_t event_connection = 0;
  std::int64_t event_at_ns = 0;
  /// Connections up to this id were shipped at least once.
  std::int64_t connection = 0;
  /// Each connection was shipped once; from then on, those that change.
  bool is_complete = false;
  std::int64_t gap = 0;
  std::int64_t coverage = 0;
  /// Up to this id, and to this number of deletions by retention, it is known which connections
  /// were deleted before they were shipped; and the time of the last event then.
  std::int64_t checked_connection = 0;
  std::int64_t checked_deleted = 0;
  std::int64_t checked_ns = 0;
  /// There may be some since.
  bool may_lack_rows = false;

  bool operator==(const Position&) const = default;
};

/// Whether the first one has shipped less of a recording than the second one.
bool is_behind(const Position& position, const Position& other);

/// The SELECT list that decode_position() reads.
std::string position_columns();

/// One line of numbers with tabs between. Absent for anything else: the server may write what it
/// wants.
std::optional<Position> decode_position(std::string_view line);

/// A row of position_table().
std::string encode_position(const std::string& recording,
                            const Position& position,
                            std::int64_t version);

}  // namespace netlog::ship

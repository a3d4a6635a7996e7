// SPDX-License-Identifier: MIT
#pragma once

#include "ship/row_binary.hpp"

#include <cstdint>
#include <string>
#include <vector>

namespace netlog::ship {

/// Of the tables on a server. A program does not write into tables of another version.
constexpr std::int64_t kFleetVersion = 1;

struct FleetColumn {
  std::string name;
  ColumnType type = ColumnType::nullable_text;
};

/// A table on a server. Of rows with the same key the server keeps the one with the largest
/// `version`, the last column, so a row that arrives twice is one row.
struct FleetTable {
  std::string name;
  std::vector<FleetColumn> columns;
  std::string key;  ///< columns, separated by commas
  std::string day;  ///< the column whose day is the partition; empty: one partition
};

/// One row a connection, under its number in its recording. `recording` comes first, then what
/// report::ShipFeed reads, in its order, then `first_seen` and `version`.
const FleetTable& connection_table();
/// The same for sessions, gaps and coverage. They have no `first_seen`, but sessions have `clip`
/// behind `recording`, and coverage has `began`.
const FleetTable& session_table();
const FleetTable& gap_table();
const FleetTable& coverage_table();
/// How far each recording was shipped: see ship::Position.
const FleetTable& position_table();

/// What makes the tables and views, in order; none changes a table that is there. Works on
/// ClickHouse 18.16 and newer. @param database a name of letters, digits and `_`
std::vector<std::string> creating_statements(const std::string& database);

/// A new version of connections: they are over, and how they ended is not known.
/// @param rows what stands behind FROM @param ids separated by commas
std::string closing_statement(const std::string& database,
                              const std::string& rows,
                              const std::string& ids,
                              std::int64_t version);

/// `INSERT INTO … FORMAT RowBinary`.
std::string insert_statement(const std::string& database, const FleetTable& table);

}  // namespace netlog::ship

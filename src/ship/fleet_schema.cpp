// SPDX-License-Identifier: MIT
#include "ship/fleet_schema.hpp"

#include <map>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::ship {
namespace {

using enum ColumnType;

std::string column_names(const FleetTable& table) {
  std::string names;
  for (const auto& column : table.columns) {
    names += fmt::format("{}`{}`", names.empty() ? "" : ", ", column.name);
  }
  return names;
}

std::string create_table(const std::string& database, const FleetTable& table) {
  std::string columns;
  for (const auto& column : table.columns) {
    columns +=
        fmt::format("{}`{}` {}", columns.empty() ? "" : ", ", column.name, type_name(column.type));
  }
  return fmt::format(
      "CREATE TABLE IF NOT EXISTS `{}`.`{}` ({}) ENGINE = ReplacingMergeTree(version){} ORDER BY "
      "({}) SETTINGS index_granularity = 8192",
      database,
      table.name,
      columns,
      table.day.empty() ? "" : fmt::format(" PARTITION BY toYYYYMMDD(`{}`)", table.day),
      table.key);
}

/// A moment as ISO 8601 text, as in the views of a recording.
std::string utc_text(std::string_view ns) {
  return fmt::format(
      "concat(replaceOne(toString(toDateTime(intDiv(`{0}`, 1000000000), 'UTC')), ' ', 'T'), '.', "
      "substring(toString(1000000 + intDiv(`{0}` % 1000000000, 1000)), 2), 'Z')",
      ns);
}

/// An address and a port as one text, as in the views of a recording.
std::string endpoint_text(std::string_view side) {
  return fmt::format(
      "concat(if(position(`{0}_address`, ':') > 0, concat('[', `{0}_address`, ']'), "
      "`{0}_address`), if(isNull(`{0}_port`), '', concat(':', "
      "toString(assumeNotNull(`{0}_port`)))))",
      side);
}

/// A view under the name that a recording has for it. A row that was shipped twice is one row.
std::vector<std::string> create_view(const std::string& database,
                                     std::string_view name,
                                     const FleetTable& table,
                                     const std::vector<std::string>& derived) {
  std::string columns;
  for (const auto& column : table.columns) {
    if (column.name != "version" && column.name != "clip") {
      columns += fmt::format("{}`{}`", columns.empty() ? "" : ", ", column.name);
    }
  }
  for (const auto& column : derived) {
    columns += ", " + column;
  }
  return {fmt::format("DROP TABLE IF EXISTS `{}`.`{}`", database, name),
          fmt::format("CREATE VIEW `{0}`.`{1}` AS SELECT {2} FROM `{0}`.`{3}` FINAL",
                      database,
                      name,
                      columns,
                      table.name)};
}

}  // namespace

const FleetTable& connection_table() {
  static const FleetTable table{"connection_rows",
                                {{"recording", text},
                                 {"host", text},
                                 {"boot_id", nullable_text},
                                 {"id", int64},
                                 {"session_id", int64},
                                 {"protocol", text},
                                 {"family", text},
                                 {"local_address", text},
                                 {"local_port", int64},
                                 {"remote_address", nullable_text},
                                 {"remote_port", nullable_int64},
                                 {"direction", text},
                                 {"pid", nullable_int64},
                                 {"process", nullable_text},
                                 {"exe", nullable_text},
                                 {"cmdline", nullable_text},
                                 {"user", nullable_text},
                                 {"cgroup", nullable_text},
                                 {"service", nullable_text},
                                 {"netns", nullable_int64},
                                 {"owner_source", text},
                                 {"opened_ns", nullable_int64},
                                 {"open_error_ns", nullable_int64},
                                 {"first_seen_ns", int64},
                                 {"last_seen_ns", int64},
                                 {"closed_ns", nullable_int64},
                                 {"close_error_ns", nullable_int64},
                                 {"duration_ns", nullable_int64},
                                 {"state", nullable_text},
                                 {"offload", nullable_text},
                                 {"outcome", text},
                                 {"bytes_sent", nullable_int64},
                                 {"bytes_received", nullable_int64},
                                 {"retransmits", nullable_int64},
                                 {"rtt_us", nullable_int64},
                                 {"seen_by", nullable_text},
                                 {"owner_reason", nullable_text},
                                 {"uid", nullable_int64},
                                 {"gone", int64},
                                 {"outcome_reason", nullable_text},
                                 {"syns", nullable_int64},
                                 {"container", nullable_text},
                                 {"clock_adjust_ns", nullable_int64},
                                 {"unanswered_ms", nullable_int64},
                                 {"unit", nullable_text},
                                 {"pod", nullable_text},
                                 {"container_name", nullable_text},
                                 {"pod_name", nullable_text},
                                 {"errno", nullable_int64},
                                 {"process_id", nullable_int64},
                                 {"datagrams_sent", nullable_int64},
                                 {"datagrams_received", nullable_int64},
                                 {"remote_name", nullable_text},
                                 {"name_source", nullable_text},
                                 {"service_caption", nullable_text},
                                 {"not_before_ns", nullable_int64},
                                 {"first_seen", seconds},
                                 {"version", uint64}},
                                "host, first_seen, recording, id",
                                "first_seen"};
  return table;
}

const FleetTable& session_table() {
  static const FleetTable table{"session_rows",
                                {{"recording", text},
                                 {"clip", text},
                                 {"id", int64},
                                 {"host", text},
                                 {"os", text},
                                 {"kernel", text},
                                 {"netlog_version", text},
                                 {"boot_id", nullable_text},
                                 {"utc_offset_s", int64},
                                 {"interval_ns", int64},
                                 {"sources", text},
                                 {"started_ns", int64},
                                 {"ended_ns", nullable_int64},
                                 {"last_alive_ns", int64},
                                 {"ticks", int64},
                                 {"late_ticks", int64},
                                 {"skipped_ticks", int64},
                                 {"version", uint64}},
                                "host, recording, id",
                                ""};
  return table;
}

const FleetTable& gap_table() {
  static const FleetTable table{"gap_rows",
                                {{"recording", text},
                                 {"host", text},
                                 {"id", int64},
                                 {"session_id", int64},
                                 {"netns", nullable_int64},
                                 {"from_ns", int64},
                                 {"to_ns", int64},
                                 {"source", text},
                                 {"reason", text},
                                 {"lost", nullable_int64},
                                 {"detail", nullable_text},
                                 {"version", uint64}},
                                "host, recording, id",
                                ""};
  return table;
}

const FleetTable& coverage_table() {
  static const FleetTable table{"coverage_rows",
                                {{"recording", text},
                                 {"host", text},
                                 {"id", int64},
                                 {"session_id", int64},
                                 {"netns", nullable_int64},
                                 {"from_ns", int64},
                                 {"to_ns", int64},
                                 {"kernel_opens", int64},
                                 {"recorded_opens", int64},
                                 {"kernel_failures", nullable_int64},
                                 {"recorded_failures", nullable_int64},
                                 {"began", seconds},
                                 {"version", uint64}},
                                "host, began, recording, id",
                                "began"};
  return table;
}

const FleetTable& position_table() {
  static const FleetTable table{"position_rows",
                                {{"recording", text},
                                 {"session", int64},
                                 {"session_started_ns", int64},
                                 {"event", int64},
                                 {"event_connection", int64},
                                 {"event_at_ns", int64},
                                 {"connection", int64},
                                 {"is_complete", int64},
                                 {"gap", int64},
                                 {"coverage", int64},
                                 {"checked_connection", int64},
                                 {"checked_deleted", int64},
                                 {"checked_ns", int64},
                                 {"may_lack_rows", int64},
                                 {"version", uint64}},
                                "recording",
                                ""};
  return table;
}

std::vector<std::string> creating_statements(const std::string& database) {
  std::vector<std::string> statements{
      fmt::format("CREATE DATABASE IF NOT EXISTS `{}`", database),
      fmt::format("CREATE TABLE IF NOT EXISTS `{}`.netlog_schema (version Int64) ENGINE = "
                  "ReplacingMergeTree() ORDER BY version",
                  database)};
  for (const auto* const table : {&connection_table(),
                                  &session_table(),
                                  &gap_table(),
                                  &coverage_table(),
                                  &position_table()}) {
    statements.push_back(create_table(database, *table));
  }
  const auto add_view = [&](auto... arguments) {
    for (auto& statement : create_view(database, arguments...)) {
      statements.push_back(std::move(statement));
    }
  };
  const auto moment = [](std::string_view name) {
    return fmt::format("{} AS {}_at", utc_text(fmt::format("{}_ns", name)), name);
  };
  add_view("connections",
           connection_table(),
           std::vector{moment("opened"),
                       moment("closed"),
                       endpoint_text("local") + " AS local",
                       endpoint_text("remote") + " AS remote"});
  add_view("sessions", session_table(), std::vector{moment("started"), moment("ended")});
  add_view("gaps", gap_table(), std::vector{moment("from"), moment("to")});
  add_view("coverage",
           coverage_table(),
           std::vector<std::string>{
               moment("from"),
               "if(kernel_opens > 0, least(100., 100. * recorded_opens / kernel_opens), NULL) AS "
               "percent"});
  statements.push_back(
      fmt::format("INSERT INTO `{}`.netlog_schema (version) VALUES ({})", database, kFleetVersion));
  return statements;
}

std::string closing_statement(const std::string& database,
                              const std::string& rows,
                              const std::string& ids,
                              std::int64_t version) {
  const std::map<std::string, std::string> changed{
      {"gone", "1"},
      {"outcome", "'unknown'"},
      {"outcome_reason", "'not_shipped'"},
      {"state", "NULL"},
      {"version", fmt::format("{}", static_cast<std::uint64_t>(version))}};
  std::string values;
  for (const auto& column : connection_table().columns) {
    const auto found = changed.find(column.name);
    values += values.empty() ? "" : ", ";
    values += found == changed.end() ? fmt::format("`{}`", column.name) : found->second;
  }
  return fmt::format("INSERT INTO `{}`.connection_rows ({}) SELECT {} FROM {} AND id IN ({})",
                     database,
                     column_names(connection_table()),
                     values,
                     rows,
                     ids);
}

std::string insert_statement(const std::string& database, const FleetTable& table) {
  return fmt::format(
      "INSERT INTO `{}`.`{}` ({}) FORMAT RowBinary", database, table.name, column_names(table));
}

}  // namespace netlog::ship

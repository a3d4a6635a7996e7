// SPDX-License-Identifier: MIT
#pragma once

#include "ship/fleet_schema.hpp"
#include "ship/requests.hpp"
#include "ship/server.hpp"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <fmt/format.h>

namespace netlog_tests::fleet {

using netlog::ship::Answer;
using netlog::ship::ColumnType;
using netlog::ship::FleetTable;
using netlog::ship::ServerFailure;

/// A row as text, by column.
using Row = std::map<std::string, std::string>;

/// Reads RowBinary.
class RowBinaryReader {
 public:
  explicit RowBinaryReader(std::string_view bytes) : rest_{bytes} {}

  bool has_more() const { return !rest_.empty(); }

  std::string value(ColumnType type) {
    switch (type) {
      case ColumnType::nullable_int64:
        return number(1) != 0 ? "NULL" : value(ColumnType::int64);
      case ColumnType::nullable_text:
        return number(1) != 0 ? "NULL" : value(ColumnType::text);
      case ColumnType::int64:
        return std::to_string(static_cast<std::int64_t>(number(8)));
      case ColumnType::uint64:
        return std::to_string(number(8));
      case ColumnType::seconds:
        return std::to_string(number(4));
      case ColumnType::text:
        break;
    }
    std::uint64_t length = 0;
    for (unsigned shift = 0;; shift += 7) {
      const auto byte = number(1);
      length |= (byte & 0x7FU) << shift;
      if (byte < 0x80) {
        break;
      }
    }
    const std::string text{rest_.substr(0, length)};
    rest_.remove_prefix(length);
    return text;
  }

 private:
  std::uint64_t number(std::size_t bytes) {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < bytes; ++i) {
      value |= static_cast<std::uint64_t>(static_cast<unsigned char>(rest_.at(i))) << (8 * i);
    }
    rest_.remove_prefix(bytes);
    return value;
  }

  std::string_view rest_;
};

/// What a server keeps of what is sent to it: of each key the row with the largest version.
class FakeServer : public netlog::ship::Server {
 public:
  /// Called before each request, with its number from 1 on; a failure is the answer then.
  std::function<std::optional<ServerFailure>(int)> before = [](int) { return std::nullopt; };
  /// The same, once the request has had its effect.
  std::function<std::optional<ServerFailure>(int)> after = [](int) { return std::nullopt; };
  std::string version = "1";
  int requests = 0;
  std::vector<std::string> statements;

  Answer<std::string> run(const std::string& statement) override {
    if (const auto failure = before(++requests)) {
      return *failure;
    }
    statements.push_back(statement);
    if (const auto failure = after(requests)) {
      return *failure;
    }
    return answer(statement);
  }

  Answer<void> insert(const std::string& statement, std::string_view body) override {
    if (const auto failure = before(++requests)) {
      return *failure;
    }
    for (const auto* const table : {&netlog::ship::connection_table(),
                                    &netlog::ship::session_table(),
                                    &netlog::ship::gap_table(),
                                    &netlog::ship::coverage_table(),
                                    &netlog::ship::position_table()}) {
      if (netlog::ship::insert_statement("db", *table) == statement) {
        keep(*table, body);
      }
    }
    if (const auto failure = after(requests)) {
      return *failure;
    }
    return {};
  }

  /// The rows of a table, these columns of each, a line a row.
  std::string rows(const FleetTable& table, const std::vector<std::string>& columns) const {
    std::string text;
    const auto found = tables_.find(table.name);
    if (found == tables_.end()) {
      return text;
    }
    for (const auto& [key, row] : found->second) {
      for (const auto& column : columns) {
        text += (column == columns.front() ? "" : "|") + row.at(column);
      }
      text += "\n";
    }
    return text;
  }

  /// As a server that has lost everything since its tables were made.
  void clear() { tables_.clear(); }

  void change(const FleetTable& table, const std::string& column, const std::string& value) {
    for (auto& [key, row] : tables_[table.name]) {
      row[column] = value;
    }
  }

 private:
  void keep(const FleetTable& table, std::string_view body) {
    RowBinaryReader in{body};
    while (in.has_more()) {
      Row row;
      for (const auto& column : table.columns) {
        row[column.name] = in.value(column.type);
      }
      const bool has_id = row.contains("id");
      auto& kept = tables_[table.name][{row["recording"], has_id ? std::stoll(row["id"]) : 0}];
      if (kept.empty() || std::stoull(kept["version"]) <= std::stoull(row["version"])) {
        kept = row;
      }
    }
  }

  std::string answer(const std::string& statement) const {
    const auto has = [&](std::string_view text) {
      return statement.find(text) != std::string::npos;
    };
    const auto connections = tables_.find("connection_rows");
    const auto positions = tables_.find("position_rows");
    if (has("system.tables") || has("max(version)")) {
      return version + "\n";
    }
    if (has("min(recording)")) {
      const auto sessions = tables_.find("session_rows");
      return (sessions == tables_.end() ? "" : sessions->second.begin()->first.first) + "\n";
    }
    if (has("position_rows") && positions != tables_.end()) {
      std::string line;
      const auto& columns = netlog::ship::position_table().columns;
      for (std::size_t i = 1; i + 1 < columns.size(); ++i) {
        line += (i == 1 ? "" : "\t") + positions->second.begin()->second.at(columns[i].name);
      }
      return line + "\n";
    }
    if (has("uniqExact(id)")) {
      return std::to_string(connections->second.size()) + "\n";
    }
    if (has("SELECT id FROM")) {
      std::string ids;
      for (const auto& [key, row] : connections->second) {
        ids += row.at("gone") == "0" ? row.at("id") + "\n" : "";
      }
      return ids;
    }
    return "";
  }

  std::map<std::string, std::map<std::pair<std::string, std::int64_t>, Row>> tables_;
};

/// Does not wait, and counts how long it would have.
struct FakeSurroundings {
  netlog::ship::ShipEnvironment environment;
  std::vector<std::int64_t> waits_ms;
  std::vector<std::string> troubles;
  bool is_stopped = false;
  std::int64_t clock_ns = 0;

  FakeSurroundings() {
    environment.wait = [this](std::chrono::milliseconds time) {
      if (time.count() > 0) {
        waits_ms.push_back(time.count());
      }
      return !is_stopped;
    };
    environment.on_trouble = [this](const std::optional<std::string>& reason) {
      troubles.push_back(reason.value_or("over"));
    };
    environment.wall_clock_ns = [this] { return ++clock_ns; };
    environment.retry_for = std::chrono::seconds{30};
  }
  FakeSurroundings(const FakeSurroundings&) = delete;
  FakeSurroundings& operator=(const FakeSurroundings&) = delete;
};

}  // namespace netlog_tests::fleet

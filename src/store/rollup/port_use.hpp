// SPDX-License-Identifier: MIT
#pragma once

#include <compare>
#include <cstdint>
#include <map>
#include <set>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// How many local ports were in use at once in one namespace between one of our addresses and one
/// endpoint: the table port_use (schema/tables.sql). A connection's port is in use until the
/// kernel has forgotten it, so TIME_WAIT counts. Lives on the writer's thread; must die before the
/// database.
class PortUse {
 public:
  struct Pair {
    std::int64_t netns = -1;  ///< -1: none
    std::int64_t local_address = 0;
    std::int64_t remote_address = 0;
    std::uint16_t remote_port = 0;

    auto operator<=>(const Pair&) const = default;
  };

  explicit PortUse(SQLite::Database& database);

  void taken(std::int64_t connection, const Pair& pair, std::int64_t at_ns);
  /// What a session has open already, and what it takes up again: its ports are counted.
  void resume(std::int64_t session);
  void resume_one(std::int64_t connection);
  /// Of a connection that took none: nothing happens.
  void left(std::int64_t connection);
  /// Into the file what has changed since the last time.
  void write();

 private:
  struct Use {
    std::int64_t now = 0;
    std::int64_t peak = 0;
    std::int64_t peak_ns = 0;
    std::int64_t unwritten = 0;  ///< connections
  };

  void hold(SQLite::Statement& selected);

  SQLite::Database& database_;
  boost::unordered_flat_map<std::int64_t, Pair> holders_;  ///< connections that hold a port
  std::map<Pair, Use> uses_;                               ///< of pairs in use
  std::set<Pair> changed_;
  SQLite::Statement upsert_;
};

/// Fills an empty table port_use from the connections, as PortUse would have while they were
/// recorded. What has a life class is not there any more.
void sum_ports(SQLite::Database& database);

}  // namespace netlog::store

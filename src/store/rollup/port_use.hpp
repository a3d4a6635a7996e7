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
/// kernel has freed it, so TIME_WAIT counts. Used on the writer thread; must be destroyed before
/// the database.
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

  /// A connection has taken a local port.
  void taken(std::int64_t connection, const Pair& pair, std::int64_t at_ns);
  /// Counts the ports of connections that are open in the file: of a session, or of one connection.
  void resume(std::int64_t session);
  void resume_one(std::int64_t connection);
  /// A connection has freed its port. Does nothing if it had none.
  void left(std::int64_t connection);
  /// Writes what has changed since the last call.
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

/// Fills an empty table port_use from the connections, with the rows that PortUse would have
/// written. A connection with a duration bucket is closed.
void sum_ports(SQLite::Database& database);

}  // namespace netlog::store

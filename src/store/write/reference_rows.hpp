// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "model/process.hpp"
#include "store/db/key_hash.hpp"
#include "store/write/session_start.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// The rows that connections, events and lookups refer to: addresses, names, peers, processes.
/// Finds their ids or inserts them, and caches the ids. Used on the writer thread, inside its
/// transactions; must be destroyed before the database.
class ReferenceRows {
 public:
  ReferenceRows(SQLite::Database& database, const SessionStart& start);

  std::int64_t address(const IpAddress& address);
  std::int64_t name(const std::string& name);
  /// Absent for a listener, and if the remote end is unknown.
  std::optional<std::int64_t> peer(const Connection& connection);
  /// Absent if the process was never added.
  std::optional<std::int64_t> process(const std::optional<ProcessId>& process);
  /// Inserts a process, unless an earlier session of the same boot has inserted it.
  void add(const Process& process);

  /// Clears the cache. To be called when rows were deleted.
  void forget();

 private:
  struct AddressHash {
    std::size_t operator()(const IpAddress& address) const {
      return hash_value(Endpoint{address, 0});
    }
  };
  /// A row of the table peer.
  struct Peer {
    std::int64_t direction = 0;
    std::int64_t protocol = 0;
    std::int64_t remote_address = 0;
    std::int64_t port = 0;  ///< 0: none
    std::int64_t name = 0;  ///< 0: none
    std::int64_t name_source = 0;

    bool operator==(const Peer&) const = default;
  };

  Peer peer_of(const Connection& connection);
  std::int64_t find_or_insert(const Peer& peer);

  SQLite::Database& database_;
  const SessionStart& start_;
  std::map<ProcessId, std::int64_t> processes_;
  boost::unordered_flat_map<IpAddress, std::int64_t, AddressHash> addresses_;
  boost::unordered_flat_map<std::string, std::int64_t> names_;
  boost::unordered_flat_map<Peer, std::int64_t, KeyHash> peers_;

  SQLite::Statement insert_address_;
  SQLite::Statement find_address_;
  SQLite::Statement insert_name_;
  SQLite::Statement find_name_;
  SQLite::Statement insert_peer_;
  SQLite::Statement find_peer_;
  SQLite::Statement insert_process_;
  SQLite::Statement complete_process_;
  SQLite::Statement find_process_;
};

/// Whether the remote address or port is not zero.
bool knows_remote(const FiveTuple& tuple);

}  // namespace netlog::store

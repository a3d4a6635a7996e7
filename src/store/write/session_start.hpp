// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/write/left_open.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// The ids that the rows of a new session refer to.
struct SessionStart {
  std::int64_t session_id = 0;
  std::optional<std::string> boot_id;
  LeftOpen left_open;
  std::vector<std::int64_t> left_open_rows;  ///< of left_open.connections, in their order
  std::map<ProcessId, std::int64_t> owners;  ///< of left_open.connections
  std::int64_t connection_base = 0;          ///< the last row before those of this session

  /// The row of a connection. The first ids are those that an earlier session left open.
  [[nodiscard]] std::int64_t row_of(ConnectionId id) const {
    const auto old = static_cast<ConnectionId>(left_open_rows.size());
    return id <= old ? left_open_rows.at(static_cast<std::size_t>(id - 1))
                     : connection_base + id - old;
  }
};

/// Starts a session, in one transaction. Closes the connections that did not survive a reboot, adds
/// those that an earlier session left open to the sums, and inserts the time since that session as
/// a gap.
SessionStart start_session(SQLite::Database& database, const Session& session);

}  // namespace netlog::store

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

/// A session that has begun in a file: what its rows refer to.
struct SessionStart {
  std::int64_t session_id = 0;
  std::optional<std::string> boot_id;
  LeftOpen left_open;
  std::vector<std::int64_t> left_open_rows;  ///< of left_open.connections, in their order
  std::map<ProcessId, std::int64_t> owners;  ///< of left_open.connections
  std::int64_t connection_base = 0;  ///< connections that are new in this session follow this row

  /// The row of a connection of this session. Those left open by an earlier one come first.
  [[nodiscard]] std::int64_t row_of(ConnectionId id) const {
    const auto old = static_cast<ConnectionId>(left_open_rows.size());
    return id <= old ? left_open_rows.at(static_cast<std::size_t>(id - 1))
                     : connection_base + id - old;
  }
};

/// Begins a session in a transaction of its own: ends what did not survive a reboot, sums up what
/// an earlier recorder left open, and enters the time since then as a gap.
SessionStart start_session(SQLite::Database& database, const Session& session);

}  // namespace netlog::store

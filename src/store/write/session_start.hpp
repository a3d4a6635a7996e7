// SPDX-License-Identifier: MIT
#pragma once

#include "model/recording.hpp"
#include "store/write/left_open.hpp"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <tuple>
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
  bool in_another_file = false;              ///< after begin_in_another_file()
  Heartbeat counted;  ///< ticks that the recorder had counted before this session

  /// The row of a connection. The first ids are those that an earlier session left open.
  [[nodiscard]] std::int64_t row_of(ConnectionId id) const;

  /// The session began in another file, where the ids were given out: none of them is of a
  /// connection that is left open here. @param there the last heartbeat in that file
  void begin_in_another_file(const Heartbeat& there);
  /// After that: the connections that are left open here, too, go on in their rows.
  void continue_rows(const std::vector<Connection>& connections);

 private:
  using Key = std::tuple<std::uint64_t, FiveTuple, std::uint64_t>;  ///< netns, tuple, incarnation

  std::map<Key, std::int64_t> rows_here_;
  std::map<ConnectionId, std::int64_t> continued_;
};

/// A connection that a session left open.
struct RowLeftOpen {
  std::int64_t row = 0;
  std::int64_t seen_ns = 0;  ///< the last sign of life of it or of its session
  std::uint64_t netns = 0;   ///< 0: unknown
};

/// What earlier sessions of this boot left open and this one has not taken over, by row.
std::vector<RowLeftOpen> rows_left_open(SQLite::Database& database, const SessionStart& start);

/// Starts a session, in one transaction. Closes the connections that did not survive a reboot, adds
/// those that an earlier session left open to the sums, and inserts the time since that session as
/// a gap.
SessionStart start_session(SQLite::Database& database, const Session& session);

}  // namespace netlog::store

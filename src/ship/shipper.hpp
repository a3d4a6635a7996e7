// SPDX-License-Identifier: MIT
#pragma once

#include "report/ship_feed.hpp"
#include "ship/fleet_schema.hpp"
#include "ship/position.hpp"
#include "ship/requests.hpp"
#include "ship/server.hpp"
#include "util/bounded_map.hpp"

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace netlog::ship {

struct ShipCounts {
  std::int64_t connections = 0;  ///< rows of connections that were sent
  std::int64_t requests = 0;     ///< that have brought rows
  std::int64_t bytes = 0;        ///< of these, before they were compressed
  std::int64_t lost = 0;  ///< connections that retention had deleted before they were shipped
};

/// Creates the tables and views in a database. @throws CommandFailed if there are newer ones;
/// Stopped.
void create_tables(Server& server, const std::string& database, const ShipEnvironment& environment);

/// Brings the connections of a recording, its sessions, gaps and coverage to a server. Each row has
/// a key and a version that do not depend on who sends it, or how often. So what is sent twice, by
/// one shipper or by two, is one row on the server. All functions throw CommandFailed if the server
/// refuses something or is away for longer than the environment allows, StoreError from the reader,
/// and Stopped.
class Shipper {
 public:
  /// Asks the server whether it has the right tables, and how far the recording was shipped.
  Shipper(store::Reader& reader,
          Server& server,
          std::string database,
          const ShipEnvironment& environment);

  /// Ships what has changed since it was called last.
  void ship_changes();

  /// Ships again what changes without an event: counters of open connections, and what becomes
  /// known of a connection after its end. Then finds out what the server lacks.
  void refresh();

  [[nodiscard]] const ShipCounts& counts() const { return counts_; }
  [[nodiscard]] const Position& position() const { return position_; }
  /// Under which the server keeps the recording.
  [[nodiscard]] const std::string& recording() const { return recording_; }

 private:
  struct Batch {
    std::map<std::int64_t, std::string> by_day;  ///< rows by the partition that they belong to
    std::int64_t rows = 0;
  };

  void check_tables();
  void find_recording();
  std::optional<Position> read_position();
  void find_position();
  bool is_set_back(const std::optional<Position>& on_server);
  void begin_again(const report::NewestRows& newest);
  void follow_session(const report::NewestRows& newest);
  void ship_first();
  bool ship_changed();
  void ship_late_changes();
  void ship_open();
  void ship_sessions();
  void ship_gaps();
  void ship_coverage();
  void ship_connections(const report::ShipPage& page);
  void note_deletions(const report::ShipPage& page);
  void find_lost();
  std::int64_t lost_connections(const report::NewestRows& newest);
  std::int64_t end_lost_connections(const report::NewestRows& newest);
  void write_gap(const report::NewestRows& newest,
                 std::int64_t id,
                 std::string_view reason,
                 std::int64_t lost);
  void add(Batch& batch,
           const FleetTable& table,
           const std::vector<Cell>& cells,
           const report::NewestRows& newest,
           BoundedMap<std::int64_t, std::size_t>* sent);
  void send(const FleetTable& table, const Batch& batch);
  void write_position();
  [[nodiscard]] std::string rows_of_recording(const FleetTable& table) const;

  report::ShipFeed feed_;
  Requests requests_;
  std::string database_;
  const ShipEnvironment& environment_;
  report::RecordingIdentity identity_;
  std::string recording_;
  Position position_;
  Position written_;                  ///< as the server has it
  bool was_set_back_ = false;         ///< the server lacks what it had
  std::int64_t refreshed_event_ = 0;  ///< changes up to it were shipped again
  ShipCounts counts_;
  /// A hash of what was sent last: what has not changed is not sent again.
  BoundedMap<std::int64_t, std::size_t> sent_;
  BoundedMap<std::int64_t, std::size_t> sent_sessions_;
  BoundedMap<std::int64_t, std::size_t> sent_gaps_;
};

}  // namespace netlog::ship

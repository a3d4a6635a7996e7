// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/bulk_insert.hpp"
#include "store/db/key_hash.hpp"

#include <compare>
#include <cstdint>
#include <optional>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// Class of a duration in ns, eight for each doubling: a class's longest is less than 12.5 % above
/// its shortest. Ordered as the durations are; negative ones count as 0.
std::int64_t duration_class(std::int64_t ns);

/// A state that a connection came into.
struct StateChange {
  std::int64_t at_ns = 0;
  std::optional<std::int64_t> state;  ///< absent: it is not in any after it
  std::int64_t event = 0;             ///< the row that tells
};

/// What is summed up of a connection: columns of its row, and what its events tell.
struct EndedConnection {
  std::optional<std::int64_t> process;
  std::int64_t direction = 0;
  std::int64_t protocol = 0;
  std::optional<std::int64_t> netns;
  std::optional<std::int64_t> local_address;
  std::optional<std::int64_t> local_port;
  std::optional<std::int64_t> peer;
  std::int64_t outcome = 0;
  std::optional<std::int64_t> outcome_reason;
  std::optional<std::int64_t> owner_reason;
  std::optional<std::int64_t> opened_ns;
  std::optional<std::int64_t> open_error_ns;
  std::int64_t first_seen_ns = 0;
  std::int64_t last_seen_ns = 0;
  std::optional<std::int64_t> closed_ns;
  std::optional<std::int64_t> syns;
  std::optional<std::int64_t> bytes_sent;
  std::optional<std::int64_t> bytes_received;
  std::int64_t clock_adjust_ns = 0;
  std::vector<StateChange> states;
};

/// Sums of ended connections: the tables flow, flow_sum, flow_dwell, long_dwell, open_second and
/// open_minute (schema/004_flows.sql). Lives on the writer's thread, inside its transactions; must
/// die before the database.
class Flows {
 public:
  explicit Flows(SQLite::Database& database);

  /// What the row of a summed-up connection says of it.
  struct Place {
    std::int64_t flow = 0;
    std::optional<std::int64_t> duration_bucket;
  };

  /// Adds a connection that has ended; its row, with its place, may be to come. Its sums are in the
  /// file after the next call of the other add(), which must be of the same transaction.
  Place add(std::int64_t connection, const EndedConnection& one);
  /// Adds connections whose rows say that they have ended, and that are not summed up yet.
  void add(const std::vector<std::int64_t>& connections);
  /// Takes some out again, before their rows change or go. A flow of which nothing is left goes.
  /// @returns whether any was summed up
  bool remove(const std::vector<std::int64_t>& connections);
  /// Rows that it remembers may have been deleted.
  void forget() { flows_.clear(); }
  /// Before a session begins: adds all that are not. What an earlier recorder left open counts as
  /// long as it saw it; a recording that an older netlog has written takes half a minute for each
  /// million.
  void catch_up();
  /// The table clock_step has a new row.
  void note_clock_step();

 private:
  /// What tells one flow from another. -1: none; without an address it is all that a process has.
  struct Key {
    std::int64_t process = -1;
    std::int64_t direction = 0;
    std::int64_t protocol = 0;
    std::int64_t netns = -1;
    std::int64_t local_address = -1;
    std::int64_t local_port = -1;
    std::int64_t peer = -1;

    auto operator<=>(const Key&) const = default;
  };
  struct SumKey {
    std::int64_t flow = 0;
    std::int64_t outcome = 0;
    std::int64_t outcome_reason = -1;
    std::int64_t owner_reason = -1;

    auto operator<=>(const SumKey&) const = default;
  };
  struct Sum {
    std::int64_t connections = 0;
    std::int64_t opened = 0;
    std::int64_t closed_by_us = 0;
    std::int64_t closed_by_peer = 0;
    std::optional<std::int64_t> syns;
    std::optional<std::int64_t> longest_ns;
    std::optional<std::int64_t> open_error_ns;
    std::optional<std::int64_t> bytes_sent;
    std::optional<std::int64_t> bytes_received;
    std::int64_t first_ns = 0;
    std::int64_t last_ns = 0;
    std::optional<std::int64_t> first_closed_ns;
    std::optional<std::int64_t> last_closed_ns;
  };
  struct StayKey {
    std::int64_t flow = 0;
    std::int64_t state = 0;
    std::int64_t duration_class = 0;

    auto operator<=>(const StayKey&) const = default;
  };
  struct Stays {
    std::int64_t count = 0;
    std::int64_t longest_ns = 0;
  };
  struct SecondKey {
    std::int64_t second = 0;
    std::int64_t process = -1;
    std::int64_t direction = 0;

    auto operator<=>(const SecondKey&) const = default;
  };
  struct DurationBucket {
    std::int64_t span_ns = 0;
    std::int64_t code = 0;
  };
  /// One connection as it is counted.
  struct Ended {
    Key key;
    SumKey sum_key;  ///< without the flow
    Sum sum;
    std::int64_t life_ns = 0;  ///< from its beginning to when it was last seen
    std::optional<std::int64_t> opened_ns;
    struct Stay {
      std::int64_t state = 0;
      std::int64_t from_ns = 0;
      std::int64_t to_ns = 0;
      std::int64_t from_event = 0;
      std::int64_t clock_adjust_ns = 0;  ///< the clock, meanwhile

      [[nodiscard]] std::int64_t dwell_ns() const;
    };
    std::vector<Stay> stays;
  };

  EndedConnection read(std::int64_t connection);
  Ended summed(const EndedConnection& one);
  void stays(const EndedConnection& connection, Ended& ended);
  /// By how much the clock was set from one event to a later one; absent: to now.
  std::int64_t clock_adjust_ns(std::int64_t from_event, std::optional<std::int64_t> to_event);
  std::int64_t flow_id(const Key& key);
  /// Into the sums that are not written yet, `sign` times: its flow's and its process's.
  /// @returns the flow
  std::int64_t count(const Ended& ended, std::int64_t sign);
  void count(std::int64_t flow, const Ended& ended, std::int64_t sign);
  void write();
  void write_opens();

  SQLite::Database& database_;
  std::optional<std::int64_t> last_step_;  ///< the event before it; absent: the clock was never set
  std::vector<DurationBucket> duration_buckets_;  ///< shortest first
  boost::unordered_flat_map<Key, std::int64_t, KeyHash> flows_;
  boost::unordered_flat_map<SumKey, Sum, KeyHash> sums_;
  boost::unordered_flat_map<StayKey, Stays, KeyHash> stays_;
  boost::unordered_flat_map<SecondKey, std::int64_t, KeyHash> seconds_;

  SQLite::Statement select_connection_;
  SQLite::Statement select_states_;
  SQLite::Statement select_steps_;
  SQLite::Statement find_flow_;
  SQLite::Statement find_process_flow_;
  SQLite::Statement insert_flow_;
  SQLite::Statement assign_;
  SQLite::Statement unassign_;
  SQLite::Statement add_sum_;
  BulkInsert<5> add_stays_;
  SQLite::Statement add_slow_;
  SQLite::Statement remove_slow_;
  BulkInsert<4> add_seconds_;
  SQLite::Statement select_second_;
  BulkInsert<6> add_minutes_;
  SQLite::Statement delete_sums_;
  SQLite::Statement delete_stays_;
  SQLite::Statement delete_flow_;
  SQLite::Statement delete_second_;
  SQLite::Statement delete_minute_;
};

}  // namespace netlog::store

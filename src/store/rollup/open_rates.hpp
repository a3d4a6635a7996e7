// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/bulk_insert.hpp"
#include "store/db/key_hash.hpp"

#include <compare>
#include <cstdint>
#include <utility>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// How many connections a process opened in each second and each minute, of those that are closed
/// by now: the tables open_second and open_minute; and in each hour, of those that have no row:
/// the table open_hour. What is added is in memory until write(). Must be destroyed before the
/// database.
class OpenRates {
 public:
  struct Second {
    std::int64_t second = 0;   ///< since 1970, UTC
    std::int64_t process = 0;  ///< -1: unknown
    std::int64_t direction = 0;

    auto operator<=>(const Second&) const = default;
  };

  explicit OpenRates(SQLite::Database& database);

  /// Adds `count` connections; a negative one takes them out.
  void add(const Second& second, std::int64_t count) { unwritten_[second] += count; }
  /// Counts a connection that has no row, by the hour only.
  void add_to_hour(const Second& second);
  /// The seconds that have been added to since write(), in no order.
  [[nodiscard]] std::vector<Second> unwritten_seconds() const;
  void write();
  /// Deletes the rows of a second, and of its minute, that count no connection.
  void delete_empty(const Second& second);

 private:
  using Counted = std::vector<std::pair<Second, std::int64_t>>;
  struct Minute {
    std::int64_t opened = 0;
    std::int64_t max_opened = 0;
    std::int64_t max_second = 0;
  };
  using Minutes = boost::unordered_flat_map<Second, Minute, KeyHash>;

  Minutes minutes_of(const Counted& seconds);

  boost::unordered_flat_map<Second, std::int64_t, KeyHash> unwritten_;
  boost::unordered_flat_map<Second, std::int64_t, KeyHash> unwritten_hours_;  ///< `second`: an hour
  BulkInsert<4> add_seconds_;
  SQLite::Statement select_second_;
  BulkInsert<6> add_minutes_;
  BulkInsert<4> add_hours_;
  SQLite::Statement delete_second_;
  SQLite::Statement delete_minute_;
};

}  // namespace netlog::store

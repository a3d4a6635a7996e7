// SPDX-License-Identifier: MIT
#pragma once

#include "model/connection.hpp"
#include "store/rollup/flows.hpp"
#include "store/write/reference_rows.hpp"
#include "store/write/session_start.hpp"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

class BoundStatement;

/// The rows of the connections that a batch tells of. Each is written once, as it is by then: one
/// that opens and ends within a batch is a single insertion, with its place among the sums. Keeps
/// addresses of the connections that it is given until write(). Lives on the writer's thread,
/// inside its transactions; must die before the database.
class ConnectionRows {
 public:
  ConnectionRows(SQLite::Database& database,
                 const SessionStart& start,
                 ReferenceRows& known,
                 Flows& flows);

  void open(const Connection& connection);
  /// False when it has been dropped to make room.
  bool change(const Connection& connection);
  /// The same question, nothing else.
  bool is_there(std::int64_t row);
  void note(std::int64_t row, const StateChange& change);
  /// It is to be summed up, as it is by then.
  void end(std::int64_t row);

  /// Everything into the file.
  void write();

 private:
  struct Touched {
    std::int64_t row = 0;
    const Connection* first = nullptr;  ///< absent: the file has it
    const Connection* last = nullptr;   ///< absent: nothing is to be written
    bool there = true;
    bool ended = false;
    std::vector<StateChange> states;  ///< of one that the file does not have
  };

  Touched& touch(std::int64_t row);
  void insert(Touched& touched);
  void update(const Touched& touched);
  void with_changing(BoundStatement& run, const Connection& connection);
  [[nodiscard]] EndedConnection ended(Touched& touched);

  const SessionStart& start_;
  ReferenceRows& known_;
  Flows& flows_;
  std::vector<Touched> touched_;
  boost::unordered_flat_map<std::int64_t, std::size_t> by_row_;  ///< places in touched_

  SQLite::Statement insert_;
  SQLite::Statement update_;
  SQLite::Statement find_;
};

/// The column netns: where there are no network namespaces the number is 0, which is no inode.
std::optional<std::int64_t> known_netns(std::uint64_t netns);

}  // namespace netlog::store

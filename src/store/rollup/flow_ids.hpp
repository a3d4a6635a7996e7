// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/key_hash.hpp"
#include "store/rollup/flow_key.hpp"

#include <cstdint>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>
#include <boost/unordered/unordered_flat_map.hpp>

namespace netlog::store {

/// The rows of the table `flow`, found or inserted by their key. Must be destroyed before the
/// database.
class FlowIds {
 public:
  explicit FlowIds(SQLite::Database& database);

  /// The id of the flow, which is inserted if the file does not have it.
  std::int64_t id(const FlowKey& key);
  /// Deletes a flow that has no row in flow_sum.
  void delete_if_empty(std::int64_t flow);
  /// Forgets the ids: rows may have been deleted.
  void forget() { ids_.clear(); }

 private:
  std::optional<std::int64_t> find(const FlowKey& key);

  SQLite::Database& database_;
  boost::unordered_flat_map<FlowKey, std::int64_t, KeyHash> ids_;
  SQLite::Statement find_;
  SQLite::Statement find_process_flow_;
  SQLite::Statement insert_;
  SQLite::Statement delete_empty_;
};

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/rollup/flow_ids.hpp"

#include "store/db/statement.hpp"

namespace netlog::store {
namespace {

// Bounds the memory; a flow that is not here is looked up in the file.
constexpr std::size_t kMaxCached = 100'000;

BoundStatement& with_process(BoundStatement& statement, const FlowKey& key) {
  return statement.with(null_if_none(key.process))
      .with(key.hour)
      .with(key.direction)
      .with(key.protocol)
      .with(null_if_none(key.netns));
}

BoundStatement& with_peer(BoundStatement& statement, const FlowKey& key) {
  return statement.with(null_if_none(key.local_address))
      .with(null_if_none(key.local_port))
      .with(null_if_none(key.peer));
}

}  // namespace

FlowIds::FlowIds(SQLite::Database& database)
    : database_{database},
      find_{database,
            "SELECT id FROM flow WHERE process_id IS ? AND hour = ? AND direction = ? AND protocol "
            "= ? "
            "AND netns IS ? AND local_address_id = ? AND local_port IS ? AND peer_id IS ?"},
      find_process_flow_{database,
                         "SELECT id FROM flow WHERE process_id IS ? AND hour = ? AND direction = ? "
                         "AND protocol = ? AND netns IS ? AND local_address_id IS NULL"},
      insert_{database,
              "INSERT INTO flow (process_id, hour, direction, protocol, netns, local_address_id, "
              "local_port, peer_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"},
      delete_empty_{database,
                    "DELETE FROM flow WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM flow_sum WHERE "
                    "flow_id = ?1)"} {}

std::int64_t FlowIds::id(const FlowKey& key) {
  if (const auto cached = ids_.find(key); cached != ids_.end()) {
    return cached->second;
  }
  auto id = find(key);
  if (!id) {
    BoundStatement insert{insert_};
    with_peer(with_process(insert, key), key).exec();
    id = database_.getLastInsertRowid();
  }
  if (ids_.size() >= kMaxCached) {
    ids_.clear();
  }
  ids_.emplace(key, *id);
  return *id;
}

std::optional<std::int64_t> FlowIds::find(const FlowKey& key) {
  BoundStatement select{key.is_process_flow() ? find_process_flow_ : find_};
  with_process(select, key);
  return key.is_process_flow() ? select.number() : with_peer(select, key).number();
}

void FlowIds::delete_if_empty(std::int64_t flow) {
  BoundStatement{delete_empty_}.with(flow).exec();
}

}  // namespace netlog::store

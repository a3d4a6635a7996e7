// SPDX-License-Identifier: MIT
#include "store/rollup/port_use.hpp"

#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <string>

namespace netlog::store {
namespace {

// Open, TCP, outbound or perhaps so.
constexpr const char* kHolders =
    "SELECT id, coalesce(netns, -1), local_address_id, remote_address_id, remote_port, "
    "coalesce(opened_ns, first_seen_ns) FROM connection WHERE duration_bucket IS NULL AND gone = 0 "
    "AND "
    "protocol = $protocol.tcp AND direction IN ($direction.unknown, $direction.outbound) AND "
    "remote_address_id IS NOT NULL AND remote_port IS NOT "
    "NULL AND ";

constexpr const char* kSumPorts = R"sql(
INSERT INTO port_use (netns, local_address_id, remote_address_id, remote_port, connections, peak, peak_ns)
WITH
used AS (
  SELECT
    coalesce(netns, -1) AS netns,
    local_address_id,
    remote_address_id,
    remote_port,
    coalesce(opened_ns, first_seen_ns) AS from_ns,
    iif(duration_bucket IS NULL, NULL, max(last_seen_ns, coalesce(closed_ns, 0))) AS to_ns
  FROM connection
  WHERE protocol = $protocol.tcp AND direction IN ($direction.unknown, $direction.outbound)
    AND remote_address_id IS NOT NULL AND remote_port IS NOT NULL
),
steps AS (
  SELECT netns, local_address_id, remote_address_id, remote_port, from_ns AS at_ns, 1 AS step FROM used
  UNION ALL
  SELECT netns, local_address_id, remote_address_id, remote_port, to_ns, -1 FROM used WHERE to_ns IS NOT NULL
),
levels AS (
  SELECT
    netns,
    local_address_id,
    remote_address_id,
    remote_port,
    at_ns,
    step,
    sum(step) OVER (PARTITION BY netns, local_address_id, remote_address_id, remote_port ORDER BY at_ns, step) AS level
  FROM steps
)
SELECT netns, local_address_id, remote_address_id, remote_port, sum(step > 0), max(level), at_ns
FROM levels
GROUP BY netns, local_address_id, remote_address_id, remote_port)sql";

}  // namespace

PortUse::PortUse(SQLite::Database& database)
    : database_{database},
      upsert_{database,
              "INSERT INTO port_use AS u (netns, local_address_id, remote_address_id, remote_port, "
              "connections, peak, peak_ns) VALUES (?, ?, ?, ?, ?, ?, ?) ON CONFLICT DO UPDATE SET "
              "connections = u.connections + excluded.connections, "
              "peak_ns = iif(excluded.peak > u.peak, excluded.peak_ns, u.peak_ns), "
              "peak = max(u.peak, excluded.peak)"} {}

void PortUse::taken(std::int64_t connection, const Pair& pair, std::int64_t at_ns) {
  holders_.emplace(connection, pair);
  auto& use = uses_[pair];
  ++use.now;
  ++use.unwritten;
  if (use.now > use.peak) {
    use.peak = use.now;
    use.peak_ns = at_ns;
  }
  changed_.insert(pair);
}

void PortUse::resume(std::int64_t session) {
  SQLite::Statement select{database_, expand_sql(std::string{kHolders} + "session_id = ?")};
  select.bind(1, session);
  hold(select);
}

void PortUse::resume_one(std::int64_t connection) {
  SQLite::Statement select{database_, expand_sql(std::string{kHolders} + "id = ?")};
  select.bind(1, connection);
  hold(select);
}

void PortUse::hold(SQLite::Statement& selected) {
  while (selected.executeStep()) {
    const auto number = [&](int column) { return selected.getColumn(column).getInt64(); };
    const Pair pair{number(1), number(2), number(3), static_cast<std::uint16_t>(number(4))};
    taken(number(0), pair, number(5));
    --uses_[pair].unwritten;  // the file has it
  }
}

void PortUse::left(std::int64_t connection) {
  const auto holder = holders_.find(connection);
  if (holder == holders_.end()) {
    return;
  }
  --uses_[holder->second].now;
  changed_.insert(holder->second);
  holders_.erase(holder);
}

void PortUse::write() {
  for (const auto& pair : changed_) {
    const auto entry = uses_.find(pair);
    auto& use = entry->second;
    if (use.unwritten > 0) {
      BoundStatement{upsert_}
          .with(pair.netns)
          .with(pair.local_address)
          .with(pair.remote_address)
          .with(pair.remote_port)
          .with(use.unwritten)
          .with(use.peak)
          .with(use.peak_ns)
          .exec();
      use.unwritten = 0;
    }
    if (use.now == 0) {
      uses_.erase(entry);
    }
  }
  changed_.clear();
}

void sum_ports(SQLite::Database& database) {
  database.exec(expand_sql(kSumPorts));
}

}  // namespace netlog::store

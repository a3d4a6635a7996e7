// SPDX-License-Identifier: MIT
#include "store/rollup/flows.hpp"

#include "model/connection.hpp"
#include "store/db/statement.hpp"
#include "store/rollup/flow_key.hpp"
#include "util/arithmetic.hpp"

#include <algorithm>
#include <cstddef>

namespace netlog::store {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;
// Sums are in memory until they are written, so a large recording is added in parts.
constexpr std::ptrdiff_t kMissingAtOnce = 10'000;

bool is_counted_by_second(std::optional<std::int64_t> opened_ns, std::int64_t direction) {
  return opened_ns && direction != static_cast<std::int64_t>(Direction::listen);
}

OpenRates::Second second_of(std::int64_t opened_ns,
                            std::optional<std::int64_t> process,
                            std::int64_t direction) {
  return {opened_ns / kSecondNs, process.value_or(kNoNumber), direction};
}

}  // namespace

Flows::Flows(SQLite::Database& database)
    : database_{database},
      reader_{database},
      clock_steps_{database},
      flow_ids_{database},
      sums_{database},
      open_rates_{database},
      assign_{database, "UPDATE connection SET flow_id = ?, duration_bucket = ? WHERE id = ?"},
      unassign_{
          database,
          "UPDATE connection SET flow_id = NULL, duration_bucket = NULL WHERE id = ? AND flow_id "
          "IS NOT NULL RETURNING id"},
      select_open_{database,
                   "SELECT opened_ns, process_id, direction, flow_id FROM connection WHERE id = ?"},
      add_long_dwell_{
          database,
          "INSERT INTO long_dwell (connection_id, state, from_ns, to_ns, clock_adjust_ns) "
          "VALUES (?, ?, ?, ?, ?) ON CONFLICT DO NOTHING"},
      remove_long_dwells_{database, "DELETE FROM long_dwell WHERE connection_id = ?"} {
  SQLite::Statement classes{database, "SELECT span_ns, code FROM duration_bucket ORDER BY span_ns"};
  while (classes.executeStep()) {
    duration_buckets_.push_back({classes.getColumn(0).getInt64(), classes.getColumn(1).getInt64()});
  }
}

Flows::Place Flows::add(std::int64_t connection, const ClosedConnection& closed) {
  const auto dwells = dwells_of(closed, clock_steps_);
  const auto flow = count(closed, dwells, 1);
  for (const auto& dwell : dwells) {
    if (dwell.is_long()) {
      BoundStatement{add_long_dwell_}
          .with(connection)
          .with(dwell.state)
          .with(dwell.from_ns)
          .with(dwell.to_ns)
          .with(dwell.clock_adjust_ns)
          .exec();
    }
  }
  return {flow, duration_bucket_of(closed)};
}

void Flows::add_without_row(const ClosedConnection& closed) {
  auto dwells = dwells_of(closed, clock_steps_);
  const auto sum = sum_of(closed, dwells);
  if (!closed.states.empty() && closed.states.back().state) {
    dwells.pop_back();
  }
  count_in_flows(closed, sum, dwells, 1);
  if (is_counted_by_second(closed.opened_ns, closed.direction)) {
    open_rates_.add_to_hour(second_of(*closed.opened_ns, closed.process, closed.direction));
  }
}

void Flows::add(const std::vector<std::int64_t>& connections) {
  for (const auto connection : connections) {
    const auto place = add(connection, reader_.read(connection));
    BoundStatement{assign_}.with(place.flow).with(place.duration_bucket).with(connection).exec();
  }
  write();
}

bool Flows::remove(const std::vector<std::int64_t>& connections) {
  bool any = false;
  for (const auto connection : connections) {
    if (BoundStatement{unassign_}.with(connection).number()) {
      any = true;
      const auto closed = reader_.read(connection);
      count(closed, dwells_of(closed, clock_steps_), -1);
      BoundStatement{remove_long_dwells_}.with(connection).exec();
    }
  }
  const auto flows = sums_.unwritten_flows();
  write_and_delete_empty_seconds();
  for (const auto flow : flows) {
    sums_.delete_empty(flow);
    flow_ids_.delete_if_empty(flow);
  }
  flow_ids_.forget();
  return any;
}

void Flows::keep_sums_of(const std::vector<std::int64_t>& connections) {
  std::vector<std::int64_t> missing;
  std::vector<OpenRates::Second> opens;
  for (const auto connection : connections) {
    BoundStatement row{select_open_};
    row.with(connection);
    if (!row.step()) {
      continue;
    }
    const auto direction = row.number(2).value_or(0);
    if (is_counted_by_second(row.number(0), direction)) {
      opens.push_back(second_of(*row.number(0), row.number(1), direction));
    }
    if (!row.number(3)) {
      missing.push_back(connection);
    }
  }
  add(missing);
  for (const auto& second : opens) {
    open_rates_.add(second, -1);
    open_rates_.add_to_hour(second);
  }
  for (const auto connection : connections) {
    BoundStatement{remove_long_dwells_}.with(connection).exec();
  }
  write_and_delete_empty_seconds();
}

void Flows::add_missing() {
  std::vector<std::int64_t> missing;
  SQLite::Statement select{database_, "SELECT id FROM connection WHERE duration_bucket IS NULL"};
  while (select.executeStep()) {
    missing.push_back(select.getColumn(0).getInt64());
  }
  for (auto from = missing.begin(); from != missing.end();) {
    const auto to = from + std::min(kMissingAtOnce, missing.end() - from);
    add({from, to});
    from = to;
  }
}

/// The first class that is long enough for the time from when it began to when it was last seen.
std::optional<std::int64_t> Flows::duration_bucket_of(const ClosedConnection& closed) const {
  const auto life_ns = wrapping_subtract(
      std::max(closed.last_seen_ns, closed.closed_ns.value_or(0)), closed.began_ns());
  const auto found =
      std::lower_bound(duration_buckets_.begin(),
                       duration_buckets_.end(),
                       life_ns,
                       [](const DurationBucket& a, std::int64_t ns) { return a.span_ns < ns; });
  return found == duration_buckets_.end() ? std::nullopt : std::optional{found->code};
}

std::int64_t Flows::count(const ClosedConnection& closed,
                          const std::vector<Dwell>& dwells,
                          std::int64_t sign) {
  const auto flow = count_in_flows(closed, sum_of(closed, dwells), dwells, sign);
  if (is_counted_by_second(closed.opened_ns, closed.direction)) {
    open_rates_.add(second_of(*closed.opened_ns, closed.process, closed.direction), sign);
  }
  return flow;
}

std::int64_t Flows::count_in_flows(const ClosedConnection& closed,
                                   const FlowSum& sum,
                                   const std::vector<Dwell>& dwells,
                                   std::int64_t sign) {
  const auto flow = flow_ids_.id(flow_key(closed));
  sums_.add(flow, closed, sum, dwells, sign);
  sums_.add(flow_ids_.id(process_flow_key(closed)), closed, sum, dwells, sign);
  return flow;
}

void Flows::write_and_delete_empty_seconds() {
  const auto seconds = open_rates_.unwritten_seconds();
  write();
  for (const auto& second : seconds) {
    open_rates_.delete_empty(second);
  }
}

void Flows::write() {
  sums_.write();
  open_rates_.write();
}

}  // namespace netlog::store

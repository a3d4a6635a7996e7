// SPDX-License-Identifier: MIT
#include "store/rollup/flow_sums.hpp"

#include "model/connection.hpp"
#include "store/db/statement.hpp"
#include "store/rollup/flow_key.hpp"
#include "store/rollup/take_sorted.hpp"
#include "util/arithmetic.hpp"

#include <algorithm>

namespace netlog::store {
namespace {

constexpr std::int64_t kWholeLife = 0;  // $dwell.lifetime in SQL

using Number = std::optional<std::int64_t>;

void keep_largest(Number& largest, Number value) {
  largest = std::max(largest, value);  // absent is less than any number
}

void keep_smallest(Number& smallest, Number value) {
  smallest = smallest && value ? std::min(smallest, value) : std::max(smallest, value);
}

void add_known(Number& sum, Number value, std::int64_t sign) {
  if (value) {
    sum = sign < 0 ? wrapping_subtract(sum.value_or(0), *value)
                   : wrapping_add(sum.value_or(0), *value);
  }
}

}  // namespace

void FlowSum::add(const FlowSum& other, std::int64_t sign) {
  connections += sign * other.connections;
  opened += sign * other.opened;
  closed_by_us += sign * other.closed_by_us;
  closed_by_peer += sign * other.closed_by_peer;
  add_known(bytes_sent, other.bytes_sent, sign);
  add_known(bytes_received, other.bytes_received, sign);
  keep_largest(syns, other.syns);
  keep_largest(longest_ns, other.longest_ns);
  keep_largest(open_error_ns, other.open_error_ns);
  first_ns = std::min(first_ns, other.first_ns);
  last_ns = std::max(last_ns, other.last_ns);
  keep_smallest(first_closed_ns, other.first_closed_ns);
  keep_largest(last_closed_ns, other.last_closed_ns);
}

FlowSum sum_of(const ClosedConnection& connection, const std::vector<Dwell>& dwells) {
  FlowSum sum;
  sum.connections = 1;
  sum.opened = connection.opened_ns ? 1 : 0;
  if (connection.outcome == static_cast<std::int64_t>(Outcome::closed)) {
    const auto first = first_fin(dwells);
    sum.closed_by_us = first == FirstFin::ours ? 1 : 0;
    sum.closed_by_peer = first == FirstFin::peers ? 1 : 0;
  }
  sum.syns = connection.syns;
  if (connection.opened_ns && connection.closed_ns) {
    const auto duration_ns =
        wrapping_subtract(wrapping_subtract(*connection.closed_ns, *connection.opened_ns),
                          connection.clock_adjust_ns);
    sum.longest_ns = duration_ns > 0 ? std::optional{duration_ns} : std::nullopt;
  }
  sum.open_error_ns = connection.open_error_ns;
  sum.bytes_sent = connection.bytes_sent;
  sum.bytes_received = connection.bytes_received;
  sum.first_ns = sum.last_ns = connection.began_ns();
  sum.first_closed_ns = sum.last_closed_ns = connection.closed_ns;
  return sum;
}

FlowSums::FlowSums(SQLite::Database& database)
    : insert_sum_{database,
                  "INSERT INTO flow_sum AS s (flow_id, outcome, outcome_reason, owner_reason, "
                  "connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, "
                  "open_error_ns, bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, "
                  "last_closed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
                  "ON CONFLICT DO UPDATE SET connections = s.connections + excluded.connections, "
                  "opened = s.opened + excluded.opened, "
                  "closed_by_us = s.closed_by_us + excluded.closed_by_us, "
                  "closed_by_peer = s.closed_by_peer + excluded.closed_by_peer, "
                  // SQLite's max() of NULL and a value is NULL.
                  "syns = coalesce(max(s.syns, excluded.syns), s.syns, excluded.syns), "
                  "longest_ns = coalesce(max(s.longest_ns, excluded.longest_ns), s.longest_ns, "
                  "excluded.longest_ns), "
                  "open_error_ns = coalesce(max(s.open_error_ns, excluded.open_error_ns), "
                  "s.open_error_ns, excluded.open_error_ns), "
                  "bytes_sent = coalesce(s.bytes_sent + excluded.bytes_sent, s.bytes_sent, "
                  "excluded.bytes_sent), "
                  "bytes_received = coalesce(s.bytes_received + excluded.bytes_received, "
                  "s.bytes_received, excluded.bytes_received), "
                  "first_ns = min(s.first_ns, excluded.first_ns), "
                  "last_ns = max(s.last_ns, excluded.last_ns), "
                  "first_closed_ns = coalesce(min(s.first_closed_ns, excluded.first_closed_ns), "
                  "s.first_closed_ns, excluded.first_closed_ns), "
                  "last_closed_ns = coalesce(max(s.last_closed_ns, excluded.last_closed_ns), "
                  "s.last_closed_ns, excluded.last_closed_ns)"},
      insert_dwells_{
          database,
          "INSERT INTO flow_dwell AS s (flow_id, state, class, dwells, longest_ns) VALUES",
          "ON CONFLICT DO UPDATE SET dwells = s.dwells + excluded.dwells, "
          "longest_ns = max(s.longest_ns, excluded.longest_ns)"},
      delete_empty_sums_{database, "DELETE FROM flow_sum WHERE flow_id = ? AND connections <= 0"},
      delete_empty_dwells_{database, "DELETE FROM flow_dwell WHERE flow_id = ? AND dwells <= 0"},
      select_sums_{database,
                   "SELECT outcome, outcome_reason, owner_reason, connections, opened, "
                   "closed_by_us, closed_by_peer, syns, longest_ns, open_error_ns, bytes_sent, "
                   "bytes_received, first_ns, last_ns, first_closed_ns, last_closed_ns FROM "
                   "flow_sum WHERE flow_id = ?"},
      select_dwells_{database,
                     "SELECT state, class, dwells, longest_ns FROM flow_dwell WHERE flow_id = ?"},
      delete_sums_{database, "DELETE FROM flow_sum WHERE flow_id = ?"},
      delete_dwells_{database, "DELETE FROM flow_dwell WHERE flow_id = ?"} {}

void FlowSums::add(std::int64_t flow,
                   const ClosedConnection& connection,
                   const FlowSum& sum,
                   const std::vector<Dwell>& dwells,
                   std::int64_t sign) {
  const SumKey key{flow,
                   connection.outcome,
                   connection.outcome_reason.value_or(kNoNumber),
                   connection.owner_reason.value_or(kNoNumber)};
  add_sum(key, sum, sign);
  const auto count = [&](std::int64_t state, std::int64_t ns) {
    // 0 if the clock was set back
    add_dwells({flow, state, duration_class(ns)}, {sign, std::max<std::int64_t>(ns, 0)});
  };
  if (sum.longest_ns) {
    count(kWholeLife, *sum.longest_ns);
  }
  for (const auto& dwell : dwells) {
    count(dwell.state, dwell.duration_ns());
  }
}

void FlowSums::add_sum(const SumKey& key, const FlowSum& sum, std::int64_t sign) {
  FlowSum none;
  none.first_ns = sum.first_ns;
  none.last_ns = sum.last_ns;
  sums_.try_emplace(key, none).first->second.add(sum, sign);
}

void FlowSums::add_dwells(const DwellKey& key, const DwellCount& dwells) {
  auto& counted = dwells_[key];
  counted.count += dwells.count;
  counted.longest_ns = std::max(counted.longest_ns, dwells.longest_ns);
}

std::set<std::int64_t> FlowSums::unwritten_flows() const {
  std::set<std::int64_t> flows;
  for (const auto& [key, sum] : sums_) {
    flows.insert(key.flow);
  }
  return flows;
}

void FlowSums::write() {
  for (const auto& [key, sum] : take_sorted(sums_)) {
    BoundStatement{insert_sum_}
        .with(key.flow)
        .with(key.outcome)
        .with(key.outcome_reason)
        .with(key.owner_reason)
        .with(sum.connections)
        .with(sum.opened)
        .with(sum.closed_by_us)
        .with(sum.closed_by_peer)
        .with(sum.syns)
        .with(sum.longest_ns)
        .with(sum.open_error_ns)
        .with(sum.bytes_sent)
        .with(sum.bytes_received)
        .with(sum.first_ns)
        .with(sum.last_ns)
        .with(sum.first_closed_ns)
        .with(sum.last_closed_ns)
        .exec();
  }
  for (const auto& [key, counted] : take_sorted(dwells_)) {
    insert_dwells_.add(
        {key.flow, key.state, key.duration_class, counted.count, counted.longest_ns});
  }
  insert_dwells_.flush();
}

void FlowSums::delete_empty(std::int64_t flow) {
  BoundStatement{delete_empty_sums_}.with(flow).exec();
  BoundStatement{delete_empty_dwells_}.with(flow).exec();
}

void FlowSums::move(std::int64_t from, std::int64_t to) {
  {
    BoundStatement rows{select_sums_};
    rows.with(from);
    while (rows.step()) {
      const SumKey key{to,
                       rows.number(0).value_or(0),
                       rows.number(1).value_or(kNoNumber),
                       rows.number(2).value_or(kNoNumber)};
      add_sum(key,
              {.connections = rows.number(3).value_or(0),
               .opened = rows.number(4).value_or(0),
               .closed_by_us = rows.number(5).value_or(0),
               .closed_by_peer = rows.number(6).value_or(0),
               .syns = rows.number(7),
               .longest_ns = rows.number(8),
               .open_error_ns = rows.number(9),
               .bytes_sent = rows.number(10),
               .bytes_received = rows.number(11),
               .first_ns = rows.number(12).value_or(0),
               .last_ns = rows.number(13).value_or(0),
               .first_closed_ns = rows.number(14),
               .last_closed_ns = rows.number(15)},
              1);
    }
  }
  {
    BoundStatement rows{select_dwells_};
    rows.with(from);
    while (rows.step()) {
      add_dwells({to, rows.number(0).value_or(0), rows.number(1).value_or(0)},
                 {rows.number(2).value_or(0), rows.number(3).value_or(0)});
    }
  }
  remove(from);
}

void FlowSums::remove(std::int64_t flow) {
  BoundStatement{delete_sums_}.with(flow).exec();
  BoundStatement{delete_dwells_}.with(flow).exec();
}

}  // namespace netlog::store

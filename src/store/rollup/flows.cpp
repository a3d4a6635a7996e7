// SPDX-License-Identifier: MIT
#include "store/rollup/flows.hpp"

#include "model/connection.hpp"
#include "model/event.hpp"
#include "model/tcp_state.hpp"
#include "store/db/statement.hpp"
#include "store/db/store_error.hpp"

#include <algorithm>
#include <bit>
#include <set>
#include <utility>

#include <fmt/format.h>

namespace netlog::store {
namespace {

// However many peers there are; a flow that is not known here is looked up in the file.
constexpr std::size_t kMaxFlows = 100'000;
constexpr std::ptrdiff_t kCatchUpAtOnce = 10'000;

constexpr std::int64_t kNone = -1;
constexpr std::int64_t kSecondNs = 1'000'000'000;
constexpr std::int64_t kSlowNs = 5 * kSecondNs;
constexpr std::int64_t kWholeLife = 0;  // in the place of a state

template <typename Enum>
constexpr std::int64_t code(Enum value) {
  return static_cast<std::int64_t>(value);
}

bool is_one_of(std::int64_t state, std::initializer_list<TcpState> states) {
  return std::any_of(
      states.begin(), states.end(), [&](TcpState other) { return state == code(other); });
}

bool should_pass(std::int64_t state) {
  using enum TcpState;
  return is_one_of(state,
                   {syn_sent, syn_received, fin_wait_1, fin_wait_2, close_wait, closing, last_ack});
}

// A file may hold any number; what comes out of those that are none of ours does not matter.
constexpr std::int64_t wrapped(std::uint64_t value) {
  return static_cast<std::int64_t>(value);
}

constexpr std::int64_t plus(std::int64_t a, std::int64_t b) {
  return wrapped(static_cast<std::uint64_t>(a) + static_cast<std::uint64_t>(b));
}

constexpr std::int64_t minus(std::int64_t a, std::int64_t b) {
  return wrapped(static_cast<std::uint64_t>(a) - static_cast<std::uint64_t>(b));
}

std::optional<std::int64_t> known(std::int64_t number) {
  return number == kNone ? std::nullopt : std::optional{number};
}

void keep_most(std::optional<std::int64_t>& most, std::optional<std::int64_t> value) {
  most = std::max(most, value);  // nothing is less than anything
}

void keep_least(std::optional<std::int64_t>& least, std::optional<std::int64_t> value) {
  least = least && value ? std::min(least, value) : std::max(least, value);
}

void add_known(std::optional<std::int64_t>& sum, std::optional<std::int64_t> value) {
  if (value) {
    sum = plus(sum.value_or(0), *value);
  }
}

/// In the order of the keys, as the tables are.
template <typename Map>
std::vector<std::pair<typename Map::key_type, typename Map::mapped_type>> take_sorted(Map& map) {
  std::vector<std::pair<typename Map::key_type, typename Map::mapped_type>> sorted(map.begin(),
                                                                                   map.end());
  map.clear();
  std::sort(
      sorted.begin(), sorted.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  return sorted;
}

}  // namespace

std::int64_t duration_class(std::int64_t ns) {
  const auto value = static_cast<std::uint64_t>(std::max<std::int64_t>(ns, 0));
  const std::int64_t octave = std::max(static_cast<int>(std::bit_width(value)) - 4, 0);
  return octave * 8 + static_cast<std::int64_t>(value >> static_cast<unsigned>(octave));
}

std::int64_t Flows::Ended::Stay::dwell_ns() const {
  return minus(minus(to_ns, from_ns), clock_adjust_ns);
}

Flows::Flows(SQLite::Database& database)
    : database_{database},
      select_connection_{
          database,
          "SELECT process_id, direction, protocol, netns, local_address_id, local_port, peer_id, "
          "outcome, outcome_reason, owner_reason, opened_ns, "
          "open_error_ns, first_seen_ns, iif(gone, last_seen_ns, max(last_seen_ns, "
          "(SELECT alive_ns FROM session WHERE id = session_id))), closed_ns, syns, bytes_sent, "
          "bytes_received, coalesce(clock_adjust_ns, 0) "
          "FROM connection WHERE id = ?"},
      select_states_{
          database,
          "SELECT at_ns, new, kind, id FROM event WHERE connection_id = ? AND kind IN (0, 1, 2, "
          "5) ORDER BY id"},
      select_steps_{database,
                    "SELECT sum(step_ns) FROM clock_step WHERE after_event >= ? AND after_event < "
                    "coalesce(?, after_event + 1)"},
      find_flow_{database,
                 "SELECT id FROM flow WHERE process_id IS ? AND direction = ? AND protocol = ? AND "
                 "netns IS ? AND local_address_id = ? AND local_port IS ? AND peer_id IS ?"},
      find_process_flow_{database,
                         "SELECT id FROM flow WHERE process_id IS ? AND direction = ? AND protocol "
                         "= ? AND netns IS ? AND local_address_id IS NULL"},
      insert_flow_{database,
                   "INSERT INTO flow (process_id, direction, protocol, netns, local_address_id, "
                   "local_port, peer_id) VALUES (?, ?, ?, ?, ?, ?, ?)"},
      assign_{database, "UPDATE connection SET flow_id = ?, duration_bucket = ? WHERE id = ?"},
      unassign_{
          database,
          "UPDATE connection SET flow_id = NULL, duration_bucket = NULL WHERE id = ? AND flow_id "
          "IS NOT NULL RETURNING id"},
      add_sum_{database,
               "INSERT INTO flow_sum AS s (flow_id, outcome, outcome_reason, owner_reason, "
               "connections, opened, closed_by_us, closed_by_peer, syns, longest_ns, "
               "open_error_ns, bytes_sent, bytes_received, first_ns, last_ns, first_closed_ns, "
               "last_closed_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) "
               "ON CONFLICT DO UPDATE SET connections = s.connections + excluded.connections, "
               "opened = s.opened + excluded.opened, "
               "closed_by_us = s.closed_by_us + excluded.closed_by_us, "
               "closed_by_peer = s.closed_by_peer + excluded.closed_by_peer, "
               // Of NULL and a value SQLite's max() makes NULL.
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
      add_stays_{database,
                 "INSERT INTO flow_dwell AS s (flow_id, state, class, dwells, longest_ns) VALUES",
                 "ON CONFLICT DO UPDATE SET dwells = s.dwells + excluded.dwells, "
                 "longest_ns = max(s.longest_ns, excluded.longest_ns)"},
      add_slow_{
          database,
          "INSERT INTO long_dwell (connection_id, state, from_ns, to_ns, clock_adjust_ns) VALUES "
          "(?, ?, ?, ?, ?) "
          "ON CONFLICT DO NOTHING"},
      remove_slow_{database, "DELETE FROM long_dwell WHERE connection_id = ?"},
      add_seconds_{database,
                   "INSERT INTO open_second AS s (second, process_id, direction, opened) VALUES",
                   "ON CONFLICT DO UPDATE SET opened = s.opened + excluded.opened"},
      select_second_{database,
                     "SELECT process_id, direction, opened FROM open_second WHERE second = ? "
                     "ORDER BY process_id, direction"},
      add_minutes_{database,
                   "INSERT INTO open_minute AS m (minute, process_id, direction, opened, "
                   "max_opened, max_second) VALUES",
                   "ON CONFLICT DO UPDATE SET opened = "
                   "m.opened + excluded.opened, max_second = iif(excluded.max_opened > "
                   "m.max_opened, excluded.max_second, m.max_second), max_opened = "
                   "max(m.max_opened, excluded.max_opened)"},
      delete_sums_{database, "DELETE FROM flow_sum WHERE flow_id = ? AND connections <= 0"},
      delete_stays_{database, "DELETE FROM flow_dwell WHERE flow_id = ? AND dwells <= 0"},
      delete_flow_{database,
                   "DELETE FROM flow WHERE id = ?1 AND NOT EXISTS (SELECT 1 FROM flow_sum WHERE "
                   "flow_id = ?1)"},
      delete_second_{database,
                     "DELETE FROM open_second WHERE second = ? AND process_id = ? AND direction = "
                     "? AND opened <= 0"},
      delete_minute_{database,
                     "DELETE FROM open_minute WHERE minute = ? AND process_id = ? AND direction = "
                     "? AND opened <= 0"} {
  note_clock_step();
  SQLite::Statement classes{database_,
                            "SELECT span_ns, code FROM duration_bucket ORDER BY span_ns"};
  while (classes.executeStep()) {
    duration_buckets_.push_back({classes.getColumn(0).getInt64(), classes.getColumn(1).getInt64()});
  }
}

Flows::Place Flows::add(std::int64_t connection, const EndedConnection& one) {
  const auto ended = summed(one);
  const auto flow = count(ended, 1);
  for (const auto& stay : ended.stays) {
    if (should_pass(stay.state) && stay.dwell_ns() >= kSlowNs) {
      BoundStatement{add_slow_}
          .with(connection)
          .with(stay.state)
          .with(stay.from_ns)
          .with(stay.to_ns)
          .with(stay.clock_adjust_ns)
          .exec();
    }
  }
  const auto life = std::lower_bound(
      duration_buckets_.begin(),
      duration_buckets_.end(),
      ended.life_ns,
      [](const DurationBucket& known, std::int64_t life_ns) { return known.span_ns < life_ns; });
  return {flow, life == duration_buckets_.end() ? std::nullopt : std::optional{life->code}};
}

void Flows::add(const std::vector<std::int64_t>& connections) {
  for (const auto connection : connections) {
    const auto place = add(connection, read(connection));
    BoundStatement{assign_}.with(place.flow).with(place.duration_bucket).with(connection).exec();
  }
  write();
}

bool Flows::remove(const std::vector<std::int64_t>& connections) {
  bool any = false;
  for (const auto connection : connections) {
    if (BoundStatement{unassign_}.with(connection).number()) {  // else it is not summed up yet
      any = true;
      count(summed(read(connection)), -1);
      BoundStatement{remove_slow_}.with(connection).exec();
    }
  }
  std::set<std::int64_t> flows;
  for (const auto& [key, sum] : sums_) {
    flows.insert(key.flow);
  }
  const auto seconds = seconds_;
  write();
  for (const auto flow : flows) {
    BoundStatement{delete_sums_}.with(flow).exec();
    BoundStatement{delete_stays_}.with(flow).exec();
    BoundStatement{delete_flow_}.with(flow).exec();
  }
  flows_.clear();  // some of them are gone
  for (const auto& [key, opened] : seconds) {
    BoundStatement{delete_second_}.with(key.second).with(key.process).with(key.direction).exec();
    BoundStatement{delete_minute_}
        .with(key.second / 60)
        .with(key.process)
        .with(key.direction)
        .exec();
  }
  return any;
}

void Flows::catch_up() {
  std::vector<std::int64_t> missing;
  SQLite::Statement select{database_, "SELECT id FROM connection WHERE duration_bucket IS NULL"};
  while (select.executeStep()) {
    missing.push_back(select.getColumn(0).getInt64());
  }
  // Not all at once: what is not written yet is kept in memory.
  for (auto from = missing.begin(); from != missing.end();) {
    const auto to = from + std::min<std::ptrdiff_t>(kCatchUpAtOnce, missing.end() - from);
    add({from, to});
    from = to;
  }
}

EndedConnection Flows::read(std::int64_t connection) {
  BoundStatement row{select_connection_};
  row.with(connection);
  if (!row.step()) {
    throw StoreError{fmt::format(
        "cannot sum up connection {}: an index names it and its row is not there, the file is "
        "damaged; look at it with: netlog check FILE",
        connection)};
  }
  EndedConnection ended{
      .process = row.number(0),
      .direction = row.number(1).value_or(0),
      .protocol = row.number(2).value_or(0),
      .netns = row.number(3),
      .local_address = row.number(4),
      .local_port = row.number(5),
      .peer = row.number(6),
      .outcome = row.number(7).value_or(0),
      .outcome_reason = row.number(8),
      .owner_reason = row.number(9),
      .opened_ns = row.number(10),
      .open_error_ns = row.number(11),
      .first_seen_ns = row.number(12).value_or(0),
      .last_seen_ns = row.number(13).value_or(0),
      .closed_ns = row.number(14),
      .syns = row.number(15),
      .bytes_sent = row.number(16),
      .bytes_received = row.number(17),
      .clock_adjust_ns = row.number(18).value_or(0),
      .states = {},
  };
  BoundStatement states{select_states_};
  states.with(connection);
  while (states.step()) {
    ended.states.push_back(
        {states.number(0).value_or(0),
         states.number(2) == code(EventKind::close) ? std::nullopt : states.number(1),
         states.number(3).value_or(0)});
  }
  return ended;
}

Flows::Ended Flows::summed(const EndedConnection& one) {
  Ended ended;
  const bool ours =
      one.direction == code(Direction::inbound) || one.direction == code(Direction::listen);
  ended.key = {one.process.value_or(kNone),
               one.direction,
               one.protocol,
               one.netns.value_or(kNone),
               one.local_address.value_or(kNone),
               ours ? one.local_port.value_or(kNone) : kNone,
               one.peer.value_or(kNone)};
  ended.sum_key = {
      0, one.outcome, one.outcome_reason.value_or(kNone), one.owner_reason.value_or(kNone)};
  ended.opened_ns = one.opened_ns;
  auto& sum = ended.sum;
  sum.connections = 1;
  sum.opened = one.opened_ns ? 1 : 0;
  sum.open_error_ns = one.open_error_ns;
  sum.first_ns = one.opened_ns.value_or(one.first_seen_ns);
  sum.last_ns = sum.first_ns;
  sum.first_closed_ns = one.closed_ns;
  sum.last_closed_ns = one.closed_ns;
  if (one.opened_ns && one.closed_ns) {
    const auto life_ns = minus(minus(*one.closed_ns, *one.opened_ns), one.clock_adjust_ns);
    sum.longest_ns = life_ns > 0 ? std::optional{life_ns} : std::nullopt;
  }
  sum.syns = one.syns;
  sum.bytes_sent = one.bytes_sent;
  sum.bytes_received = one.bytes_received;
  ended.life_ns = minus(std::max(one.last_seen_ns, one.closed_ns.value_or(0)), sum.first_ns);
  stays(one, ended);
  return ended;
}

void Flows::stays(const EndedConnection& connection, Ended& ended) {
  bool by_us = false;
  bool by_peer = false;
  std::optional<Ended::Stay> stay;
  const auto leave = [&](std::int64_t at_ns, std::optional<std::int64_t> event) {
    if (stay) {
      stay->to_ns = at_ns;
      stay->clock_adjust_ns = clock_adjust_ns(stay->from_event, event);
      ended.stays.push_back(*stay);
      by_us =
          by_us ||
          is_one_of(
              stay->state,
              {TcpState::fin_wait_1, TcpState::fin_wait_2, TcpState::closing, TcpState::time_wait});
      by_peer = by_peer || is_one_of(stay->state, {TcpState::close_wait, TcpState::last_ack});
    }
  };
  for (const auto& change : connection.states) {
    leave(change.at_ns, change.event);
    stay =
        change.state
            ? std::optional{Ended::Stay{*change.state, change.at_ns, change.at_ns, change.event, 0}}
            : std::nullopt;
  }
  leave(connection.last_seen_ns, std::nullopt);  // the recorder ended first
  const bool closed = ended.sum_key.outcome == code(Outcome::closed);
  ended.sum.closed_by_us = closed && by_us ? 1 : 0;
  ended.sum.closed_by_peer = closed && by_peer && !by_us ? 1 : 0;
}

void Flows::note_clock_step() {
  SQLite::Statement select{database_, "SELECT max(after_event) FROM clock_step"};
  select.executeStep();
  last_step_ =
      select.getColumn(0).isNull() ? std::nullopt : std::optional{select.getColumn(0).getInt64()};
}

std::int64_t Flows::clock_adjust_ns(std::int64_t from_event, std::optional<std::int64_t> to_event) {
  if (!last_step_ || *last_step_ < from_event) {
    return 0;
  }
  return BoundStatement{select_steps_}.with(from_event).with(to_event).number().value_or(0);
}

std::int64_t Flows::flow_id(const Key& key) {
  if (const auto found = flows_.find(key); found != flows_.end()) {
    return found->second;
  }
  const auto with_process = [&](BoundStatement& run) -> BoundStatement& {
    return run.with(known(key.process))
        .with(key.direction)
        .with(key.protocol)
        .with(known(key.netns));
  };
  const auto with_peer = [&](BoundStatement& run) -> BoundStatement& {
    return run.with(known(key.local_address)).with(known(key.local_port)).with(known(key.peer));
  };
  auto id = [&] {
    const bool of_process = key.local_address == kNone;
    BoundStatement find{of_process ? find_process_flow_ : find_flow_};
    with_process(find);
    return (of_process ? find : with_peer(find)).number();
  }();
  if (!id) {
    BoundStatement insert{insert_flow_};
    with_peer(with_process(insert)).exec();
    id = database_.getLastInsertRowid();
  }
  if (flows_.size() >= kMaxFlows) {
    flows_.clear();
  }
  flows_.emplace(key, *id);
  return *id;
}

std::int64_t Flows::count(const Ended& ended, std::int64_t sign) {
  const auto flow = flow_id(ended.key);
  count(flow, ended, sign);
  count(flow_id({ended.key.process, ended.key.direction, ended.key.protocol, ended.key.netns}),
        ended,
        sign);
  if (ended.opened_ns && ended.key.direction != code(Direction::listen)) {
    seconds_[{*ended.opened_ns / kSecondNs, ended.key.process, ended.key.direction}] += sign;
  }
  return flow;
}

void Flows::count(std::int64_t flow, const Ended& ended, std::int64_t sign) {
  auto key = ended.sum_key;
  key.flow = flow;
  const auto& one = ended.sum;
  const auto [entry, first] = sums_.try_emplace(key, Sum{});
  auto& sum = entry->second;
  sum.connections += sign;
  sum.opened += sign * one.opened;
  sum.closed_by_us += sign * one.closed_by_us;
  sum.closed_by_peer += sign * one.closed_by_peer;
  const auto times = [&](std::optional<std::int64_t> value) {
    return value && sign < 0 ? std::optional{minus(0, *value)} : value;
  };
  add_known(sum.bytes_sent, times(one.bytes_sent));
  add_known(sum.bytes_received, times(one.bytes_received));
  keep_most(sum.syns, one.syns);
  keep_most(sum.longest_ns, one.longest_ns);
  keep_most(sum.open_error_ns, one.open_error_ns);
  sum.first_ns = first ? one.first_ns : std::min(sum.first_ns, one.first_ns);
  sum.last_ns = first ? one.last_ns : std::max(sum.last_ns, one.last_ns);
  keep_least(sum.first_closed_ns, one.first_closed_ns);
  keep_most(sum.last_closed_ns, one.last_closed_ns);

  const auto add_stay = [&](std::int64_t state, std::int64_t ns) {
    auto& stays = stays_[{flow, state, duration_class(ns)}];
    stays.count += sign;
    stays.longest_ns = std::max(stays.longest_ns, ns);  // a clock set back leaves 0
  };
  if (one.longest_ns) {
    add_stay(kWholeLife, *one.longest_ns);
  }
  for (const auto& stay : ended.stays) {
    add_stay(stay.state, stay.dwell_ns());
  }
}

void Flows::write() {
  for (const auto& [key, sum] : take_sorted(sums_)) {
    BoundStatement{add_sum_}
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
  for (const auto& [key, stays] : take_sorted(stays_)) {
    add_stays_.add({key.flow, key.state, key.duration_class, stays.count, stays.longest_ns});
  }
  add_stays_.flush();
  write_opens();
}

void Flows::write_opens() {
  struct Minute {
    std::int64_t opened = 0;
    std::int64_t most = 0;
    std::int64_t most_second = 0;
  };
  const auto seconds = take_sorted(seconds_);
  for (const auto& [key, opened] : seconds) {
    add_seconds_.add({key.second, key.process, key.direction, opened});
  }
  add_seconds_.flush();
  // In the place of a second its minute.
  boost::unordered_flat_map<SecondKey, Minute, KeyHash> minutes;
  for (auto next = seconds.begin(); next != seconds.end();) {
    const auto second = next->first.second;
    BoundStatement rows{select_second_};
    rows.with(second);
    while (rows.step()) {
      const SecondKey key{second, rows.number(0).value_or(0), rows.number(1).value_or(0)};
      if (next == seconds.end() || key != next->first) {
        continue;
      }
      auto& minute = minutes[{second / 60, key.process, key.direction}];
      minute.opened += next->second;
      if (const auto by_now = rows.number(2).value_or(0); by_now > minute.most) {
        minute.most = by_now;
        minute.most_second = second;
      }
      ++next;
    }
    next = std::find_if(
        next, seconds.end(), [&](const auto& entry) { return entry.first.second != second; });
  }
  for (const auto& [key, minute] : take_sorted(minutes)) {
    add_minutes_.add(
        {key.second, key.process, key.direction, minute.opened, minute.most, minute.most_second});
  }
  add_minutes_.flush();
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/rollup/old_hours.hpp"

#include "store/db/statement.hpp"

#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::int64_t kMinEphemeralPort = 32'768;

// Of an hour, what no connection refers to any more.
constexpr const char* kOfDeleted =
    "f.hour = ?1 AND NOT EXISTS (SELECT 1 FROM connection AS c WHERE c.flow_id = f.id)";

}  // namespace

OldHours::OldHours(SQLite::Database& database, std::int64_t session_id)
    : database_{database},
      session_id_{session_id},
      flow_ids_{database},
      sums_{database},
      select_oldest_{database, "SELECT min(hour) FROM flow"},
      has_deleted_{database,
                   "SELECT EXISTS (SELECT 1 FROM flow AS f WHERE f.hour < ? AND NOT EXISTS (SELECT "
                   "1 FROM connection AS c WHERE c.flow_id = f.id))"},
      select_flows_{
          database,
          fmt::format(
              "SELECT f.id, f.process_id, f.direction, f.protocol, f.netns, f.local_address_id, "
              "f.local_port, f.peer_id, (SELECT coalesce(sum(connections), 0) FROM flow_sum WHERE "
              "flow_id = f.id) FROM flow AS f WHERE {} AND f.id > ?2 ORDER BY f.id LIMIT ?3",
              kOfDeleted)},
      delete_flow_{database, "DELETE FROM flow WHERE id = ?"},
      has_process_flow_{database,
                        "SELECT EXISTS (SELECT 1 FROM flow WHERE process_id IS ? AND hour = ? AND "
                        "direction = ? AND protocol = ? AND netns IS ? AND local_address_id IS "
                        "NULL)"},
      find_program_{database,
                    "SELECT t.id FROM process AS p JOIN programs AS g ON g.process_id = p.id LEFT "
                    "JOIN process AS t ON t.pid IS NULL AND t.name = p.name AND t.exe IS p.exe AND "
                    "t.user IS p.user WHERE p.id = ? AND p.pid IS NOT NULL AND g.lasting_id IS "
                    "NULL"},
      add_opens_{database,
                 "INSERT INTO open_hour AS o (hour, process_id, direction, opened) SELECT hour, "
                 "?1, direction, opened FROM open_hour WHERE hour BETWEEN ?2 - 1 AND ?2 AND "
                 "process_id = ?3 ON CONFLICT DO UPDATE SET opened = o.opened + excluded.opened"},
      delete_opens_{database,
                    "DELETE FROM open_hour WHERE hour BETWEEN ?1 - 1 AND ?1 AND process_id = ?2"} {}

void OldHours::begin(std::int64_t first, std::int64_t last) {
  hour_ = first;
  last_hour_ = last;
  stage_ = Stage::programs;
  after_flow_ = 0;
}

void OldHours::merge(std::int64_t limit) {
  if (!hour_) {
    return;
  }
  const auto flows = read_flows(limit);
  for (const auto& flow : flows) {
    after_flow_ = flow.id;
    if (const auto target = target_of(flow); target && *target != flow.key) {
      sums_.move(flow.id, flow_ids_.id(*target));
      BoundStatement{delete_flow_}.with(flow.id).exec();
      if (target->process != flow.key.process) {
        move_opens(flow.key.process, target->process);
      }
    }
  }
  sums_.write();
  flow_ids_.forget();
  if (static_cast<std::int64_t>(flows.size()) < limit) {
    next_stage();
  }
}

void OldHours::forget() {
  hour_.reset();
  flow_ids_.forget();
}

/// After the last stage comes the next hour that has flows.
void OldHours::next_stage() {
  after_flow_ = 0;
  switch (stage_) {
    case Stage::programs:
      stage_ = Stage::processes;
      max_merged_ = connections_of_flow(kMaxProcesses, true);
      return;
    case Stage::processes:
      stage_ = Stage::peers;
      max_merged_ = connections_of_flow(kMaxPeers, false);
      return;
    case Stage::peers:
      stage_ = Stage::programs;
      SQLite::Statement next{database_, "SELECT min(hour) FROM flow WHERE hour > ? AND hour <= ?"};
      hour_ = BoundStatement{next}.with(*hour_).with(last_hour_).number();
      return;
  }
}

/// The connections of the flow that has `place` flows with more of them before it; 0 if there are
/// not so many.
std::int64_t OldHours::connections_of_flow(std::int64_t place, bool of_processes) {
  SQLite::Statement select{
      database_,
      fmt::format("SELECT (SELECT sum(connections) FROM flow_sum WHERE flow_id = f.id) AS n FROM "
                  "flow AS f WHERE {} AND f.local_address_id IS {} NULL ORDER BY n DESC LIMIT 1 "
                  "OFFSET ?2",
                  kOfDeleted,
                  of_processes ? "" : "NOT")};
  return BoundStatement{select}.with(*hour_).with(place).number().value_or(0);
}

std::vector<OldHours::Flow> OldHours::read_flows(std::int64_t limit) {
  std::vector<Flow> flows;
  BoundStatement rows{select_flows_};
  rows.with(*hour_).with(after_flow_).with(limit);
  while (rows.step()) {
    flows.push_back({.id = rows.number(0).value_or(0),
                     .key = {.hour = *hour_,
                             .process = rows.number(1).value_or(kNoNumber),
                             .direction = rows.number(2).value_or(0),
                             .protocol = rows.number(3).value_or(0),
                             .netns = rows.number(4).value_or(kNoNumber),
                             .local_address = rows.number(5).value_or(kNoNumber),
                             .local_port = rows.number(6).value_or(kNoNumber),
                             .peer = rows.number(7).value_or(kNoNumber)},
                     .connections = rows.number(8).value_or(0)});
  }
  return flows;
}

/// The flow to merge this one with, in the present stage.
std::optional<FlowKey> OldHours::target_of(const Flow& flow) {
  auto key = flow.key;
  switch (stage_) {
    case Stage::programs:
      if (const auto program = program_of(key.process)) {
        key.process = *program;
        return key;
      }
      return std::nullopt;
    case Stage::processes:
      if (!key.is_process_flow() || flow.connections > max_merged_) {
        return std::nullopt;
      }
      key.process = other_programs();
      key.netns = kNoNumber;
      return key;
    case Stage::peers:
      if (key.is_process_flow()) {
        return std::nullopt;
      }
      if (!has_process_flow(key)) {
        key.process = other_programs();
        key.netns = kNoNumber;
      } else if (flow.connections > max_merged_) {
        return std::nullopt;
      }
      key.local_address = other_addresses();
      key.peer = key.peer == kNoNumber ? kNoNumber : other_peer(key);
      return key;
  }
  return std::nullopt;
}

bool OldHours::has_process_flow(const FlowKey& key) {
  return BoundStatement{has_process_flow_}
             .with(null_if_none(key.process))
             .with(key.hour)
             .with(key.direction)
             .with(key.protocol)
             .with(null_if_none(key.netns))
             .number() == 1;
}

/// The row for all short processes of the program, if this was one of them.
std::optional<std::int64_t> OldHours::program_of(std::int64_t process) {
  BoundStatement row{find_program_};
  row.with(process);
  if (!row.step()) {
    return std::nullopt;
  }
  if (const auto known = row.number(0)) {
    return known;
  }
  SQLite::Statement insert{database_,
                           "INSERT INTO process (session_id, pid, start, started_ns, ended_ns, "
                           "name, exe, user) SELECT ?, NULL, 0, started_ns, started_ns, name, exe, "
                           "user FROM process WHERE id = ?"};
  BoundStatement{insert}.with(session_id_).with(process).exec();
  return database_.getLastInsertRowid();
}

std::int64_t OldHours::other_programs() {
  SQLite::Statement find{database_,
                         "SELECT id FROM process WHERE pid IS NULL AND name = 'other programs' AND "
                         "exe IS NULL AND user IS NULL"};
  if (const auto known = BoundStatement{find}.number()) {
    return *known;
  }
  SQLite::Statement insert{
      database_,
      "INSERT INTO process (session_id, pid, start, started_ns, ended_ns, name) SELECT id, NULL, "
      "0, started_ns, started_ns, 'other programs' FROM session WHERE id = ?"};
  BoundStatement{insert}.with(session_id_).exec();
  return database_.getLastInsertRowid();
}

std::int64_t OldHours::other_addresses() {
  SQLite::Statement insert{database_,
                           "INSERT INTO address (family, text, bytes) VALUES (0, 'other "
                           "addresses', x'') ON CONFLICT DO UPDATE SET bytes = x'' RETURNING id"};
  return BoundStatement{insert}.number().value_or(0);
}

/// The peer that stands for all others that have the same service.
std::int64_t OldHours::other_peer(const FlowKey& key) {
  const auto address = other_addresses();
  SQLite::Statement service{database_, "SELECT port FROM peer WHERE id = ?"};
  auto port = BoundStatement{service}.with(key.peer).number();
  if (key.local_port == kNoNumber && port >= kMinEphemeralPort) {
    port.reset();
  }
  SQLite::Statement find{database_,
                         "SELECT id FROM peer WHERE remote_address_id = ? AND port IS ? AND "
                         "direction = ? AND protocol = ?"};
  if (const auto known = BoundStatement{find}
                             .with(address)
                             .with(port)
                             .with(key.direction)
                             .with(key.protocol)
                             .number()) {
    return *known;
  }
  SQLite::Statement insert{database_,
                           "INSERT INTO peer (direction, protocol, remote_address_id, port) VALUES "
                           "(?, ?, ?, ?)"};
  BoundStatement{insert}.with(key.direction).with(key.protocol).with(address).with(port).exec();
  return database_.getLastInsertRowid();
}

/// What a process opened in this hour and the one before counts for another one.
void OldHours::move_opens(std::int64_t process, std::int64_t into) {
  BoundStatement{add_opens_}.with(into).with(*hour_).with(process).exec();
  BoundStatement{delete_opens_}.with(*hour_).with(process).exec();
}

std::optional<std::int64_t> OldHours::oldest() {
  return BoundStatement{select_oldest_}.number();
}

bool OldHours::has_deleted_before(std::int64_t hour) {
  return BoundStatement{has_deleted_}.with(hour).number() == 1;
}

void OldHours::delete_before(std::int64_t hour) {
  SQLite::Statement flows{database_,
                          "DELETE FROM flow AS f WHERE hour < ? AND NOT EXISTS (SELECT 1 FROM "
                          "connection AS c WHERE c.flow_id = f.id) RETURNING id"};
  std::vector<std::int64_t> deleted;
  {
    BoundStatement rows{flows};
    rows.with(hour);
    while (rows.step()) {
      deleted.push_back(rows.number(0).value_or(0));
    }
  }
  for (const auto flow : deleted) {
    sums_.remove(flow);
  }
  SQLite::Statement opens{database_, "DELETE FROM open_hour WHERE hour < ?"};
  BoundStatement{opens}.with(hour).exec();
}

std::int64_t OldHours::flows() {
  SQLite::Statement count{database_, "SELECT count(*) FROM flow"};
  return BoundStatement{count}.number().value_or(0);
}

std::int64_t OldHours::flows_before(std::int64_t hour) {
  SQLite::Statement count{database_, "SELECT count(*) FROM flow WHERE hour < ?"};
  return BoundStatement{count}.with(hour).number().value_or(0);
}

}  // namespace netlog::store

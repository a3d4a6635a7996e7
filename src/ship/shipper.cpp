// SPDX-License-Identifier: MIT
#include "ship/shipper.hpp"

#include "util/error.hpp"
#include "util/sha1.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <functional>
#include <optional>
#include <span>
#include <string_view>
#include <utility>

#include <fmt/format.h>

namespace netlog::ship {
namespace {

// The tracker remembers so many closed connections for what becomes known late.
constexpr std::int64_t kLateEvents = 20'000;
constexpr std::size_t kRememberedRows = 200'000;
constexpr std::size_t kRememberedReferences = 1'000;
constexpr std::int64_t kSecondsPerDay = 86'400;
constexpr const char* kNotShipped = "deleted before it was shipped";
constexpr const char* kEndNotShipped = "deleted before its end was shipped";

/// A text in a statement. Any byte can be in it.
std::string sql_text(std::string_view text) {
  return fmt::format("unhex('{}')", upper(hex(std::as_bytes(std::span{text}))));
}

std::size_t place_of(const FleetTable& table, std::string_view column) {
  const auto found = std::find_if(table.columns.begin(),
                                  table.columns.end(),
                                  [&](const auto& known) { return known.name == column; });
  return static_cast<std::size_t>(found - table.columns.begin());
}

std::int64_t fleet_version(Requests& requests, const std::string& database) {
  const auto has_table = requests.run_for_number(
      fmt::format("SELECT count() FROM system.tables WHERE database = '{}' AND name = "
                  "'netlog_schema' FORMAT TabSeparated",
                  database));
  if (has_table == 0) {
    return 0;
  }
  return requests.run_for_number(
      fmt::format("SELECT max(version) FROM `{}`.netlog_schema FORMAT TabSeparated", database));
}

void refuse_newer(std::int64_t version, const std::string& database) {
  if (version > kFleetVersion) {
    throw CommandFailed{fmt::format(
        "the tables of {} on the server have version {}, this netlog knows {}: use a newer netlog",
        database,
        version,
        kFleetVersion)};
  }
}

}  // namespace

void create_tables(Server& server,
                   const std::string& database,
                   const ShipEnvironment& environment) {
  Requests requests{server, environment};
  refuse_newer(fleet_version(requests, database), database);
  for (const auto& statement : creating_statements(database)) {
    requests.run(statement);
  }
}

Shipper::Shipper(store::Reader& reader,
                 Server& server,
                 std::string database,
                 const ShipEnvironment& environment)
    : feed_{reader},
      requests_{server, environment},
      database_{std::move(database)},
      environment_{environment},
      sent_{kRememberedRows},
      sent_sessions_{kRememberedReferences},
      sent_gaps_{kRememberedReferences} {
  check_tables();
  find_recording();
  find_position();
}

void Shipper::check_tables() {
  const auto version = fleet_version(requests_, database_);
  refuse_newer(version, database_);
  if (version < kFleetVersion) {
    throw CommandFailed{
        fmt::format("{} on the server has no tables of this netlog; make them with "
                    "netlog ship --init --to URL",
                    database_)};
  }
}

/// A recording is known by its sessions: retention deletes the oldest ones, never all of them.
void Shipper::find_recording() {
  auto identity = feed_.identity();
  if (!identity) {
    throw store::StoreError{"the recording has no session yet"};
  }
  identity_ = std::move(*identity);
  std::string sessions;
  for (const auto& [id, started_ns] : identity_.sessions) {
    sessions += fmt::format(
        "{}(id = {} AND started_ns = {})", sessions.empty() ? "" : " OR ", id, started_ns);
  }
  const auto known = requests_.run_for_line(
      fmt::format("SELECT min(recording) FROM `{}`.session_rows WHERE clip = {} AND ({}) FORMAT "
                  "TabSeparated",
                  database_,
                  sql_text(identity_.clip),
                  sessions));
  constexpr std::size_t kDigits = 16;
  const bool is_number =
      known.size() == kDigits && known.find_first_not_of("0123456789abcdef") == std::string::npos;
  if (!known.empty() && !is_number) {
    throw CommandFailed{
        fmt::format("the server's answer is no number of a recording: {}", quote(known))};
  }
  const auto name = fmt::format("{}\n{}\n{} {}\n{}",
                                identity_.host,
                                identity_.boot_id,
                                identity_.oldest.first,
                                identity_.oldest.second,
                                identity_.clip);
  const auto digest = sha1(std::as_bytes(std::span{name}));
  recording_ = is_number ? known : hex(std::span{digest}.first(8));
}

std::optional<Position> Shipper::read_position() {
  const auto line = requests_.run_for_line(
      fmt::format("SELECT {} FROM `{}`.position_rows WHERE recording = '{}' ORDER BY version DESC "
                  "LIMIT 1 FORMAT TabSeparated",
                  position_columns(),
                  database_,
                  recording_));
  if (line.empty()) {
    return std::nullopt;
  }
  auto position = decode_position(line);
  if (!position) {
    throw CommandFailed{fmt::format("the server's answer is no position: {}", quote(line))};
  }
  return position;
}

void Shipper::find_position() {
  written_ = {};
  if (const auto position = read_position()) {
    position_ = written_ = *position;
    refreshed_event_ = position_.event;
  } else {
    begin_again(feed_.newest());
  }
}

void Shipper::begin_again(const report::NewestRows& newest) {
  position_ = {.session = newest.session,
               .session_started_ns = newest.session_started_ns,
               .event = newest.event,
               .event_connection = newest.event_connection,
               .event_at_ns = newest.event_at_ns};
  refreshed_event_ = position_.event;
}

/// A power cut can take the last rows of a file. A session begins then, and gives their numbers to
/// others. So with each new session the last shipped event is looked up.
void Shipper::follow_session(const report::NewestRows& newest) {
  if (newest.session == position_.session &&
      newest.session_started_ns == position_.session_started_ns) {
    return;
  }
  if (position_.event == 0 ||
      feed_.has_event(position_.event, position_.event_connection, position_.event_at_ns)) {
    position_.session = newest.session;
    position_.session_started_ns = newest.session_started_ns;
  } else {
    begin_again(newest);
  }
}

void Shipper::ship_changes() {
  const auto newest = feed_.newest();
  follow_session(newest);
  if (written_.session != newest.session) {
    ship_sessions();  // before the position: by them the server knows the recording
  }
  do {
    was_set_back_ = false;
    ship_first();
    while (ship_changed()) {
    }
    ship_gaps();
    ship_coverage();
    write_position();
  } while (was_set_back_);
}

/// All connections, by id. What changes meanwhile has events after position_.event.
void Shipper::ship_first() {
  while (!position_.is_complete) {
    const auto page = feed_.first(position_.connection);
    ship_connections(page);
    position_.may_lack_rows |= page.newest.deleted > position_.checked_deleted;
    position_.connection = page.last;
    position_.is_complete = page.is_last;
    write_position();
  }
}

/// @returns false if there was nothing more
bool Shipper::ship_changed() {
  const auto page = feed_.changed(position_.event);
  ship_connections(page);
  note_deletions(page);
  if (page.last_connection != 0) {
    position_.event = page.last;
    position_.event_connection = page.last_connection;
    position_.event_at_ns = page.last_at_ns;
  }
  if (page.is_last) {
    position_.connection = std::max(position_.connection, page.newest.connection);
  }
  if (page.is_last && !position_.may_lack_rows) {
    position_.checked_connection = position_.connection;
    position_.checked_deleted = page.newest.deleted;
    position_.checked_ns = position_.event_at_ns;
  }
  write_position();
  return !page.is_last;
}

void Shipper::note_deletions(const report::ShipPage& page) {
  position_.may_lack_rows |= page.newest.deleted > position_.checked_deleted && !page.has_older;
}

void Shipper::refresh() {
  ship_late_changes();
  ship_open();
  ship_sessions();
  if (position_.may_lack_rows) {
    find_lost();
  }
  refreshed_event_ = position_.event;
}

void Shipper::ship_late_changes() {
  auto event = std::max<std::int64_t>(std::min(refreshed_event_, position_.event - kLateEvents), 0);
  while (event < position_.event) {
    const auto page = feed_.changed(event);
    ship_connections(page);
    if (page.is_last) {
      return;
    }
    event = page.last;
  }
}

void Shipper::ship_open() {
  std::int64_t connection = 0;
  while (true) {
    const auto page = feed_.open(connection);
    ship_connections(page);
    if (page.is_last) {
      return;
    }
    connection = page.last;
  }
}

void Shipper::ship_connections(const report::ShipPage& page) {
  Batch batch;
  for (const auto& row : page.rows) {
    add(batch, connection_table(), row, page.newest, &sent_);
  }
  send(connection_table(), batch);
  counts_.connections += batch.rows;
}

void Shipper::ship_sessions() {
  auto first = written_.session;
  while (true) {
    const auto page = feed_.sessions(first);
    Batch batch;
    for (auto row : page.rows) {
      row.insert(row.begin(), identity_.clip);
      add(batch, session_table(), row, page.newest, &sent_sessions_);
    }
    send(session_table(), batch);
    if (page.is_last) {
      return;
    }
    first = page.last + 1;
  }
}

void Shipper::ship_gaps() {
  while (true) {
    const auto page = feed_.gaps(position_.gap);
    Batch batch;
    for (const auto& row : page.rows) {
      add(batch, gap_table(), row, page.newest, &sent_gaps_);
    }
    send(gap_table(), batch);
    position_.gap = page.last;
    if (page.is_last) {
      return;
    }
  }
}

void Shipper::ship_coverage() {
  while (true) {
    const auto page = feed_.coverage(position_.coverage);
    Batch batch;
    for (const auto& row : page.rows) {
      add(batch, coverage_table(), row, page.newest, nullptr);
    }
    send(coverage_table(), batch);
    position_.coverage = page.last;
    if (page.is_last) {
      return;
    }
  }
}

/// Retention has deleted connections that may not have been shipped, in the form that they had at
/// the end or at all. Those are written as gaps.
void Shipper::find_lost() {
  const auto newest = feed_.newest();
  write_gap(newest, -2 * position_.checked_connection - 1, kNotShipped, lost_connections(newest));
  write_gap(
      newest, -2 * position_.checked_connection - 2, kEndNotShipped, end_lost_connections(newest));
  position_.may_lack_rows = false;
  position_.checked_connection = position_.connection;
  position_.checked_deleted = newest.deleted;
  position_.checked_ns = position_.event_at_ns;
  write_position();
}

/// Ids have no holes. Those that the server lacks were deleted, unless the recorder could not write
/// them; then the recording has a gap of its own.
std::int64_t Shipper::lost_connections(const report::NewestRows& newest) {
  const auto shipped = requests_.run_for_number(
      fmt::format("SELECT uniqExact(id) FROM {} AND id > {} AND id <= {} FORMAT TabSeparated",
                  rows_of_recording(connection_table()),
                  position_.checked_connection,
                  position_.connection));
  const auto lacking = position_.connection - position_.checked_connection - shipped;
  const auto lost = std::clamp<std::int64_t>(
      newest.deleted - position_.checked_deleted, 0, std::max<std::int64_t>(lacking, 0));
  counts_.lost += lost;
  return lost;
}

/// Connections that the server has as open and that the file has no more: their rows say so.
std::int64_t Shipper::end_lost_connections(const report::NewestRows& newest) {
  constexpr int kMaxIds = 10'000;
  std::int64_t after = 0;
  std::int64_t lost = 0;
  while (true) {
    const auto text = requests_.run(
        fmt::format("SELECT id FROM {} AND gone = 0 AND id > {} AND id <= {} ORDER BY id LIMIT {} "
                    "FORMAT TabSeparated",
                    rows_of_recording(connection_table()),
                    after,
                    position_.connection,
                    kMaxIds));
    std::vector<std::int64_t> open;
    for (const auto line : split(text, '\n')) {
      const auto id = parse_number<std::int64_t>(line);
      if (id && *id > after && open.size() < kMaxIds) {
        open.push_back(*id);
        after = *id;
      }
    }
    const auto missing = open.empty() ? open : feed_.missing(open);
    if (!missing.empty()) {
      requests_.run(closing_statement(database_,
                                      rows_of_recording(connection_table()),
                                      fmt::format("{}", fmt::join(missing, ",")),
                                      newest.version));
      lost += std::ssize(missing);
    }
    if (open.size() < kMaxIds) {
      return lost;
    }
  }
}

void Shipper::write_gap(const report::NewestRows& newest,
                        std::int64_t id,
                        std::string_view reason,
                        std::int64_t lost) {
  if (lost == 0) {
    return;
  }
  const auto deleted = feed_.deletions();
  const auto from_ns = position_.checked_ns != 0 ? position_.checked_ns : deleted.from_ns;
  Batch batch;
  add(batch,
      gap_table(),
      {identity_.host,
       id,
       newest.session,
       {},
       from_ns,
       std::max(from_ns, deleted.to_ns),
       "ship",
       std::string{reason},
       lost,
       {}},
      newest,
      nullptr);
  send(gap_table(), batch);
}

/// Adds a row unless it is as it was sent last. @param cells the row between `recording` and what
/// stands behind it: the day of the partition, and the version
void Shipper::add(Batch& batch,
                  const FleetTable& table,
                  const std::vector<Cell>& cells,
                  const report::NewestRows& newest,
                  BoundedMap<std::int64_t, std::size_t>* sent) {
  std::string row;
  append_value(row, ColumnType::text, recording_);
  for (std::size_t i = 0; i < cells.size(); ++i) {
    append_value(row, table.columns.at(i + 1).type, cells[i]);
  }
  const auto number = [&](std::string_view column) {
    const auto* const value = std::get_if<std::int64_t>(&cells.at(place_of(table, column) - 1));
    return value == nullptr ? 0 : *value;
  };
  if (sent != nullptr) {
    const auto id = number("id");
    const auto hash = std::hash<std::string>{}(row);
    const auto* const last = sent->find(id);
    if (last != nullptr && *last == hash) {
      return;
    }
    sent->put(id, hash);
  }
  std::int64_t day = 0;
  if (!table.day.empty()) {
    const auto seconds =
        number(table.day == "first_seen" ? "first_seen_ns" : "from_ns") / kNsPerSecond;
    day = seconds / kSecondsPerDay;
    append_value(row, ColumnType::seconds, seconds);
  }
  append_value(row, ColumnType::uint64, newest.version);
  batch.by_day[day] += row;
  ++batch.rows;
}

void Shipper::send(const FleetTable& table, const Batch& batch) {
  for (const auto& [day, body] : batch.by_day) {
    requests_.insert(insert_statement(database_, table), body);
    ++counts_.requests;
    counts_.bytes += std::ssize(body);
  }
}

/// A server that was restored from a backup lacks rows that it had. It also lacks the position that
/// was written last: then everything behind the one that it has is sent again.
bool Shipper::is_set_back(const std::optional<Position>& on_server) {
  if (on_server ? !is_behind(*on_server, written_) : written_ == Position{}) {
    return false;
  }
  was_set_back_ = true;
  sent_.clear();
  sent_sessions_.clear();
  sent_gaps_.clear();
  find_position();
  ship_sessions();
  return true;
}

void Shipper::write_position() {
  if (position_ == written_) {
    return;
  }
  const auto on_server = read_position();
  if (is_set_back(on_server)) {
    return;
  }
  if (on_server && *on_server != written_ && is_behind(position_, *on_server)) {
    return;  // another shipper of this recording has come further
  }
  requests_.insert(insert_statement(database_, position_table()),
                   encode_position(recording_, position_, environment_.wall_clock_ns()));
  written_ = position_;
}

std::string Shipper::rows_of_recording(const FleetTable& table) const {
  std::string hosts;
  for (const auto& host : identity_.hosts) {
    hosts += (hosts.empty() ? "" : ", ") + sql_text(host);
  }
  return fmt::format("`{}`.`{}` FINAL WHERE host IN ({}) AND recording = '{}'",
                     database_,
                     table.name,
                     hosts,
                     recording_);
}

}  // namespace netlog::ship

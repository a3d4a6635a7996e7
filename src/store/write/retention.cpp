// SPDX-License-Identifier: MIT
#include "store/write/retention.hpp"

#include "os/files.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"
#include "util/text.hpp"
#include "util/time.hpp"

#include <algorithm>
#include <array>
#include <limits>
#include <string>

#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kMinWal = 4 * kMiB;
constexpr std::int64_t kMaxWal = 32 * kMiB;
constexpr std::int64_t kWalPart = 8;      // an eighth of the limit
constexpr std::int64_t kMarginPart = 64;  // of the limit, for the next batch
constexpr std::int64_t kConnectionsPerStep = 500;
constexpr std::int64_t kSamplesPerStep = 2'000;
constexpr std::int64_t kPagesPerStep = 256;
// The newest event stays, and so does its connection: the id of an event is never used again.
constexpr const char* kNewest = "(SELECT connection_id FROM newest_event)";
// Flows are merged, and what is unreferenced is deleted, after so many deleted connections. Both
// read the flows, so with many of them it is done less often.
constexpr std::int64_t kMinMergeAfter = 10'000;
constexpr std::int64_t kFlowsPerDeleted = 8;
constexpr std::int64_t kFlowsPerStep = 500;
constexpr std::int64_t kHoursPart = 8;  // an eighth of the limit is for sums of deleted connections
// With its sums, its histogram and its share of the indexes: 343 on the invented day of
// tools/generate, and more where connections pass more states.
constexpr std::int64_t kBytesPerFlow = 512;
// A clock that is wrong is set within this time. It may be wrong if a session of this boot began so
// long after the one before it, or before the end of that. It may also be wrong after a step of
// this boot that set it so far ahead.
constexpr std::int64_t kClockSettlesNs = 600 * kNsPerSecond;
constexpr std::int64_t kDoubtfulPauseNs = 86'400 * kNsPerSecond;

constexpr Retention::Deletion kOld{"older than --max-age", "ended connections were dropped"};
constexpr Retention::Deletion kOverSize{"over --max-size", "ended connections were dropped"};
constexpr Retention::Deletion kOldLookups{"lookups older than --max-age", "lookups were dropped"};
constexpr Retention::Deletion kLookupsOverSize{"lookups over --max-size", "lookups were dropped"};

// The ends of at most {0} connections after event ?1, by the ids of their events. A connection in
// TIME_WAIT is over, even if its close event is not there yet.
constexpr const char* kEnds =
    "SELECT id, connection_id, $by_clock_now(e) AS at_ns FROM ("
    "SELECT * FROM (SELECT id, connection_id, at_ns FROM event WHERE id > ?1 AND (kind = "
    "$event.close OR (kind IN ($event.present, $event.open, $event.state) AND new = "
    "$state.time_wait)) AND connection_id <> {1} ORDER BY id LIMIT {0}) "
    "UNION ALL "
    "SELECT * FROM (SELECT last_event, id, iif(gone, last_seen_ns, coalesce(closed_ns, "
    "last_seen_ns)) FROM connection WHERE last_event > ?1 AND id <> {1} ORDER BY last_event LIMIT "
    "{0})) AS e ORDER BY id LIMIT {0}";
// The same of column {1} in table {0}, where it is not known before which steps it was: the latest
// that it can be.
constexpr const char* kSampleTime =
    "({1} + coalesce((SELECT sum(k.step_ns) FROM clock_step AS k WHERE k.step_ns > 0 AND "
    "k.session_id = {0}.session_id), 0))";

std::string ends(std::int64_t limit) {
  return fmt::format(fmt::runtime(expand_sql(kEnds)), limit, kNewest);
}

std::string sample_time(std::string_view table, std::string_view column) {
  return fmt::format(kSampleTime, table, column);
}

}  // namespace

Retention::Retention(SQLite::Database& database,
                     const RetentionLimits& limits,
                     std::int64_t session_id)
    : database_{database},
      session_id_{session_id},
      page_bytes_{pragma(database, "page_size")},
      merge_after_{kMinMergeAfter},
      old_hours_{database, session_id} {
  set_limits(limits);
  SQLite::Statement dropped{database,
                            "SELECT coalesce(max(to_ns), 0) FROM gap WHERE source = 'retention'"};
  merged_hour_ = hour_of(BoundStatement{dropped}.number().value_or(0));
  SQLite::Statement doubtful{
      database,
      "SELECT max(s.started_ns), max(n.started_ns) FROM session AS s JOIN session AS b ON b.id = "
      "(SELECT max(id) FROM session WHERE id < s.id) JOIN session AS n ON n.id = ?1 WHERE s.id <= "
      "n.id AND s.boot_id IS n.boot_id AND s.started_ns - coalesce(b.ended_ns, b.alive_ns) NOT "
      "BETWEEN 0 AND ?2"};
  BoundStatement row{doubtful};
  row.with(session_id).with(kDoubtfulPauseNs);
  if (row.step() && row.number(0)) {
    clock_settles_ns_ =
        std::min(row.number(0).value_or(0), row.number(1).value_or(0)) + kClockSettlesNs;
  }
  SQLite::Statement far_ahead{
      database,
      "WITH step AS (SELECT k.id, k.at_ns, k.step_ns FROM clock_step AS k "
      "JOIN session AS s ON s.id = k.session_id "
      "WHERE s.boot_id IS (SELECT boot_id FROM session WHERE id = ?1)) "
      "SELECT max(at_ns + (SELECT coalesce(sum(step_ns), 0) FROM step AS later WHERE later.id > "
      "step.id)) FROM step WHERE step_ns > ?2"};
  if (const auto at_ns =
          BoundStatement{far_ahead}.with(session_id).with(kDoubtfulPauseNs).number()) {
    clock_settles_ns_ = std::max(clock_settles_ns_, *at_ns + kClockSettlesNs);
  }
}

void Retention::set_limits(const RetentionLimits& limits) {
  max_bytes_ = limits.max_bytes;
  max_age_ns_ = limits.max_age.count();
  const auto wal = wal_bytes();
  max_pages_ = wal ? std::max<std::int64_t>((max_bytes_ - *wal) / page_bytes_, 1) : 0;
}

void Retention::note_clock_step(const ClockStep& step) {
  clock_settles_ns_ += clock_settles_ns_ == 0 ? 0 : step.step_ns;
  if (step.step_ns > kDoubtfulPauseNs) {
    clock_settles_ns_ = std::max(clock_settles_ns_, step.at_ns + kClockSettlesNs);
  }
}

std::optional<std::int64_t> Retention::wal_bytes() const {
  return max_bytes_ == 0 ? std::nullopt
                         : std::optional{std::clamp(max_bytes_ / kWalPart, kMinWal, kMaxWal)};
}

std::int64_t Retention::used_pages() const {
  const auto used = pragma(database_, "page_count") - pragma(database_, "freelist_count");
  // The header may claim pages that are not there: to delete rows would not help. No file system
  // compresses so well.
  constexpr std::int64_t kMaxCompression = 16;
  const auto path = path_from_utf8(database_.getFilename());
  const auto stored = static_cast<std::int64_t>(os::stored_bytes(path) +
                                                os::stored_bytes(with_suffix(path, "-wal")));
  const auto stored_pages = stored / page_bytes_;
  return stored > 0 && stored_pages < used / kMaxCompression ? stored_pages : used;
}

bool Retention::too_large() const {
  const auto margin = std::max(max_pages_ / kMarginPart, kMiB / page_bytes_);
  return max_pages_ > 0 && used_pages() > max_pages_ - margin;
}

bool Retention::too_old(std::int64_t now_ns) {
  if (max_age_ns_ == 0 || now_ns < clock_settles_ns_) {
    return false;
  }
  const auto oldest = oldest_ns();
  return oldest && *oldest < now_ns - max_age_ns_;
}

void Retention::forget() {
  last_deleted_event_ = 0;
  old_hours_.forget();
}

std::optional<std::int64_t> Retention::first_young_hour(std::int64_t now_ns) {
  if (max_age_ns_ == 0 || now_ns < clock_settles_ns_) {
    return std::nullopt;
  }
  // The hours are those of the clock before its steps, so this is the latest that they can be.
  SQLite::Statement steps{database_,
                          "SELECT coalesce(sum(step_ns), 0) FROM clock_step WHERE step_ns > 0"};
  return hour_of(now_ns - max_age_ns_ - BoundStatement{steps}.number().value_or(0));
}

bool Retention::has_old_hours(std::int64_t now_ns) {
  const auto young = first_young_hour(now_ns);
  return young && old_hours_.has_deleted_before(*young);
}

bool Retention::due(std::int64_t now_ns) {
  const bool to_shrink = max_pages_ > 0 && pragma(database_, "page_count") > max_pages_ &&
                         pragma(database_, "freelist_count") > 0 &&
                         pragma(database_, "auto_vacuum") != 0;
  return to_shrink || old_hours_.is_merging() || (too_large() && oldest_ns()) || too_old(now_ns) ||
         has_old_hours(now_ns);
}

bool Retention::step(Flows& flows, std::int64_t now_ns) {
  if (old_hours_.is_merging()) {
    merge_hours(flows);
    return true;
  }
  if (too_large()) {
    delete_oldest(flows, std::nullopt);
  } else if (too_old(now_ns)) {
    delete_oldest(flows, now_ns - max_age_ns_);
  } else if (has_old_hours(now_ns)) {
    old_hours_.delete_before(*first_young_hour(now_ns));
    delete_unreferenced(now_ns - max_age_ns_);
    return true;
  }
  if (max_pages_ > 0 && pragma(database_, "page_count") > max_pages_) {
    // Without auto_vacuum the file keeps its size.
    database_.exec(fmt::format("PRAGMA incremental_vacuum({})", kPagesPerStep));
  }
  return false;
}

/// Merges some flows. At the end of all, deletes what nothing refers to.
void Retention::merge_hours(Flows& flows) {
  old_hours_.merge(kFlowsPerStep);
  if (!old_hours_.is_merging()) {
    limit_hours();
    delete_sessions(flows, deleted_to_ns_);
    delete_unreferenced(deleted_to_ns_);
    merge_after_ = std::max(kMinMergeAfter, old_hours_.flows() / kFlowsPerDeleted);
  }
}

/// Deletes the oldest connections and the lookups that are older than the last of them.
/// @param before_ns only what ended before; absent: for the size
void Retention::delete_oldest(Flows& flows, std::optional<std::int64_t> before_ns) {
  if (delete_older_lookups(before_ns)) {
    return;
  }
  const auto oldest = find_oldest(before_ns);
  // Without closed connections there may still be counters.
  const auto to_ns = oldest.ended_ns ? oldest.ended_ns : oldest_ns();
  if (!to_ns) {
    return;
  }
  const auto connections = static_cast<std::int64_t>(oldest.connections.size());
  delete_connections(flows, oldest.connections);
  last_deleted_event_ = oldest.last_event;
  record_gap(before_ns ? kOld : kOverSize, *to_ns, connections);
  deleted_ += connections;
  delete_lookups(*to_ns + 1, before_ns ? kOldLookups : kLookupsOverSize);
  delete_samples(*to_ns + 1);
  const bool nothing_left = connections == 0 && deleted_ > 0;
  if (deleted_ >= merge_after_ || nothing_left) {
    begin_merging(*to_ns);
  }
}

/// Deletes lookups that are older than the end of the oldest connection: where there are many of
/// them, and where no connection is to be deleted.
/// @returns whether any were deleted
bool Retention::delete_older_lookups(std::optional<std::int64_t> before_ns) {
  constexpr auto kNever = std::numeric_limits<std::int64_t>::max();
  const auto ended_ns = oldest_end_ns().value_or(kNever);
  const auto limit_ns = before_ns.value_or(kNever);
  const auto older_ns = std::min(ended_ns, limit_ns);
  SQLite::Statement select{
      database_,
      fmt::format("SELECT count(*), max(at_ns) FROM (SELECT {} AS at_ns FROM lookup ORDER BY id "
                  "LIMIT ?) WHERE at_ns < ?",
                  sample_time("lookup", "at_ns"))};
  std::optional<std::int64_t> to_ns;
  bool are_many = false;
  {
    BoundStatement row{select};
    row.with(kSamplesPerStep).with(older_ns);
    row.step();
    are_many = row.number(0) == kSamplesPerStep;
    to_ns = row.number(1);
  }
  const bool is_connection_next = ended_ns < limit_ns;
  if (!to_ns || (is_connection_next && !are_many)) {
    return false;
  }
  delete_lookups(older_ns, before_ns ? kOldLookups : kLookupsOverSize);
  const bool nothing_left = !before_ns && !are_many;
  if (deleted_ >= merge_after_ || nothing_left) {
    begin_merging(*to_ns);
  }
  return true;
}

/// @param to_ns the time up to which rows were deleted
void Retention::begin_merging(std::int64_t to_ns) {
  deleted_ = 0;
  deleted_to_ns_ = to_ns;
  const auto last = std::max(merged_hour_, hour_of(to_ns));
  old_hours_.begin(merged_hour_, last);
  merged_hour_ = last;
}

/// The time of the oldest row that may be deleted.
std::optional<std::int64_t> Retention::oldest_ns() {
  SQLite::Statement first{
      database_,
      fmt::format("SELECT min(at_ns) FROM (SELECT at_ns FROM ({}) UNION ALL SELECT at_ns FROM "
                  "(SELECT {} AS at_ns FROM counter_sample ORDER BY id LIMIT 1) UNION ALL SELECT "
                  "at_ns FROM (SELECT {} AS at_ns FROM lookup ORDER BY id LIMIT 1))",
                  ends(1),
                  sample_time("counter_sample", "at_ns"),
                  sample_time("lookup", "at_ns"))};
  return BoundStatement{first}.with(last_deleted_event_).number();
}

/// When the connection ended that is deleted next.
std::optional<std::int64_t> Retention::oldest_end_ns() {
  SQLite::Statement first{database_, fmt::format("SELECT at_ns FROM ({})", ends(1))};
  return BoundStatement{first}.with(last_deleted_event_).number();
}

Retention::Oldest Retention::find_oldest(std::optional<std::int64_t> before_ns) {
  Oldest oldest;
  oldest.last_event = last_deleted_event_;
  SQLite::Statement select{database_, ends(kConnectionsPerStep)};
  BoundStatement rows{select};
  rows.with(last_deleted_event_);
  while (rows.step()) {
    const auto at_ns = rows.number(2).value_or(0);
    if (before_ns && at_ns >= *before_ns) {
      break;
    }
    oldest.connections.push_back(rows.number(1).value_or(0));
    oldest.last_event = rows.number(0).value_or(0);
    oldest.ended_ns = at_ns;
  }
  return oldest;
}

void Retention::delete_connections(Flows& flows, const std::vector<std::int64_t>& connections) {
  flows.keep_sums_of(connections);
  SQLite::Statement events{database_, "DELETE FROM event WHERE connection_id = ?"};
  SQLite::Statement rows{database_, "DELETE FROM connection WHERE id = ?"};
  for (const auto connection : connections) {
    BoundStatement{events}.with(connection).exec();
    BoundStatement{rows}.with(connection).exec();
  }
}

/// Deletes the oldest hours until their sums have their share of the size.
void Retention::limit_hours() {
  while (max_bytes_ > 0 &&
         old_hours_.flows_before(merged_hour_) * kBytesPerFlow > max_bytes_ / kHoursPart) {
    const auto oldest = old_hours_.oldest();
    old_hours_.delete_before(oldest.value_or(0) + 1);
    if (old_hours_.oldest() == oldest) {
      return;  // connections refer to what is left
    }
  }
}

/// Deletes the oldest lookups. Their ids are in the order of time, but for the time until an answer
/// came. A gap of their own says how many.
void Retention::delete_lookups(std::int64_t before_ns, const Deletion& what) {
  std::int64_t count = 0;
  std::int64_t to_ns = 0;
  {
    SQLite::Statement select{
        database_,
        fmt::format("DELETE FROM lookup WHERE {0} < ? AND id IN (SELECT id FROM lookup ORDER BY id "
                    "LIMIT ?) RETURNING at_ns",
                    sample_time("lookup", "at_ns"))};
    BoundStatement rows{select};
    rows.with(before_ns).with(kSamplesPerStep);
    while (rows.step()) {
      ++count;
      to_ns = std::max(to_ns, rows.number(0).value_or(0));
    }
  }
  if (count > 0) {
    deleted_ += count;
    record_gap(what, to_ns, count);
  }
}

/// Deletes the oldest counters, coverage windows and gaps.
void Retention::delete_samples(std::int64_t before_ns) {
  constexpr std::array<std::pair<const char*, const char*>, 3> kSeries{
      {{"counter_sample", "at_ns"}, {"coverage_window", "to_ns"}, {"gap", "to_ns"}}};
  for (const auto& [table, time] : kSeries) {
    const bool gaps = std::string_view{table} == "gap";
    SQLite::Statement rows{
        database_,
        fmt::format("DELETE FROM {0} WHERE {1} < ? AND id IN (SELECT id FROM {0} ORDER BY id LIMIT "
                    "?){2}",
                    table,
                    sample_time(table, time),
                    gaps ? " AND source <> 'retention'" : "")};
    BoundStatement{rows}.with(before_ns).with(kSamplesPerStep).exec();
  }
}

/// Deletes sessions that no row refers to. Connections that such a session left open count as
/// closed.
void Retention::delete_sessions(Flows& flows, std::int64_t before_ns) {
  std::vector<std::int64_t> sessions;
  {
    SQLite::Statement select{
        database_,
        "SELECT id FROM session AS s WHERE id <> ?1 AND alive_ns < ?2 AND (SELECT min(started_ns) "
        "FROM session AS n WHERE n.id > s.id) < ?2"};
    BoundStatement rows{select};
    rows.with(session_id_).with(before_ns);
    while (rows.step()) {
      sessions.push_back(rows.number(0).value_or(0));
    }
  }
  for (const auto session : sessions) {
    std::vector<std::int64_t> left_open;
    {
      SQLite::Statement select{
          database_,
          fmt::format(
              "SELECT id FROM connection WHERE session_id = ? AND gone = 0 AND id IS NOT {}",
              kNewest)};
      BoundStatement rows{select};
      rows.with(session);
      while (rows.step()) {
        left_open.push_back(rows.number(0).value_or(0));
      }
    }
    delete_connections(flows, left_open);
    SQLite::Statement used{database_,
                           "SELECT EXISTS (SELECT 1 FROM process WHERE session_id = ?1) OR EXISTS "
                           "(SELECT 1 FROM connection WHERE session_id = ?1) OR EXISTS (SELECT 1 "
                           "FROM clock_step WHERE session_id = ?1 AND after_event >= "
                           "coalesce((SELECT id FROM event_codes WHERE connection_id = (SELECT "
                           "min(id) FROM connection) ORDER BY id LIMIT 1), 0))"};
    if (BoundStatement{used}.with(session).number() != 0) {
      continue;
    }
    for (const auto* const table :
         {"service", "gap", "coverage_window", "counter_sample", "clock_step", "lookup"}) {
      SQLite::Statement rows{database_, fmt::format("DELETE FROM {} WHERE session_id = ?", table)};
      BoundStatement{rows}.with(session).exec();
    }
    SQLite::Statement row{database_, "DELETE FROM session WHERE id = ?"};
    BoundStatement{row}.with(session).exec();
  }
}

/// Deletes rows that no row refers to. The owner of a closed connection is in its flow; an earlier
/// owner is the old value of an owner event.
void Retention::delete_unreferenced(std::int64_t before_ns) {
  SQLite::Statement processes{
      database_,
      expand_sql(
          "DELETE FROM process WHERE (ended_ns < ?1 OR (started_ns < ?1 AND (SELECT boot_id FROM "
          "session WHERE id = session_id) <> (SELECT boot_id FROM session WHERE id = ?2))) "
          "AND id NOT IN (SELECT process_id FROM flow WHERE process_id IS NOT NULL) "
          "AND id NOT IN (SELECT process_id FROM open_hour) "
          "AND id NOT IN (SELECT process_id FROM connection WHERE duration_bucket IS NULL AND "
          "process_id IS "
          "NOT NULL) AND id NOT IN (SELECT process_id FROM lookup WHERE process_id IS NOT NULL) "
          "AND id NOT IN (SELECT old FROM event WHERE kind = $event.owner AND old IS NOT "
          "NULL)")};
  BoundStatement{processes}.with(before_ns).with(session_id_).exec();
  SQLite::Statement ports{database_, "DELETE FROM port_use WHERE peak_ns < ?"};
  BoundStatement{ports}.with(before_ns).exec();
  database_.exec(
      "DELETE FROM peer WHERE id NOT IN (SELECT peer_id FROM flow WHERE peer_id IS NOT NULL) AND "
      "id NOT IN (SELECT peer_id FROM connection WHERE duration_bucket IS NULL AND peer_id IS NOT "
      "NULL)");
  database_.exec(
      "DELETE FROM address WHERE id NOT IN (SELECT local_address_id FROM flow WHERE "
      "local_address_id IS NOT NULL UNION SELECT remote_address_id FROM peer UNION SELECT "
      "local_address_id FROM connection WHERE duration_bucket IS NULL UNION SELECT "
      "remote_address_id "
      "FROM connection WHERE duration_bucket IS NULL AND remote_address_id IS NOT NULL UNION "
      "SELECT "
      "local_address_id FROM port_use UNION SELECT remote_address_id FROM port_use UNION SELECT "
      "server_id FROM lookup)");
  database_.exec(
      "DELETE FROM name WHERE id NOT IN (SELECT name_id FROM peer WHERE name_id IS NOT NULL UNION "
      "SELECT name_id FROM lookup)");
}

void Retention::record_gap(const Deletion& what, std::int64_t to_ns, std::int64_t lost) {
  SQLite::Statement known{
      database_,
      "SELECT id FROM gap WHERE source = 'retention' AND reason = ? ORDER BY id LIMIT 1"};
  const std::string reason{what.reason};
  if (const auto row = BoundStatement{known}.with(reason).number()) {
    SQLite::Statement update{database_,
                             "UPDATE gap SET session_id = ?, to_ns = max(to_ns, ?), lost = lost + "
                             "? WHERE id = ?"};
    BoundStatement{update}.with(session_id_).with(to_ns).with(lost).with(*row).exec();
    return;
  }
  SQLite::Statement insert{database_,
                           "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, "
                           "detail) SELECT ?, min(min(started_ns), ?), ?, 'retention', ?, ?, ? "
                           "FROM session"};
  const std::string detail{what.detail};
  BoundStatement{insert}
      .with(session_id_)
      .with(to_ns)
      .with(to_ns)
      .with(reason)
      .with(lost)
      .with(detail)
      .exec();
}

}  // namespace netlog::store

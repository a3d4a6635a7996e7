// SPDX-License-Identifier: MIT
#include "store/write/retention.hpp"

#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"

#include <algorithm>
#include <array>
#include <string>

#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::int64_t kMiB = 1 << 20;
constexpr std::int64_t kMinWal = 4 * kMiB;
constexpr std::int64_t kMaxWal = 32 * kMiB;
constexpr std::int64_t kWalPart = 8;      // of the limit
constexpr std::int64_t kMarginPart = 64;  // of the limit: what a batch adds
constexpr std::int64_t kAtOnce = 500;
constexpr std::int64_t kSamplesAtOnce = 2'000;
constexpr std::int64_t kPagesAtOnce = 256;
// In TIME_WAIT a connection is over; its close event may be to come.
constexpr const char* kIsAnEnd =
    "(kind = $event.close OR (kind IN ($event.present, $event.open, $event.state) AND new = "
    "$state.time_wait))";
constexpr std::int64_t kSweepEvery = 10'000;  // connections

std::int64_t pragma(SQLite::Database& database, const char* name) {
  return database.execAndGet(fmt::format("PRAGMA {}", name)).getInt64();
}

}  // namespace

Retention::Retention(SQLite::Database& database,
                     const WriterOptions& options,
                     std::int64_t session_id)
    : database_{database},
      session_id_{session_id},
      page_bytes_{pragma(database, "page_size")},
      max_bytes_{options.max_bytes},
      max_age_ns_{options.max_age.count()} {
  if (const auto wal = wal_bytes()) {
    max_pages_ = std::max<std::int64_t>((max_bytes_ - *wal) / page_bytes_, 1);
  }
}

std::optional<std::int64_t> Retention::wal_bytes() const {
  return max_bytes_ == 0 ? std::nullopt
                         : std::optional{std::clamp(max_bytes_ / kWalPart, kMinWal, kMaxWal)};
}

std::int64_t Retention::used_pages() const {
  return pragma(database_, "page_count") - pragma(database_, "freelist_count");
}

bool Retention::too_large() const {
  const auto margin = std::max(max_pages_ / kMarginPart, kMiB / page_bytes_);
  return max_pages_ > 0 && used_pages() > max_pages_ - margin;
}

bool Retention::too_old(std::int64_t now_ns) {
  if (max_age_ns_ == 0) {
    return false;
  }
  const auto oldest = oldest_ns();
  return oldest && *oldest < now_ns - max_age_ns_;
}

bool Retention::due(std::int64_t now_ns) {
  const bool to_shrink = max_pages_ > 0 && pragma(database_, "page_count") > max_pages_ &&
                         pragma(database_, "freelist_count") > 0 &&
                         pragma(database_, "auto_vacuum") != 0;
  return to_shrink || (too_large() && oldest_ns()) || too_old(now_ns);
}

bool Retention::step(Flows& flows, std::int64_t now_ns) {
  const bool for_size = too_large();
  const auto before_ns = for_size ? std::nullopt : std::optional{now_ns - max_age_ns_};
  if (for_size || too_old(now_ns)) {
    const auto oldest = find_oldest(before_ns);
    // Without connections that have ended there are still counters.
    const auto to_ns = oldest.ended_ns ? oldest.ended_ns : oldest_ns();
    if (to_ns) {
      drop(flows, oldest.connections);
      // Ids of rows that are gone can be given again.
      passed_event_ =
          std::min(oldest.last_event,
                   database_.execAndGet("SELECT coalesce(max(id), 0) FROM event").getInt64());
      enter(for_size ? "over --max-size" : "older than --max-age",
            *to_ns,
            static_cast<std::int64_t>(oldest.connections.size()));
      drop_series(*to_ns + 1);
      dropped_ += static_cast<std::int64_t>(oldest.connections.size());
    }
    const bool nothing_left = oldest.connections.empty() && dropped_ > 0;
    if (to_ns && (dropped_ >= kSweepEvery || nothing_left)) {
      dropped_ = 0;
      drop_sessions(flows, *to_ns);
      drop_unreferenced(*to_ns);
      return true;
    }
  }
  if (max_pages_ > 0 && pragma(database_, "page_count") > max_pages_) {
    // A file that was not made so stays as large as it is.
    database_.exec(fmt::format("PRAGMA incremental_vacuum({})", kPagesAtOnce));
  }
  return false;
}

/// When the oldest of what may go was written.
std::optional<std::int64_t> Retention::oldest_ns() {
  SQLite::Statement first{
      database_,
      fmt::format("SELECT min(at_ns) FROM (SELECT at_ns FROM (SELECT at_ns FROM event WHERE id > ? "
                  "AND {} ORDER BY id LIMIT 1) UNION ALL SELECT at_ns FROM (SELECT at_ns FROM "
                  "counter_sample ORDER BY id LIMIT 1))",
                  expand_sql(kIsAnEnd))};
  return BoundStatement{first}.with(passed_event_).number();
}

Retention::Oldest Retention::find_oldest(std::optional<std::int64_t> before_ns) {
  Oldest oldest;
  oldest.last_event = passed_event_;
  SQLite::Statement ends{
      database_,
      fmt::format(
          "SELECT id, connection_id, at_ns FROM event WHERE id > ? AND {} ORDER BY id LIMIT ?",
          expand_sql(kIsAnEnd))};
  BoundStatement rows{ends};
  rows.with(passed_event_).with(kAtOnce);
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

void Retention::drop(Flows& flows, const std::vector<std::int64_t>& connections) {
  flows.remove(connections);
  SQLite::Statement events{database_, "DELETE FROM event WHERE connection_id = ?"};
  SQLite::Statement rows{database_, "DELETE FROM connection WHERE id = ?"};
  for (const auto connection : connections) {
    BoundStatement{events}.with(connection).exec();
    BoundStatement{rows}.with(connection).exec();
  }
}

/// Rows that come one after the other, the oldest first.
void Retention::drop_series(std::int64_t before_ns) {
  constexpr std::array<std::pair<const char*, const char*>, 3> kSeries{
      {{"counter_sample", "at_ns"}, {"coverage_window", "to_ns"}, {"gap", "to_ns"}}};
  for (const auto& [table, time] : kSeries) {
    const bool gaps = std::string_view{table} == "gap";
    SQLite::Statement rows{
        database_,
        fmt::format("DELETE FROM {0} WHERE {1} < ? AND id IN (SELECT id FROM {0} ORDER BY id LIMIT "
                    "?){2}",
                    table,
                    time,
                    gaps ? " AND source <> 'retention'" : "")};
    BoundStatement{rows}.with(before_ns).with(kSamplesAtOnce).exec();
  }
}

/// Sessions that nothing refers to any more. What one of them left open counts as ended with it.
void Retention::drop_sessions(Flows& flows, std::int64_t before_ns) {
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
      SQLite::Statement select{database_,
                               "SELECT id FROM connection WHERE session_id = ? AND gone = 0"};
      BoundStatement rows{select};
      rows.with(session);
      while (rows.step()) {
        left_open.push_back(rows.number(0).value_or(0));
      }
    }
    drop(flows, left_open);
    SQLite::Statement used{database_,
                           "SELECT EXISTS (SELECT 1 FROM process WHERE session_id = ?1) OR EXISTS "
                           "(SELECT 1 FROM connection WHERE session_id = ?1) OR EXISTS (SELECT 1 "
                           "FROM clock_step WHERE session_id = ?1 AND after_event >= (SELECT "
                           "min(id) FROM event))"};
    if (BoundStatement{used}.with(session).number() != 0) {
      continue;
    }
    for (const auto* const table :
         {"service", "gap", "coverage_window", "counter_sample", "clock_step"}) {
      SQLite::Statement rows{database_, fmt::format("DELETE FROM {} WHERE session_id = ?", table)};
      BoundStatement{rows}.with(session).exec();
    }
    SQLite::Statement row{database_, "DELETE FROM session WHERE id = ?"};
    BoundStatement{row}.with(session).exec();
  }
}

/// Every ended connection is in a flow; an owner of before is in an event of kind 4, and who became
/// one is the owner still or in the next such event.
void Retention::drop_unreferenced(std::int64_t before_ns) {
  SQLite::Statement processes{
      database_,
      expand_sql(
          "DELETE FROM process WHERE (ended_ns < ?1 OR (started_ns < ?1 AND (SELECT boot_id FROM "
          "session WHERE id = session_id) <> (SELECT boot_id FROM session WHERE id = ?2))) "
          "AND id NOT IN (SELECT process_id FROM flow WHERE process_id IS NOT NULL) "
          "AND id NOT IN (SELECT process_id FROM connection WHERE duration_bucket IS NULL AND "
          "process_id IS "
          "NOT NULL) AND id NOT IN (SELECT old FROM event WHERE kind = $event.owner AND old IS NOT "
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
      "local_address_id FROM port_use UNION SELECT remote_address_id FROM port_use)");
}

void Retention::enter(std::string_view reason, std::int64_t to_ns, std::int64_t connections) {
  SQLite::Statement known{
      database_,
      "SELECT id FROM gap WHERE source = 'retention' AND reason = ? ORDER BY id LIMIT 1"};
  const std::string text{reason};
  if (const auto row = BoundStatement{known}.with(text).number()) {
    SQLite::Statement update{database_,
                             "UPDATE gap SET session_id = ?, to_ns = max(to_ns, ?), lost = lost + "
                             "? WHERE id = ?"};
    BoundStatement{update}.with(session_id_).with(to_ns).with(connections).with(*row).exec();
    return;
  }
  SQLite::Statement insert{database_,
                           "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, "
                           "detail) SELECT ?, min(min(started_ns), ?), ?, 'retention', ?, ?, "
                           "'ended connections were dropped' FROM session"};
  BoundStatement{insert}
      .with(session_id_)
      .with(to_ns)
      .with(to_ns)
      .with(text)
      .with(connections)
      .exec();
}

}  // namespace netlog::store

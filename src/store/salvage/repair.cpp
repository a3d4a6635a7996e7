// SPDX-License-Identifier: MIT
#include "store/salvage/repair.hpp"

#include "model/event.hpp"
#include "store/db/statement.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/port_use.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include <SQLiteCpp/Statement.h>
#include <fmt/format.h>

namespace netlog::store {
namespace {

/// Makes rows good whose other half is lost. Runs after all have been inserted.
class Repair {
 public:
  explicit Repair(SQLite::Database& database) : database_{database} {}

  /// @returns how many rows of a table went
  std::map<std::string, std::int64_t> references() {
    std::map<std::string, std::int64_t> dropped;
    dropped["event"] =
        run("DELETE FROM event WHERE connection_id NOT IN (SELECT id FROM connection) OR kind NOT "
            "BETWEEN 0 AND 5 OR error_ns < 0");
    dropped["connection"] = run("DELETE FROM connection WHERE gone NOT IN (0, 1)");
    run("INSERT INTO session (id, host, os, kernel, netlog_version, utc_offset_s, interval_ns, "
        "sources, started_ns, alive_ns) "
        "SELECT session_id, '?', '?', '?', 'salvaged', 0, 0, '?', min(from_ns), max(to_ns) FROM ("
        "SELECT session_id, coalesce(opened_ns, first_seen_ns) AS from_ns, max(last_seen_ns, "
        "coalesce(closed_ns, 0)) AS to_ns FROM connection "
        "UNION ALL SELECT session_id, started_ns, coalesce(ended_ns, started_ns) FROM process "
        "UNION ALL SELECT session_id, from_ns, to_ns FROM gap "
        "UNION ALL SELECT session_id, from_ns, to_ns FROM coverage_window "
        "UNION ALL SELECT session_id, at_ns, at_ns FROM counter_sample) "
        "WHERE session_id NOT IN (SELECT id FROM session) GROUP BY session_id");
    run("DELETE FROM service WHERE session_id NOT IN (SELECT id FROM session)");
    if (run("UPDATE connection SET local_address_id = -1 WHERE local_address_id NOT IN (SELECT id "
            "FROM address)") > 0) {
      run("INSERT OR IGNORE INTO address (family, text, bytes) VALUES (4, '0.0.0.0', x'00000000')");
      run("UPDATE connection SET local_address_id = (SELECT id FROM address WHERE text = "
          "'0.0.0.0') WHERE local_address_id = -1");
    }
    run("UPDATE connection SET remote_address_id = NULL WHERE remote_address_id NOT IN (SELECT id "
        "FROM address)");
    run("UPDATE connection SET process_id = NULL, owner_source = 0, owner_reason = NULL WHERE "
        "process_id NOT IN (SELECT id FROM process)");
    run("UPDATE event SET old = iif(old IN (SELECT id FROM process), old, NULL), new = iif(new IN "
        "(SELECT id FROM process), new, NULL) WHERE kind = 4");
    run("UPDATE connection SET open_error_ns = NULL, opened_ns = NULL WHERE open_error_ns < 0 OR "
        "(closed_ns < opened_ns - open_error_ns AND NOT EXISTS (SELECT 1 FROM gap AS g WHERE "
        "g.session_id = connection.session_id AND g.source = 'clock'))");
    run("UPDATE connection SET close_error_ns = NULL, closed_ns = NULL WHERE close_error_ns < 0");
    return dropped;
  }

  /// Events follow one another again. @returns how many said nothing where they stood
  std::int64_t events() {
    SQLite::Statement rows{
        database_,
        "SELECT c.id, c.state, c.gone, c.opened_ns, c.open_error_ns, c.first_seen_ns, "
        "max(c.last_seen_ns, coalesce(c.closed_ns, 0)), e.id, e.kind, e.at_ns, e.error_ns, e.old, "
        "e.new FROM connection AS c LEFT JOIN event AS e ON e.connection_id = c.id ORDER BY c.id, "
        "e.id"};
    std::optional<Life> life;
    while (rows.executeStep()) {
      const auto number = [&](int column) {
        const auto cell = rows.getColumn(column);
        return cell.isNull() ? std::nullopt : std::optional{std::int64_t{cell.getInt64()}};
      };
      if (!life || life->id != number(0)) {
        end(life);
        life = Life{*number(0),
                    number(1),
                    number(2) == 1,
                    number(3),
                    number(4),
                    number(5).value_or(0),
                    number(6).value_or(0)};
      }
      if (number(7)) {
        next(*life,
             {*number(7),
              number(8).value_or(0),
              number(9).value_or(0),
              number(10).value_or(0),
              number(11),
              number(12)});
      }
    }
    end(life);
    return write();
  }

  void sums() {
    run("UPDATE connection SET peer_id = NULL, flow_id = NULL, duration_bucket = NULL");
    // As schema/004_flows.sql made them of what there was.
    run("INSERT INTO peer (direction, protocol, remote_address_id, port) "
        "SELECT DISTINCT direction, protocol, remote_address_id, iif(direction = 2, local_port, "
        "remote_port) FROM connection WHERE remote_address_id IS NOT NULL AND direction <> 3");
    run("UPDATE connection SET peer_id = (SELECT p.id FROM peer AS p "
        "WHERE p.remote_address_id = connection.remote_address_id "
        "AND p.port IS iif(connection.direction = 2, connection.local_port, "
        "connection.remote_port) "
        "AND p.direction = connection.direction AND p.protocol = connection.protocol)");
    Flows{database_}.add_missing();
    sum_ports(database_);
  }

  void gaps(const Salvaged& salvaged) {
    run("INSERT INTO session (host, os, kernel, netlog_version, utc_offset_s, interval_ns, "
        "sources, started_ns, alive_ns) SELECT '?', '?', '?', 'salvaged', 0, 0, '?', 0, 0 WHERE "
        "NOT EXISTS (SELECT 1 FROM session)");
    SQLite::Statement insert{
        database_,
        "INSERT INTO gap (session_id, from_ns, to_ns, source, reason, lost, detail) SELECT "
        "max(id), "
        "min(started_ns), max(max(alive_ns, coalesce(ended_ns, alive_ns))), 'salvage', 'rows could "
        "not "
        "be read', ?, ? FROM session"};
    for (const auto& table : salvaged.tables) {
      if (table.lost + table.dropped > 0) {
        const auto detail = fmt::format("{}: {} could not be read, {} were dropped, {} were saved",
                                        table.name,
                                        table.lost,
                                        table.dropped,
                                        table.rows - table.dropped);
        BoundStatement{insert}.with(table.lost + table.dropped).with(detail).exec();
      }
    }
    if (salvaged.damaged_pages > 0) {
      const auto detail = fmt::format("{} damaged pages", salvaged.damaged_pages);
      BoundStatement{insert}.with(std::optional<std::int64_t>{}).with(detail).exec();
    }
  }

 private:
  struct Told {
    std::int64_t id = 0;
    std::int64_t kind = 0;
    std::int64_t at_ns = 0;
    std::int64_t error_ns = 0;
    std::optional<std::int64_t> old;
    std::optional<std::int64_t> now;
  };
  /// A connection by its row, and how far its events have told of it.
  struct Life {
    std::int64_t id = 0;
    std::optional<std::int64_t> state;
    bool gone = false;
    std::optional<std::int64_t> opened_ns;
    std::optional<std::int64_t> open_error_ns;
    std::int64_t first_seen_ns = 0;
    std::int64_t last_ns = 0;
    bool begun = false;
    bool closed = false;
    std::int64_t at_ns = 0;                ///< of the last event about its state
    std::optional<std::int64_t> now = {};  ///< where that led to
  };

  static constexpr std::int64_t code(EventKind kind) { return static_cast<std::int64_t>(kind); }
  /// At least 1, at most what fits: a damaged file may hold any times.
  static std::int64_t since(std::int64_t before_ns, std::int64_t at_ns) {
    const auto ns = static_cast<std::uint64_t>(at_ns) - static_cast<std::uint64_t>(before_ns);
    constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
    return at_ns > before_ns ? static_cast<std::int64_t>(std::min(ns, kMax)) : 1;
  }
  static bool is_state(std::int64_t kind) {
    return kind == code(EventKind::state) || kind == code(EventKind::close);
  }

  std::int64_t run(const std::string& sql) { return database_.exec(sql); }

  /// Before the first event that is left: numbers below all others.
  void begin(Life& life, std::optional<std::int64_t> state) {
    const auto at_ns = life.opened_ns.value_or(life.first_seen_ns);
    made_.emplace_back(life.id,
                       Told{--first_,
                            code(life.opened_ns ? EventKind::open : EventKind::present),
                            at_ns,
                            life.opened_ns ? life.open_error_ns.value_or(0) : 0,
                            std::nullopt,
                            state});
    life.begun = true;
    life.at_ns = at_ns;
    life.now = state;
  }

  void next(Life& life, Told told) {
    const bool begins = told.kind == code(EventKind::present) || told.kind == code(EventKind::open);
    if ((life.begun && begins) || (life.closed && told.kind != code(EventKind::owner))) {
      removed_.push_back(told.id);
      return;
    }
    if (!life.begun && !begins) {
      begin(life, is_state(told.kind) ? told.old : life.state);
    }
    if (is_state(told.kind) && told.old != life.now) {
      // What happened in between is lost: it came to this some time since.
      told.old = life.now;
      told.error_ns = std::max(told.error_ns, since(life.at_ns, told.at_ns));
      changed_.push_back(told);
    }
    if (begins || is_state(told.kind)) {
      life.begun = true;
      life.at_ns = told.at_ns;
      life.now = told.now;
      life.closed = told.kind == code(EventKind::close);
    }
  }

  void end(std::optional<Life>& ended) {
    if (!ended) {
      return;
    }
    auto& life = *ended;
    if (!life.begun) {
      begin(life, life.state);
    }
    if (life.closed) {
      if (!life.gone || (life.now && life.now != life.state)) {  // the close knows better
        closed_.emplace_back(life.id, life.at_ns, life.now);
      }
    } else if (life.gone) {
      add(life, EventKind::close);
    } else if (life.now && life.now != life.state) {
      add(life, EventKind::state);
    }
  }

  void add(const Life& life, EventKind kind) {
    const auto at_ns = std::max(life.last_ns, life.at_ns);
    made_.emplace_back(life.id,
                       Told{0, code(kind), at_ns, since(life.at_ns, at_ns), life.now, life.state});
  }

  std::int64_t write() {
    SQLite::Statement insert{database_,
                             "INSERT INTO event (id, connection_id, kind, at_ns, error_ns, old, "
                             "new) VALUES (?, ?, ?, ?, ?, ?, ?)"};
    for (const auto& [connection, told] : made_) {
      BoundStatement{insert}
          .with(told.id < 0 ? std::optional{told.id} : std::nullopt)
          .with(connection)
          .with(told.kind)
          .with(told.at_ns)
          .with(told.error_ns)
          .with(told.old)
          .with(told.now)
          .exec();
    }
    SQLite::Statement change{database_, "UPDATE event SET old = ?, error_ns = ? WHERE id = ?"};
    for (const auto& told : changed_) {
      BoundStatement{change}.with(told.old).with(told.error_ns).with(told.id).exec();
    }
    SQLite::Statement remove{database_, "DELETE FROM event WHERE id = ?"};
    for (const auto id : removed_) {
      BoundStatement{remove}.with(id).exec();
    }
    SQLite::Statement close{database_,
                            "UPDATE connection SET gone = 1, state = coalesce(?, state), closed_ns "
                            "= coalesce(closed_ns, ?), close_error_ns = coalesce(close_error_ns, "
                            "0), outcome = iif(outcome = 0, 6, outcome) WHERE id = ?"};
    for (const auto& [connection, at_ns, state] : closed_) {
      BoundStatement{close}.with(state).with(at_ns).with(connection).exec();
    }
    return static_cast<std::int64_t>(removed_.size());
  }

  SQLite::Database& database_;
  std::int64_t first_ = 0;
  std::vector<std::pair<std::int64_t, Told>> made_;
  std::vector<Told> changed_;
  std::vector<std::int64_t> removed_;
  std::vector<std::tuple<std::int64_t, std::int64_t, std::optional<std::int64_t>>> closed_;
};

}  // namespace

void repair(SQLite::Database& database, Salvaged& salvaged) {
  Repair repairs{database};
  auto dropped = repairs.references();
  dropped["event"] += repairs.events();
  for (auto& table : salvaged.tables) {
    table.dropped = dropped[table.name];
  }
  repairs.sums();
  repairs.gaps(salvaged);
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "store/clip/redaction.hpp"
#include "store/db/migrate.hpp"
#include "store/db/open_readonly.hpp"
#include "store/db/rebuildable_tables.hpp"
#include "store/db/sql_macros.hpp"
#include "store/db/statement.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/port_use.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <limits>
#include <string_view>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr int kStepsBetweenClipProgress = 50'000;
constexpr std::size_t kSumsAtOnce = 10'000;

/// Which rows of a table are copied. In `from` the table is `t`.
struct Part {
  std::string_view table;
  std::string from;
};

std::vector<Part> parts() {
  const auto chosen = [](std::string_view table, std::string_view ids) {
    return Part{table, fmt::format("temp.{} AS k CROSS JOIN {} AS t ON t.id = k.id", ids, table)};
  };
  return {chosen("session", "clip_session"),
          chosen("process", "clip_process"),
          chosen("address", "clip_address"),
          chosen("peer", "clip_peer"),
          chosen("connection", "clip_connection"),
          {"event", "temp.clip_connection AS k CROSS JOIN event AS t ON t.connection_id = k.id"},
          chosen("gap", "clip_gap"),
          chosen("coverage_window", "clip_coverage"),
          chosen("counter_sample", "clip_counters"),
          {"service",
           "service AS t WHERE session_id IN (SELECT id FROM temp.clip_session) AND pid IN "
           "(SELECT p.pid FROM temp.clip_process AS k CROSS JOIN process AS p ON p.id = k.id)"},
          {"clock_step", "clock_step AS t WHERE session_id IN (SELECT id FROM temp.clip_session)"},
          {"clip", "clip AS t"}};
}

// Owners of the chosen connections, former and later ones too; with include_unrelated_processes
// those that lived in the window; and of all these the recorded parents. Of a process whose end
// nobody saw it is known that it ended with its boot.
constexpr std::string_view kChooseProcesses = R"sql(
INSERT INTO temp.clip_process
WITH RECURSIVE
lived AS (
  SELECT
    p.id,
    p.pid,
    p.parent_pid,
    p.started_ns,
    coalesce(s.boot_id, s.id) AS boot,
    coalesce(p.ended_ns, (
      SELECT max(b.alive_ns) FROM session AS b WHERE coalesce(b.boot_id, b.id) = coalesce(s.boot_id, s.id)
    )) AS ended_ns
  FROM process AS p
  LEFT JOIN session AS s ON s.id = p.session_id
),
family (id) AS (
  SELECT process_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE process_id IS NOT NULL
  UNION
  SELECT old FROM temp.clip_connection AS k CROSS JOIN event AS e ON e.connection_id = k.id WHERE kind = $event.owner AND old IS NOT NULL
  UNION
  SELECT new FROM temp.clip_connection AS k CROSS JOIN event AS e ON e.connection_id = k.id WHERE kind = $event.owner AND new IS NOT NULL
  UNION
  SELECT id FROM lived WHERE :include_unrelated_processes AND started_ns <= :to_ns AND ended_ns >= :from_ns
  UNION
  SELECT parent.id
  FROM family
  JOIN lived AS child ON child.id = family.id
  JOIN lived AS parent
    ON parent.pid = child.parent_pid AND parent.boot = child.boot AND parent.id <> child.id
    AND parent.started_ns <= child.started_ns AND parent.ended_ns >= child.started_ns
)
SELECT id FROM family WHERE id IN (SELECT id FROM process))sql";

constexpr std::string_view kChooseTheRest = R"sql(
CREATE TEMP TABLE clip_coverage AS SELECT id FROM coverage_window WHERE from_ns <= :to_ns AND to_ns >= :from_ns;
CREATE TEMP TABLE clip_counters AS SELECT id FROM counter_sample WHERE at_ns BETWEEN :from_ns AND :to_ns;
-- A clock that was set explains times of whole lives.
CREATE TEMP TABLE clip_gap AS SELECT id FROM gap WHERE from_ns <= :to_ns AND to_ns >= :from_ns OR source = 'clock'
  AND session_id IN (SELECT session_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id);
CREATE TEMP TABLE clip_peer AS
  SELECT DISTINCT peer_id AS id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE peer_id IS NOT NULL;
CREATE TEMP TABLE clip_address AS
  SELECT local_address_id AS id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id
  UNION
  SELECT remote_address_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id WHERE remote_address_id IS NOT NULL
  UNION
  SELECT remote_address_id FROM temp.clip_peer AS k CROSS JOIN peer AS p ON p.id = k.id;
CREATE TEMP TABLE clip_session AS
  SELECT id FROM session WHERE started_ns <= :to_ns AND max(coalesce(ended_ns, 0), alive_ns) >= :from_ns
  UNION
  SELECT session_id FROM temp.clip_connection AS k CROSS JOIN connection AS c ON c.id = k.id
  UNION
  SELECT session_id FROM temp.clip_process AS k CROSS JOIN process AS p ON p.id = k.id
  UNION
  SELECT session_id FROM temp.clip_gap AS k CROSS JOIN gap AS g ON g.id = k.id
  UNION
  SELECT session_id FROM temp.clip_coverage AS k CROSS JOIN coverage_window AS w ON w.id = k.id
  UNION
  SELECT session_id FROM temp.clip_counters AS k CROSS JOIN counter_sample AS n ON n.id = k.id;
)sql";

void bind(SQLite::Statement& statement, const Parameters& parameters) {
  for (const auto& [name, value] : parameters) {
    const auto index = statement.getIndex((":" + name).c_str());
    if (index == 0) {
      continue;  // it does not use it
    }
    if (const auto* const number = std::get_if<std::int64_t>(&value)) {
      statement.bind(index, *number);
    } else if (const auto* const real = std::get_if<double>(&value)) {
      statement.bind(index, *real);
    } else if (const auto* const text = std::get_if<std::string>(&value)) {
      statement.bind(index, *text);
    }
  }
}

void run(SQLite::Database& database, const std::string& sql, const Parameters& parameters) {
  SQLite::Statement statement{database, sql};
  bind(statement, parameters);
  statement.exec();
}

struct Columns {
  std::vector<std::string> names;
  std::vector<std::string> key;
};

/// Empty where there is no such table.
Columns columns_of(SQLite::Database& database, std::string_view table) {
  SQLite::Statement info{database, "SELECT name, pk FROM pragma_table_info(?) ORDER BY cid"};
  info.bind(1, std::string{table});
  Columns columns;
  while (info.executeStep()) {
    columns.names.push_back(info.getColumn(0).getString());
    if (info.getColumn(1).getInt() > 0) {
      columns.key.push_back("t." + columns.names.back());
    }
  }
  return columns;
}

bool is_of_sums(std::string_view table, std::string_view column) {
  return table == "connection" && (column == "flow_id" || column == "duration_bucket");
}

class Clip {
 public:
  Clip(SQLite::Database& source, SQLite::Database& out, const ClipOptions& wish)
      : source_{source}, out_{out}, wish_{wish} {
    if (wish.redaction) {
      redaction_.emplace(wish.redaction->key, wish.redaction->keep);
    }
  }

  void cut(const std::string& source_name) {
    const SQLite::Transaction one_view{source_};
    choose();
    SQLite::Transaction transaction{out_, SQLite::TransactionBehavior::IMMEDIATE};
    for (const auto& part : parts()) {
      copy(part);
    }
    sum_up();
    insert_clip_row(source_name);
    transaction.commit();
    totals_.connections = count(out_, "connection");
    totals_.events = count(out_, "event");
    totals_.processes = count(out_, "process");
  }

  ClipTotals check(const std::filesystem::path& path, const std::function<bool()>& go_on) {
    if (redaction_) {
      auto found = find_originals(out_, path, redaction_->texts(), go_on);
      if (found.original) {
        throw StoreError{fmt::format(
            "the clip is not handed over: an original of {} was still in it, in spite of "
            "--redact; it was deleted, please report this",
            *found.original)};
      }
      totals_.redacted = redaction_->replaced();
      totals_.seen_within_kept = std::move(found.within_kept);
    }
    return totals_;
  }

 private:
  static std::int64_t count(SQLite::Database& database, std::string_view table) {
    return database.execAndGet(fmt::format("SELECT count(*) FROM {}", table)).getInt64();
  }

  void choose() {
    const Parameters window{
        {"from_ns", wish_.from_ns.value_or(std::numeric_limits<std::int64_t>::min())},
        {"to_ns", wish_.to_ns.value_or(std::numeric_limits<std::int64_t>::max())},
        {"include_unrelated_processes",
         static_cast<std::int64_t>(wish_.include_unrelated_processes)}};
    source_.exec("CREATE TEMP TABLE clip_connection (id INTEGER PRIMARY KEY)");
    for (const auto& condition : wish_.connections) {
      run(source_,
          fmt::format("INSERT OR IGNORE INTO temp.clip_connection SELECT id FROM connections "
                      "WHERE {}",
                      condition.sql),
          condition.parameters);
    }
    source_.exec("CREATE TEMP TABLE clip_process (id INTEGER PRIMARY KEY)");
    run(source_, expand_sql(kChooseProcesses), window);
    const char* rest = kChooseTheRest.data();
    while (rest != nullptr && *rest != '\0') {
      sqlite3_stmt* raw = nullptr;
      const auto* const begin = rest;
      if (sqlite3_prepare_v2(source_.getHandle(), begin, -1, &raw, &rest) != SQLITE_OK) {
        throw SQLite::Exception{source_.getHandle()};
      }
      const bool there = raw != nullptr;
      sqlite3_finalize(raw);
      if (!there) {
        break;
      }
      run(source_, std::string{begin, rest}, window);
    }
  }

  void copy(const Part& part) {
    const auto columns = columns_of(out_, part.table);
    if (columns.names.empty()) {
      return;
    }
    SQLite::Statement rows{source_,
                           fmt::format("SELECT t.{} FROM {} ORDER BY {}",
                                       fmt::join(columns.names, ", t."),
                                       part.from,
                                       fmt::join(columns.key, ", "))};
    std::string places = "?";
    for (std::size_t i = 1; i < columns.names.size(); ++i) {
      places += ", ?";
    }
    SQLite::Statement insert{
        out_,
        fmt::format(
            "INSERT INTO {} ({}) VALUES ({})", part.table, fmt::join(columns.names, ", "), places)};
    while (rows.executeStep()) {
      for (std::size_t i = 0; i < columns.names.size(); ++i) {
        const auto& name = columns.names[i];
        const auto cell = rows.getColumn(static_cast<int>(i));
        const auto place = static_cast<int>(i) + 1;
        if (cell.isNull() || is_of_sums(part.table, name)) {
          insert.bind(place);
        } else if (cell.isText() || cell.isBlob()) {
          copy_text(insert, place, part.table, name, cell);
        } else if (cell.isFloat()) {
          insert.bind(place, cell.getDouble());
        } else {
          insert.bind(place, cell.getInt64());
        }
      }
      insert.exec();
      insert.reset();
    }
  }

  void copy_text(SQLite::Statement& insert,
                 int place,
                 std::string_view table,
                 std::string_view column,
                 const SQLite::Column& cell) {
    const auto original = cell.getString();
    if (cell.isBlob()) {
      const auto bytes = redaction_ ? redaction_->blob(table, column, original) : original;
      insert.bind(place, bytes.data(), static_cast<int>(bytes.size()));
    } else if (const auto text =
                   redaction_ ? redaction_->text(table, column, original) : original) {
      insert.bind(place, *text);
    } else {
      insert.bind(place);
    }
  }

  void sum_up() {
    Flows flows{out_};
    std::vector<std::int64_t> ended;
    SQLite::Statement select{source_,
                             "SELECT t.id FROM temp.clip_connection AS k CROSS JOIN connection AS "
                             "t ON t.id = k.id WHERE t.duration_bucket IS NOT NULL ORDER BY t.id"};
    while (select.executeStep()) {
      ended.push_back(select.getColumn(0).getInt64());
      if (ended.size() == kSumsAtOnce) {
        flows.add(std::exchange(ended, {}));
      }
    }
    flows.add(ended);
    sum_ports(out_);
  }

  void insert_clip_row(const std::string& source_name) {
    const auto cut_ns =
        source_.execAndGet("SELECT coalesce(max(alive_ns), 0) FROM session").getInt64();
    const auto connections = count(source_, "connection");
    const auto events = count(source_, "event");
    const auto name = redaction_ ? std::nullopt : std::optional{source_name};
    const auto redacted = redaction_ ? redaction_->replaced() : std::nullopt;
    const std::string version{kVersion};
    if (redaction_) {
      redaction_->allow(wish_.filters.value_or(""));
      redaction_->allow(redacted.value_or(""));
      redaction_->allow(version);
    }
    SQLite::Statement insert{
        out_,
        "INSERT INTO clip (cut_ns, from_ns, to_ns, filters, source, source_connections, "
        "source_events, redacted, netlog_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    BoundStatement{insert}
        .with(cut_ns)
        .with(wish_.from_ns)
        .with(wish_.to_ns)
        .with(wish_.filters)
        .with(name)
        .with(connections)
        .with(events)
        .with(redacted)
        .with(version)
        .exec();
  }

  SQLite::Database& source_;
  SQLite::Database& out_;
  const ClipOptions& wish_;
  std::optional<Redaction> redaction_;
  ClipTotals totals_;
};

int may_go_on(void* go_on) {
  return (*static_cast<const std::function<bool()>*>(go_on))() ? 0 : 1;
}

void watch(SQLite::Database& database, const std::function<bool()>& go_on) {
  sqlite3_progress_handler(database.getHandle(),
                           kStepsBetweenClipProgress,
                           may_go_on,
                           const_cast<std::function<bool()>*>(&go_on));
}

SQLite::Database make_recording(const std::filesystem::path& path) {
  SQLite::Database database{utf8(path), SQLite::OPEN_READWRITE};
  // A clip that was not finished is deleted: there is nothing to go back to.
  database.exec("PRAGMA journal_mode = OFF");
  database.exec("PRAGMA synchronous = OFF");
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  migrate(database, path);
  return database;
}

}  // namespace

ClipTotals clip(const std::filesystem::path& source,
                const std::filesystem::path& out,
                const ClipOptions& wish,
                const std::function<bool()>& go_on) {
  auto from = open_readonly(source);
  try {
    auto to = make_recording(out);
    watch(from, go_on);
    watch(to, go_on);
    Clip clip{from, to, wish};
    clip.cut(utf8(source.filename()));
    to.exec("PRAGMA synchronous = FULL");
    to.exec("VACUUM");
    return clip.check(out, go_on);
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() == SQLITE_INTERRUPT) {
      throw StoreError{"stopped before the clip was complete"};
    }
    throw StoreError{fmt::format("cannot cut {} out of {}: {} [sqlite:{}]{}",
                                 utf8(out),
                                 utf8(source),
                                 error.what(),
                                 error.getExtendedErrorCode(),
                                 error.getErrorCode() == SQLITE_FULL ? "; free some space" : "")};
  }
}

std::vector<std::string> clipped_tables() {
  std::vector<std::string> tables{kRebuildableTables.begin(), kRebuildableTables.end()};
  for (const auto& part : parts()) {
    tables.emplace_back(part.table);
  }
  return tables;
}

}  // namespace netlog::store

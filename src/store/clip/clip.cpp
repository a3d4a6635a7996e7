// SPDX-License-Identifier: MIT
#include "store/clip/clip.hpp"

#include "store/clip/clip_selection.hpp"
#include "store/clip/redaction.hpp"
#include "store/db/budget.hpp"
#include "store/db/migrate.hpp"
#include "store/db/open_readonly.hpp"
#include "store/db/rebuildable_tables.hpp"
#include "store/db/sqlite_name.hpp"
#include "store/db/statement.hpp"
#include "store/db/temp_files.hpp"
#include "store/rollup/flows.hpp"
#include "store/rollup/port_use.hpp"
#include "util/text.hpp"
#include "util/version.hpp"

#include <algorithm>
#include <array>
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

/// The sums of the clip are filled again. Events are rows of the clip: a history is a text, and a
/// text could hold what is to be redacted.
bool is_left_out(std::string_view table, std::string_view column) {
  constexpr std::array<std::string_view, 5> kLeftOut{
      "flow_id", "duration_bucket", "history", "first_event", "last_event"};
  return table == "connection" &&
         std::find(kLeftOut.begin(), kLeftOut.end(), column) != kLeftOut.end();
}

/// Writes one clip: copies the selected rows, computes the sums, inserts the row of the clip.
class Clip {
 public:
  Clip(SQLite::Database& source, SQLite::Database& out, const ClipOptions& options)
      : source_{source}, out_{out}, options_{options} {
    if (options.redaction) {
      redaction_.emplace(options.redaction->key, options.redaction->keep);
    }
  }

  void cut(const std::string& source_name) {
    const SQLite::Transaction same_snapshot{source_};
    select_rows(source_, options_);
    SQLite::Transaction transaction{out_, SQLite::TransactionBehavior::IMMEDIATE};
    for (const auto& part : selected_parts()) {
      copy(part);
    }
    compute_sums();
    insert_clip_row(source_name);
    transaction.commit();
    totals_.connections = count(out_, "connection");
    totals_.events = count(out_, "event");
    totals_.processes = count(out_, "process");
    totals_.lookups = count(out_, "lookup");
  }

  ClipTotals check(const std::filesystem::path& path, const std::function<void()>& look) {
    if (redaction_) {
      auto found = find_originals(out_, path, redaction_->texts(), look);
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

  void copy(const TablePart& part) {
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
        if (cell.isNull() || is_left_out(part.table, name)) {
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

  void compute_sums() {
    Flows flows{out_};
    std::vector<std::int64_t> closed;
    SQLite::Statement select{source_,
                             "SELECT t.id FROM temp.clip_connection AS k CROSS JOIN connection AS "
                             "t ON t.id = k.id WHERE t.duration_bucket IS NOT NULL ORDER BY t.id"};
    while (select.executeStep()) {
      closed.push_back(select.getColumn(0).getInt64());
      if (closed.size() == kSumsAtOnce) {
        flows.add(std::exchange(closed, {}));
      }
    }
    flows.add(closed);
    sum_ports(out_);
  }

  void insert_clip_row(const std::string& source_name) {
    const auto cut_ns =
        source_.execAndGet("SELECT coalesce(max(alive_ns), 0) FROM session").getInt64();
    const auto connections = count(source_, "connection");
    const auto events = source_.execAndGet("SELECT events FROM event_count").getInt64();
    const auto name = redaction_ ? std::nullopt : std::optional{source_name};
    const auto redacted = redaction_ ? redaction_->replaced() : std::nullopt;
    const std::string version{kVersion};
    if (redaction_) {
      redaction_->allow(options_.filters.value_or(""));
      redaction_->allow(redacted.value_or(""));
      redaction_->allow(version);
    }
    SQLite::Statement insert{
        out_,
        "INSERT INTO clip (cut_ns, from_ns, to_ns, filters, source, source_connections, "
        "source_events, redacted, netlog_version) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"};
    BoundStatement{insert}
        .with(cut_ns)
        .with(options_.from_ns)
        .with(options_.to_ns)
        .with(options_.filters)
        .with(name)
        .with(connections)
        .with(events)
        .with(redacted)
        .with(version)
        .exec();
  }

  SQLite::Database& source_;
  SQLite::Database& out_;
  const ClipOptions& options_;
  std::optional<Redaction> redaction_;
  ClipTotals totals_;
};

SQLite::Database make_recording(const std::filesystem::path& path) {
  SQLite::Database database{sqlite_name(path), SQLite::OPEN_READWRITE};
  // No journal: a clip that was not finished is deleted.
  database.exec("PRAGMA journal_mode = OFF");
  database.exec("PRAGMA synchronous = OFF");
  database.exec("PRAGMA locking_mode = EXCLUSIVE");
  migrate(database, path);
  return database;
}

}  // namespace

ClipTotals clip(const std::filesystem::path& source,
                const std::filesystem::path& out,
                const ClipOptions& options,
                const std::function<bool()>& go_on) {
  const TempFilesBeside temp_files{out};
  BoundedWork work{source, go_on};
  const auto doing = fmt::format("cut {} out of {}", utf8(out), utf8(source));
  auto from = open_readonly(source);
  try {
    auto to = make_recording(out);
    work.bound(from, kStepsBetweenClipProgress);
    work.bound(to, kStepsBetweenClipProgress);
    Clip clip{from, to, options};
    clip.cut(utf8(source.filename()));
    to.exec("PRAGMA synchronous = FULL");
    to.exec("VACUUM");
    return clip.check(out, [&] {
      if (!work.may_go_on()) {
        throw work.why_not(doing);
      }
    });
  } catch (const SQLite::Exception& error) {
    if (error.getErrorCode() == SQLITE_INTERRUPT) {
      throw work.why_not(doing);
    }
    throw StoreError{fmt::format("cannot {}: {} [sqlite:{}]{}",
                                 doing,
                                 error.what(),
                                 error.getExtendedErrorCode(),
                                 error.getErrorCode() == SQLITE_FULL ? "; free some space" : "")};
  }
}

std::vector<std::string> clipped_tables() {
  std::vector<std::string> tables{kRebuildableTables.begin(), kRebuildableTables.end()};
  for (const auto& part : selected_parts()) {
    tables.emplace_back(part.table);
  }
  return tables;
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/salvage.hpp"

#include "base/text.hpp"
#include "model/event.hpp"
#include "store/flows.hpp"
#include "store/migrate.hpp"
#include "store/pages.hpp"
#include "store/port_use.hpp"
#include "store/statement.hpp"
#include "store/writer.hpp"

#include <algorithm>
#include <array>
#include <functional>
#include <limits>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <tuple>
#include <utility>
#include <variant>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Exception.h>
#include <SQLiteCpp/Statement.h>
#include <SQLiteCpp/Transaction.h>
#include <fmt/format.h>

namespace netlog::store {
namespace {

constexpr std::size_t kMostText = std::size_t{1} << 16U;
constexpr std::uint32_t kSchemaRoot = 1;
constexpr std::size_t kSchemaColumns = 5;

// Made by the schema, or anew from the other rows. They are followed all the same, so that their
// pages are taken for no others.
constexpr std::array<std::string_view, 10> kNotSaved{"code_name",
                                                     "life_class",
                                                     "peer",
                                                     "flow",
                                                     "flow_sum",
                                                     "flow_stay",
                                                     "slow_stay",
                                                     "open_second",
                                                     "open_minute",
                                                     "port_use"};

enum class ColumnType { integer, text, blob };

struct TableColumn {
  std::string name;
  ColumnType type = ColumnType::integer;
  bool required = false;
  bool is_rowid = false;
};

/// A table of the present schema.
struct Layout {
  std::string name;
  std::vector<TableColumn> columns;
  bool has_rowid = true;
  bool is_saved = true;
};

std::vector<Layout> layouts() {
  SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
  migrate(model, ":memory:");
  std::vector<Layout> made;
  SQLite::Statement tables{model,
                           "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type "
                           "= 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"};
  while (tables.executeStep()) {
    Layout layout{tables.getColumn(0).getString(), {}, tables.getColumn(1).getInt() == 0};
    layout.is_saved = std::find(kNotSaved.begin(), kNotSaved.end(), layout.name) == kNotSaved.end();
    SQLite::Statement columns{
        model, "SELECT name, type, \"notnull\", pk FROM pragma_table_info(?) ORDER BY cid"};
    columns.bind(1, layout.name);
    while (columns.executeStep()) {
      const auto type = columns.getColumn(1).getString();
      const bool key = columns.getColumn(3).getInt() != 0;
      layout.columns.push_back({columns.getColumn(0).getString(),
                                type == "TEXT"   ? ColumnType::text
                                : type == "BLOB" ? ColumnType::blob
                                                 : ColumnType::integer,
                                columns.getColumn(2).getInt() != 0,
                                key && layout.has_rowid});
    }
    made.push_back(std::move(layout));
  }
  return made;
}

bool fits(const TableColumn& column, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    return column.is_rowid || !column.required;
  }
  switch (column.type) {
    case ColumnType::integer:
      return !column.is_rowid && std::holds_alternative<std::int64_t>(value);
    case ColumnType::text:
      return std::holds_alternative<std::string>(value);
    case ColumnType::blob:
      return std::holds_alternative<std::vector<std::byte>>(value);
  }
  return false;
}

/// Columns that a later schema added are not in rows that were written before.
bool fits(const Layout& layout, const Record& record) {
  if (record.values.size() > layout.columns.size() || (layout.has_rowid && record.rowid <= 0)) {
    return false;
  }
  for (std::size_t i = 0; i < layout.columns.size(); ++i) {
    if (!fits(layout.columns[i], i < record.values.size() ? record.values[i] : Value{})) {
      return false;
    }
  }
  return true;
}

/// The rows of a damaged file: those that a tree of it leads to, and, where a tree is damaged,
/// those of leaves that nothing leads to any more, by what they look like.
class Finder {
 public:
  using OnRow = std::function<bool(std::size_t table, const Record&)>;  ///< false: there already

  Finder(PageFile& file, const std::vector<Layout>& tables)
      : file_{file},
        tables_{tables},
        seen_(std::size_t{file.pages()} + 1, false),
        counts_(tables.size()) {}

  void run(const OnRow& on_row) {
    on_row_ = &on_row;
    find_roots();
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      const auto root = roots_.find(tables_[table].name);
      if (root == roots_.end()) {
        counts_[table].damaged = true;
      } else {
        walk(root->second, table);
      }
    }
    if (damaged_pages_ > 0 || std::any_of(counts_.begin(), counts_.end(), [](const Count& count) {
          return count.damaged;
        })) {
      take_orphans();
    }
  }

  [[nodiscard]] Salvaged result() const {
    Salvaged salvaged;
    salvaged.damaged_pages = damaged_pages_;
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      const auto& count = counts_[table];
      if (!tables_[table].is_saved) {
        continue;
      }
      SalvagedTable made{tables_[table].name, count.rows, 0, 0};
      if (count.damaged) {
        const auto span = count.rows == 0 ? 0 : count.last - count.first + 1;
        made.lost = std::max(tables_[table].has_rowid ? span - count.rows : 0, count.unreadable);
      }
      salvaged.tables.push_back(std::move(made));
    }
    return salvaged;
  }

 private:
  struct Count {
    std::int64_t rows = 0;
    std::int64_t unreadable = 0;
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    bool damaged = false;
  };

  /// Where the tables begin, from the rows of sqlite_schema; of those, too, leaves may be found
  /// that nothing leads to.
  void find_roots() {
    bool whole = true;
    std::vector<std::uint32_t> left{kSchemaRoot};
    while (!left.empty()) {
      const auto number = left.back();
      left.pop_back();
      const auto page = visit(number);
      whole = whole && page && page->unreadable == 0;
      if (page) {
        note_roots(*page);
        left.insert(left.end(), page->children.begin(), page->children.end());
      }
    }
    if (whole) {
      return;
    }
    ++damaged_pages_;
    for (std::uint32_t number = 2; number <= file_.pages(); ++number) {
      const auto page = file_.tree_page(number);
      if (page && !seen_[number] && note_roots(*page)) {
        seen_[number] = true;
      }
    }
  }

  bool note_roots(const TreePage& page) {
    bool any = false;
    for (const auto& record : page.records) {
      if (record.values.size() != kSchemaColumns) {
        continue;
      }
      const auto* const type = std::get_if<std::string>(record.values.data());
      const auto* const name = std::get_if<std::string>(&record.values[1]);
      const auto* const root = std::get_if<std::int64_t>(&record.values[3]);
      if (type == nullptr || name == nullptr || root == nullptr) {
        continue;
      }
      any = true;
      if (*type == "table" && *root > 1 && *root <= file_.pages()) {
        roots_.emplace(*name, static_cast<std::uint32_t>(*root));
      }
    }
    return any;
  }

  /// Each page once, so that a ring ends.
  std::optional<TreePage> visit(std::uint32_t number) {
    if (number == 0 || number >= seen_.size() || seen_[number]) {
      return std::nullopt;
    }
    seen_[number] = true;
    return file_.tree_page(number);
  }

  void walk(std::uint32_t root, std::size_t table) {
    const bool has_rowid = tables_[table].has_rowid;
    std::vector<std::uint32_t> left{root};
    while (!left.empty()) {
      const auto number = left.back();
      left.pop_back();
      const auto page = visit(number);
      const bool ours = page && (page->kind == TreePage::Kind::table_leaf ||
                                 page->kind == TreePage::Kind::table_inner) == has_rowid;
      if (!ours) {
        ++damaged_pages_;
        counts_[table].damaged = true;
        continue;
      }
      left.insert(left.end(), page->children.rbegin(), page->children.rend());
      take(*page, table);
    }
  }

  void take(const TreePage& page, std::size_t table) {
    if (!tables_[table].is_saved) {
      return;
    }
    auto& count = counts_[table];
    count.unreadable += page.unreadable;
    count.damaged = count.damaged || page.unreadable > 0;
    for (const auto& record : page.records) {
      if (!fits(tables_[table], record)) {
        ++count.unreadable;
        count.damaged = true;
      } else if ((*on_row_)(table, record)) {
        ++count.rows;
        count.first = std::min(count.first, record.rowid);
        count.last = std::max(count.last, record.rowid);
      }
    }
  }

  void take_orphans() {
    const auto free = file_.free_pages();
    for (std::uint32_t number = 2; number <= file_.pages(); ++number) {
      if (seen_[number] || free.contains(number)) {
        continue;
      }
      const auto page = file_.tree_page(number);
      if (page && page->kind == TreePage::Kind::table_leaf) {
        if (const auto table = looks_like(*page)) {
          counts_[*table].damaged = true;
          take(*page, *table);
        }
      }
    }
  }

  /// The table whose rows most of the page's records could be, whole ones before those that an
  /// older schema had written.
  [[nodiscard]] std::optional<std::size_t> looks_like(const TreePage& page) const {
    std::optional<std::size_t> best;
    std::size_t most = 0;
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      if (!tables_[table].has_rowid) {
        continue;
      }
      std::size_t score = 0;
      for (const auto& record : page.records) {
        if (fits(tables_[table], record)) {
          score += record.values.size() == tables_[table].columns.size() ? 2U : 1U;
        }
      }
      if (score > most) {
        most = score;
        best = table;
      }
    }
    return most >= page.records.size() ? best : std::nullopt;
  }

  PageFile& file_;
  const std::vector<Layout>& tables_;
  const OnRow* on_row_ = nullptr;
  std::vector<bool> seen_;
  std::map<std::string, std::uint32_t> roots_;
  std::vector<Count> counts_;
  std::int64_t damaged_pages_ = 0;
};

/// Inserts rows as they are.
class Copies {
 public:
  Copies(SQLite::Database& database, const std::vector<Layout>& tables) : tables_{tables} {
    for (const auto& table : tables) {
      std::string names;
      std::string places;
      for (const auto& column : table.columns) {
        names += (names.empty() ? "" : ", ") + column.name;
        places += places.empty() ? "?" : ", ?";
      }
      statements_.emplace_back(
          database,
          fmt::format("INSERT OR IGNORE INTO {} ({}) VALUES ({})", table.name, names, places));
    }
  }

  /// False when a row of that number, or an address of that text, is there already.
  bool insert(std::size_t table, const Record& record) {
    auto& statement = statements_[table];
    Run run{statement};
    const auto& columns = tables_[table].columns;
    const Value rowid{record.rowid};
    const Value absent;
    std::vector<std::string> texts(columns.size());  // what is bound must live as long
    for (std::size_t i = 0; i < columns.size(); ++i) {
      const auto& stored = i < record.values.size() ? record.values[i] : absent;
      bind(run, columns[i].is_rowid ? rowid : stored, texts[i]);
    }
    return statement.exec() > 0;
  }

 private:
  static void bind(Run& run, const Value& value, std::string& text) {
    if (const auto* const integer = std::get_if<std::int64_t>(&value)) {
      run.with(*integer);
    } else if (const auto* const string = std::get_if<std::string>(&value)) {
      text = to_utf8(*string, kMostText);
      run.with(text);
    } else if (const auto* const bytes = std::get_if<std::vector<std::byte>>(&value)) {
      run.blob(bytes->data(), bytes->size());
    } else {
      run.with(std::optional<std::int64_t>{});
    }
  }

  const std::vector<Layout>& tables_;
  std::vector<SQLite::Statement> statements_;
};

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
    run("UPDATE connection SET peer_id = NULL, flow_id = NULL, life_class = NULL");
    // As schema/004_flows.sql made them of what there was.
    run("INSERT INTO peer (direction, protocol, remote_address_id, port) "
        "SELECT DISTINCT direction, protocol, remote_address_id, iif(direction = 2, local_port, "
        "remote_port) FROM connection WHERE remote_address_id IS NOT NULL AND direction <> 3");
    run("UPDATE connection SET peer_id = (SELECT p.id FROM peer AS p "
        "WHERE p.remote_address_id = connection.remote_address_id "
        "AND p.port IS iif(connection.direction = 2, connection.local_port, "
        "connection.remote_port) "
        "AND p.direction = connection.direction AND p.protocol = connection.protocol)");
    Flows{database_}.catch_up();
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
        Run{insert}.with(table.lost + table.dropped).with(detail).exec();
      }
    }
    if (salvaged.damaged_pages > 0) {
      const auto detail = fmt::format("{} damaged pages", salvaged.damaged_pages);
      Run{insert}.with(std::optional<std::int64_t>{}).with(detail).exec();
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
    constexpr std::uint64_t kMost = std::numeric_limits<std::int64_t>::max();
    return at_ns > before_ns ? static_cast<std::int64_t>(std::min(ns, kMost)) : 1;
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
      Run{insert}
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
      Run{change}.with(told.old).with(told.error_ns).with(told.id).exec();
    }
    SQLite::Statement remove{database_, "DELETE FROM event WHERE id = ?"};
    for (const auto id : removed_) {
      Run{remove}.with(id).exec();
    }
    SQLite::Statement close{database_,
                            "UPDATE connection SET gone = 1, state = coalesce(?, state), closed_ns "
                            "= coalesce(closed_ns, ?), close_error_ns = coalesce(close_error_ns, "
                            "0), outcome = iif(outcome = 0, 6, outcome) WHERE id = ?"};
    for (const auto& [connection, at_ns, state] : closed_) {
      Run{close}.with(state).with(at_ns).with(connection).exec();
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

Salvaged write_out(PageFile& file, SQLite::Database& database, const std::filesystem::path& out) {
  // It is nobody's yet; what is in it is synced at the end.
  database.exec("PRAGMA synchronous = OFF");
  migrate(database, out);
  const auto tables = layouts();
  SQLite::Transaction transaction{database, SQLite::TransactionBehavior::IMMEDIATE};
  Salvaged salvaged;
  {
    Copies copies{database, tables};
    Finder finder{file, tables};
    finder.run(
        [&](std::size_t table, const Record& record) { return copies.insert(table, record); });
    salvaged = finder.result();
  }
  Repair repair{database};
  auto dropped = repair.references();
  dropped["event"] += repair.events();
  for (auto& table : salvaged.tables) {
    table.dropped = dropped[table.name];
  }
  repair.sums();
  repair.gaps(salvaged);
  transaction.commit();
  database.exec("PRAGMA synchronous = FULL");
  database.exec("VACUUM");
  return salvaged;
}

}  // namespace

bool Salvaged::damaged() const {
  return damaged_pages > 0 || std::any_of(tables.begin(), tables.end(), [](const auto& table) {
           return table.lost > 0;
         });
}

std::int64_t Salvaged::rows() const {
  std::int64_t sum = 0;
  for (const auto& table : tables) {
    sum += table.rows;
  }
  return sum;
}

Salvaged survey(const std::filesystem::path& damaged) {
  PageFile file{damaged};
  const auto tables = layouts();
  // Every row once: a tree that is told twice is none.
  Finder finder{file, tables};
  finder.run([](std::size_t, const Record&) { return true; });
  return finder.result();
}

Salvaged salvage(const std::filesystem::path& damaged, const std::filesystem::path& out) {
  PageFile file{damaged};
  try {
    SQLite::Database database{utf8(out), SQLite::OPEN_READWRITE | SQLite::OPEN_CREATE};
    return write_out(file, database, out);
  } catch (const SQLite::Exception& error) {
    throw StoreError{fmt::format("cannot salvage {} into {}: {} [sqlite:{}]",
                                 utf8(damaged),
                                 utf8(out),
                                 error.what(),
                                 error.getExtendedErrorCode())};
  }
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/salvage/row_finder.hpp"

#include "store/db/migrate.hpp"
#include "store/db/rebuildable_tables.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <string_view>
#include <variant>

#include <SQLiteCpp/Database.h>
#include <SQLiteCpp/Statement.h>

namespace netlog::store {
namespace {

constexpr std::uint32_t kSchemaRoot = 1;
constexpr std::size_t kSchemaColumns = 5;
// No clock stands before it; ids and codes do not reach it.
constexpr std::int64_t kEarliestNs = 1'000'000'000;

// Peers are made anew, too. What is not saved is followed all the same, so that its pages are taken
// for no others.
bool is_saved(std::string_view table) {
  return table != "peer" && std::find(kDerived.begin(), kDerived.end(), table) == kDerived.end();
}

bool fits(const TableColumn& column, const Value& value) {
  if (std::holds_alternative<std::monostate>(value)) {
    return column.is_rowid || !column.required;
  }
  switch (column.type) {
    case ColumnType::integer: {
      const auto* const number = std::get_if<std::int64_t>(&value);
      return !column.is_rowid && number != nullptr && (!column.is_time || *number >= kEarliestNs);
    }
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

class Finder {
 public:
  Finder(PageFile& file, const std::vector<Layout>& tables, const OnRow& on_row)
      : file_{file},
        tables_{tables},
        on_row_{on_row},
        seen_(std::size_t{file.pages()} + 1, false),
        counts_(tables.size()) {}

  void run() {
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
      } else if (on_row_(table, record)) {
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
  const OnRow& on_row_;
  std::vector<bool> seen_;
  std::map<std::string, std::uint32_t> roots_;
  std::vector<Count> counts_;
  std::int64_t damaged_pages_ = 0;
};

}  // namespace

std::vector<Layout> layouts() {
  SQLite::Database model{":memory:", SQLite::OPEN_READWRITE};
  migrate(model, ":memory:");
  std::vector<Layout> made;
  SQLite::Statement tables{model,
                           "SELECT name, sql LIKE '%WITHOUT ROWID%' FROM sqlite_schema WHERE type "
                           "= 'table' AND name NOT LIKE 'sqlite_%' ORDER BY rowid"};
  while (tables.executeStep()) {
    Layout layout{tables.getColumn(0).getString(), {}, tables.getColumn(1).getInt() == 0};
    layout.is_saved = is_saved(layout.name);
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
                                key && layout.has_rowid,
                                columns.getColumn(0).getString() == "at_ns"});
    }
    made.push_back(std::move(layout));
  }
  return made;
}

Salvaged find_rows(PageFile& file, const std::vector<Layout>& tables, const OnRow& on_row) {
  Finder finder{file, tables, on_row};
  finder.run();
  return finder.result();
}

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/salvage/row_finder.hpp"

#include <algorithm>
#include <limits>
#include <map>
#include <optional>
#include <variant>

namespace netlog::store {
namespace {

constexpr std::uint32_t kSchemaRoot = 1;
constexpr std::size_t kSchemaColumns = 5;

/// Reads the trees of all tables, and then, if one is damaged, the leaf pages that no tree has.
class Finder {
 public:
  Finder(PageFile& file, const std::vector<TableLayout>& tables, const OnRow& on_row)
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
        read_tree(root->second, table);
      }
    }
    skip_other_tables();
    if (damaged_pages_ > 0 || std::any_of(counts_.begin(), counts_.end(), [](const Count& count) {
          return count.damaged;
        })) {
      read_orphaned_leaves();
    }
  }

  [[nodiscard]] Salvaged result() const {
    Salvaged salvaged;
    salvaged.damaged_pages = damaged_pages_;
    salvaged.missing_pages = file_.missing_pages();
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      const auto& count = counts_[table];
      if (!tables_[table].is_saved) {
        continue;
      }
      SalvagedTable made{tables_[table].name, count.rows, 0, 0};
      if (count.damaged) {
        const auto span = count.rows == 0 ? 0 : last_row(count) - count.first + 1;
        made.lost = std::max(tables_[table].has_rowid ? span - count.rows : 0, count.unreadable);
      }
      salvaged.tables.push_back(std::move(made));
    }
    return salvaged;
  }

 private:
  static constexpr std::int64_t kMaxIdsOfPage = std::int64_t{1} << 16U;

  struct Count {
    std::int64_t rows = 0;
    std::int64_t unreadable = 0;
    std::int64_t first = std::numeric_limits<std::int64_t>::max();
    std::int64_t last = 0;
    std::int64_t last_key =
        0;  ///< of an inner page: there was a row with such an id, or a later one
    std::int64_t widest_leaf = 0;  ///< ids from the first to the last of one page, at most
    bool lacks_end = false;        ///< the last page of the tree could not be read
    bool damaged = false;
  };

  /// How many ids a leaf may have had: rows between the first and the last were deleted.
  static std::int64_t width_of(const TreePage& page) {
    if (page.records.empty()) {
      return 0;
    }
    const auto [first, last] = std::minmax_element(
        page.records.begin(), page.records.end(), [](const auto& a, const auto& b) {
          return a.rowid < b.rowid;
        });
    const auto width = static_cast<std::uint64_t>(last->rowid) -
                       static_cast<std::uint64_t>(first->rowid) + 1;  // ids may be damaged
    return static_cast<std::int64_t>(std::min(width, std::uint64_t{kMaxIdsOfPage}));
  }

  /// The id that a table's last row may have had. In a file that was cut off, the inner pages say
  /// up to which id there were rows, all but those of the last leaf. A later id can stand in a page
  /// that SQLite had given up.
  [[nodiscard]] std::int64_t last_row(const Count& count) const {
    if (file_.missing_pages() == 0 || !count.lacks_end) {
      return count.last;
    }
    constexpr auto kLargestId = std::numeric_limits<std::int64_t>::max() / 2;  // sums fit
    const auto most = file_.missing_pages() * kMaxIdsOfPage;  // the key may be damaged
    const auto last = std::min(count.last, kLargestId);
    return std::max(count.last, std::min(count.last_key, last + most) + count.widest_leaf);
  }

  /// Finds the root page of each table in the rows of sqlite_schema. If its tree is damaged, all
  /// pages are searched for such rows.
  void find_roots() {
    bool whole = true;
    std::vector<std::uint32_t> left{kSchemaRoot};
    while (!left.empty()) {
      const auto number = left.back();
      left.pop_back();
      const auto page = visit(number);
      whole = whole && page && page->unreadable == 0;
      if (page) {
        add_roots(*page);
        left.insert(left.end(), page->children.begin(), page->children.end());
      }
    }
    if (whole) {
      return;
    }
    ++damaged_pages_;
    for (std::uint32_t number = 2; number <= file_.pages(); ++number) {
      const auto page = file_.tree_page(number);
      if (page && !seen_[number] && add_roots(*page)) {
        seen_[number] = true;
      }
    }
  }

  bool add_roots(const TreePage& page) {
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

  /// Reads a page the first time it is asked for. A second time returns nothing, so that a cycle
  /// of damaged pages ends.
  std::optional<TreePage> visit(std::uint32_t number) {
    if (number == 0 || number >= seen_.size() || seen_[number]) {
      return std::nullopt;
    }
    seen_[number] = true;
    return file_.tree_page(number);
  }

  /// Pages of a user's tables are not searched for rows of ours.
  void skip_other_tables() {
    std::vector<std::uint32_t> left;
    for (const auto& [name, root] : roots_) {
      left.push_back(root);
    }
    while (!left.empty()) {
      const auto page = visit(left.back());
      left.pop_back();
      if (page) {
        left.insert(left.end(), page->children.begin(), page->children.end());
      }
    }
  }

  void read_tree(std::uint32_t root, std::size_t table) {
    const bool has_rowid = tables_[table].has_rowid;
    std::vector<std::uint32_t> left{root};
    while (!left.empty()) {
      const auto number = left.back();
      left.pop_back();
      const auto page = visit(number);
      const bool is_of_table = page && (page->kind == TreePage::Kind::table_leaf ||
                                        page->kind == TreePage::Kind::table_inner) == has_rowid;
      counts_[table].lacks_end = !is_of_table;  // the last one of the loop is the last one of all
      if (!is_of_table) {
        ++damaged_pages_;
        counts_[table].damaged = true;
        continue;
      }
      left.insert(left.end(), page->children.rbegin(), page->children.rend());
      auto& last_key = counts_[table].last_key;
      last_key = std::max(last_key, page->last_key.value_or(0));
      read_rows(*page, table);
    }
  }

  void read_rows(const TreePage& page, std::size_t table) {
    if (!tables_[table].is_saved) {
      return;
    }
    auto& count = counts_[table];
    count.unreadable += page.unreadable;
    count.widest_leaf = std::max(count.widest_leaf, width_of(page));
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

  void read_orphaned_leaves() {
    const auto free = file_.free_pages();
    for (std::uint32_t number = 2; number <= file_.pages(); ++number) {
      if (seen_[number] || free[number]) {
        continue;
      }
      const auto page = file_.tree_page(number);
      if (page && page->kind == TreePage::Kind::table_leaf) {
        if (const auto table = guess_table(*page)) {
          counts_[*table].damaged = true;
          read_rows(*page, *table);
        }
      }
    }
  }

  /// The table that the page's records fit best, if all of them fit. A record with all columns
  /// counts more than a shorter one.
  [[nodiscard]] std::optional<std::size_t> guess_table(const TreePage& page) const {
    std::optional<std::size_t> best;
    std::size_t max_score = 0;
    for (std::size_t table = 0; table < tables_.size(); ++table) {
      if (!tables_[table].has_rowid) {
        continue;
      }
      std::size_t score = 0;
      for (const auto& record : page.records) {
        const auto columns = tables_[table].columns.size();
        if (record.values.size() <= columns && fits(tables_[table], record)) {
          score += record.values.size() == columns ? 2U : 1U;
        }
      }
      if (score > max_score) {
        max_score = score;
        best = table;
      }
    }
    return max_score >= page.records.size() ? best : std::nullopt;
  }

  PageFile& file_;
  const std::vector<TableLayout>& tables_;
  const OnRow& on_row_;
  std::vector<bool> seen_;
  std::map<std::string, std::uint32_t> roots_;
  std::vector<Count> counts_;
  std::int64_t damaged_pages_ = 0;
};

}  // namespace

Salvaged find_rows(PageFile& file, const std::vector<TableLayout>& tables, const OnRow& on_row) {
  Finder finder{file, tables, on_row};
  finder.run();
  return finder.result();
}

}  // namespace netlog::store

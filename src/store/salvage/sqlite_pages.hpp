// SPDX-License-Identifier: MIT
#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <variant>
#include <vector>

namespace netlog::store {

/// A value as an SQLite record holds it.
using Value =
    std::variant<std::monostate, std::int64_t, double, std::string, std::vector<std::byte>>;

/// One cell of a b-tree page: of a table with its rowid, of an index without.
struct Record {
  std::int64_t rowid = 0;
  std::vector<Value> values;
};

/// What could be read of one page of a b-tree.
struct TreePage {
  enum class Kind : std::uint8_t {
    index_inner = 2,
    table_inner = 5,
    index_leaf = 10,
    table_leaf = 13
  };

  Kind kind = Kind::table_leaf;
  std::vector<std::uint32_t> children;  ///< of inner pages
  std::vector<Record> records;          ///< of all but inner pages of tables
  std::int64_t unreadable = 0;          ///< cells that make no sense
};

/// An SQLite file of which nothing has to be right, page by page (sqlite.org/fileformat2.html),
/// with what its WAL has committed over it. SQLite itself gives up a whole subtree where one page
/// above it is damaged; the leaves below still say what they hold. A `-journal` is not looked at.
/// UTF-8 only.
class PageFile {
 public:
  /// @throws StoreError: it cannot be read at all, or is not a regular file.
  explicit PageFile(const std::filesystem::path& path);

  /// Pages are numbered from 1 to this.
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// Nothing for a page that is none of a b-tree, or cannot be read.
  std::optional<TreePage> tree_page(std::uint32_t number);
  /// Pages that hold nothing any more, as far as the list of them can be followed.
  std::set<std::uint32_t> free_pages();

 private:
  using Bytes = std::vector<std::byte>;

  Bytes page(std::uint32_t number);
  void read_header();
  void read_wal(const std::filesystem::path& path);
  std::optional<Record> record(std::span<const std::byte> page,
                               std::size_t at,
                               TreePage::Kind kind);
  std::optional<Bytes> payload(std::span<const std::byte> page,
                               std::size_t at,
                               std::uint64_t size,
                               TreePage::Kind kind);

  std::ifstream file_;
  std::ifstream wal_;
  std::map<std::uint32_t, std::uint64_t> in_wal_;  ///< pages and where their last version begins
  std::uint64_t file_size_ = 0;
  std::size_t page_size_ = 4096;
  std::size_t usable_ = 4096;
  std::uint32_t pages_ = 0;
};

}  // namespace netlog::store

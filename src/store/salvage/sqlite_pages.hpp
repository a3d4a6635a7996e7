// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/budget.hpp"

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>

namespace netlog::store {

/// A value in an SQLite record.
using Value =
    std::variant<std::monostate, std::int64_t, double, std::string, std::vector<std::byte>>;

/// One cell of a B-tree page. An index has no rowid.
struct Record {
  std::int64_t rowid = 0;
  std::vector<Value> values;
};

/// What could be read of one page of a B-tree.
struct TreePage {
  enum class Kind : std::uint8_t {
    index_inner = 2,
    table_inner = 5,
    index_leaf = 10,
    table_leaf = 13
  };

  Kind kind = Kind::table_leaf;
  std::vector<std::uint32_t> children;  ///< only in inner pages
  std::vector<Record> records;          ///< in all pages but inner pages of tables
  std::int64_t unreadable = 0;          ///< cells that cannot be decoded
  /// Only in inner pages of tables: its children have rows up to this rowid, the last child others.
  std::optional<std::int64_t> last_key;
};

/// Reads an SQLite file page by page (sqlite.org/fileformat2.html), with the commits of its WAL.
/// The file may be damaged in any way. SQLite does not read a subtree if a page above it is
/// damaged; its leaf pages can still be read here. A `-journal` is ignored. UTF-8 only.
class PageFile {
 public:
  /// @param go_on called every few milliseconds; false ends the reading
  /// @throws StoreError if the file cannot be read at all, is not a regular file or not trusted
  /// (os/file_trust.hpp); all others too, when `go_on` says so or it takes too long.
  explicit PageFile(const std::filesystem::path& path, std::function<bool()> go_on = {});

  /// Pages are numbered from 1 to this.
  [[nodiscard]] std::uint32_t pages() const { return pages_; }
  /// Those that the file says it has, behind its end.
  [[nodiscard]] std::uint32_t missing_pages() const {
    return claimed_pages_ > pages_ ? claimed_pages_ - pages_ : 0;
  }
  /// Absent if the page is not a B-tree page, or cannot be read.
  std::optional<TreePage> tree_page(std::uint32_t number);
  /// By page number, whether it is in the freelist, as far as that can be followed.
  std::vector<bool> free_pages();

  /// The reading, and what else is done with the file.
  BoundedWork& work() { return work_; }

 private:
  using Bytes = std::vector<std::byte>;

  void check_time();
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

  std::filesystem::path path_;
  BoundedWork work_;
  std::uint64_t pages_read_ = 0;
  std::uint64_t cell_ = 0;  ///< the one that is decoded, by page and place
  /// The cell that each overflow page belongs to. A second one that claims it is damaged.
  std::unordered_map<std::uint32_t, std::uint64_t> overflow_of_;
  std::ifstream file_;
  std::ifstream wal_;
  std::map<std::uint32_t, std::uint64_t>
      in_wal_;  ///< page number to the offset of its last version
  std::uint64_t file_size_ = 0;
  std::size_t page_size_ = 4096;
  std::size_t usable_ = 4096;
  std::uint32_t pages_ = 0;
  std::uint32_t claimed_pages_ = 0;  ///< by the header or the last commit of the WAL; 0: none
};

}  // namespace netlog::store

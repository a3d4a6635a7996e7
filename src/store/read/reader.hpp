// SPDX-License-Identifier: MIT
#pragma once

#include "model/table.hpp"
#include "store/db/store_error.hpp"

#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

namespace netlog::store {

/// Values for named parameters, without the colon: {"pid", 1234}.
using Parameters = std::map<std::string, Cell, std::less<>>;

/// What a query gave: names as in SQL, cells as stored. Blobs come as upper-case hexadecimal text.
struct Rows {
  std::vector<std::string> names;
  std::vector<std::vector<Cell>> cells;
};

/// A recording opened to be read by open_readonly(), with the views of this build under their plain
/// names. A statement may only read, and reads no view or virtual table that the file brings. Text
/// cells come back as valid UTF-8.
class Reader {
 public:
  /// @throws StoreError as open_readonly() does.
  explicit Reader(const std::filesystem::path& path);
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;
  Reader(Reader&& other) noexcept;
  Reader& operator=(Reader&& other) noexcept;
  ~Reader();

  /// Runs exactly one statement that only reads. Parameters that the statement does not use are
  /// ignored. Texts are cut to 1,024 characters where the answer would not fit into memory.
  /// @throws StoreError with SQLite's message: syntax, a write, more than one statement,
  /// interrupted, more time or memory than a file of its size can need.
  Rows query(std::string_view sql, const Parameters& parameters = {});

  /// As query(), but hands over row by row; `row` returns false to stop.
  void each(std::string_view sql,
            const Parameters& parameters,
            const std::function<void(const std::vector<std::string>&)>& names,
            const std::function<bool(const std::vector<Cell>&)>& row);

  /// Called every few milliseconds of a query; false interrupts it.
  void on_progress(std::function<bool()> go_on);

  /// Questions may take any time from now on: the user's own SQL, or a feed without an end.
  /// Otherwise all of them together have a limit, which grows with the file.
  void take_your_time();

  /// See store::lacks_wal().
  [[nodiscard]] bool lacks_wal() const;

  [[nodiscard]] int schema_version() const;

  /// What SQLite itself finds wrong with the file, a line each (PRAGMA integrity_check,
  /// foreign_key_check); about a hundred at most.
  std::vector<std::string> faults();

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace netlog::store

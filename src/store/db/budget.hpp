// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <chrono>
#include <cstdint>
#include <ctime>
#include <filesystem>
#include <functional>
#include <string>
#include <utility>

#include <SQLiteCpp/Database.h>
#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {

/// How much processor time and memory the questions to one file may take. Both grow with the file:
/// what takes longer than reading all of it many times asks something that no recording can need.
struct Budget {
  explicit Budget(std::uintmax_t file_bytes)
      : time{kMinTime + std::chrono::seconds{file_bytes / kBytesPerSecond}},
        memory_bytes{kMinMemory + 2 * static_cast<std::int64_t>(file_bytes)} {}

  std::chrono::seconds time;
  std::int64_t memory_bytes;  ///< of SQLite

 private:
  static constexpr std::chrono::seconds kMinTime{20};
  static constexpr std::uintmax_t kBytesPerSecond = 2'000'000;
  static constexpr std::int64_t kMinMemory = std::int64_t{512} << 20U;
};

/// Processor time of this process since it was made: waiting for a disk or a busy host does not
/// count.
class CpuTimer {
 public:
  [[nodiscard]] std::chrono::seconds passed() const {
    return std::chrono::seconds{(std::clock() - began_) / CLOCKS_PER_SEC};
  }

 private:
  std::clock_t began_ = std::clock();
};

/// Work on one file, which its user may stop, and which has the time of the file's budget.
class BoundedWork {
 public:
  /// @param go_on false stops the work; may be empty
  BoundedWork(const std::filesystem::path& path, std::function<bool()> go_on)
      : budget_{os::stored_bytes(path) + os::stored_bytes(with_suffix(path, "-wal"))},
        go_on_{std::move(go_on)} {}
  BoundedWork(const BoundedWork&) = delete;
  BoundedWork& operator=(const BoundedWork&) = delete;
  ~BoundedWork() = default;

  [[nodiscard]] bool may_go_on() {
    is_out_of_time_ = timer_.passed() > budget_.time;
    return !is_out_of_time_ && (!go_on_ || go_on_());
  }

  /// Why may_go_on() was false. @param doing such as "read recording a.db"
  [[nodiscard]] StoreError why_not(const std::string& doing) const {
    return StoreError{
        is_out_of_time_ ? fmt::format("cannot {}: stopped after {} s of processor time, more than "
                                      "any recording of its size needs",
                                      doing,
                                      budget_.time.count())
                        : fmt::format("cannot {}: stopped before that was done", doing)};
  }

  /// Ends each statement of the database that runs when the work may not go on (SQLITE_INTERRUPT).
  void bound(SQLite::Database& database, int steps_between_looks) {
    sqlite3_progress_handler(
        database.getHandle(),
        steps_between_looks,
        [](void* work) { return static_cast<BoundedWork*>(work)->may_go_on() ? 0 : 1; },
        this);
  }

 private:
  Budget budget_;
  CpuTimer timer_;
  std::function<bool()> go_on_;
  bool is_out_of_time_ = false;
};

}  // namespace netlog::store

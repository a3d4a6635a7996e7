// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/budget.hpp"

#include <chrono>

#include <SQLiteCpp/Database.h>

#include <sqlite3.h>

namespace netlog::store {

/// Ends what takes too long to open: a schema that does is none of ours.
class OpeningLimit {
 public:
  explicit OpeningLimit(SQLite::Database& database) : handle_{database.getHandle()} {
    sqlite3_progress_handler(
        handle_,
        kStepsAtOnce,
        [](void* self) { return static_cast<OpeningLimit*>(self)->is_over() ? 1 : 0; },
        this);
  }
  OpeningLimit(const OpeningLimit&) = delete;
  OpeningLimit& operator=(const OpeningLimit&) = delete;
  ~OpeningLimit() { sqlite3_progress_handler(handle_, 0, nullptr, nullptr); }

 private:
  static constexpr int kStepsAtOnce = 1'000;
  static constexpr int kMaxCalls = 1'000;
  static constexpr std::chrono::seconds kTime{5};

  bool is_over() { return ++calls_ > kMaxCalls || timer_.passed() > kTime; }

  sqlite3* handle_;
  CpuTimer timer_;
  int calls_ = 0;
};

}  // namespace netlog::store

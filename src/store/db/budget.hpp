// SPDX-License-Identifier: MIT
#pragma once

#include <chrono>
#include <cstdint>
#include <ctime>

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

}  // namespace netlog::store

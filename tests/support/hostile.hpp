// SPDX-License-Identifier: MIT
#pragma once

#include "support/fault_vfs.hpp"

#include <cstdint>
#include <filesystem>
#include <string>

namespace netlog::test {

/// Makes files that somebody could send instead of a recording, and opens them with all that opens
/// recordings.
class HostileFiles {
 public:
  /// @param directory an empty one of its own
  explicit HostileFiles(std::filesystem::path directory);

  /// Case `number`, the same each time. It may be read, or be refused in one line; anything else is
  /// an error. What crashes or never ends has to be noticed outside.
  /// @returns what was wrong; empty: nothing
  std::string open(std::uint64_t number);

  [[nodiscard]] std::int64_t read() const { return read_; }
  [[nodiscard]] std::int64_t refused() const { return refused_; }

 private:
  void make(std::uint64_t number);

  FaultVfs vfs_;  ///< waits for no disk
  std::filesystem::path directory_;
  std::string plain_;    ///< a recording that ended
  std::string unended_;  ///< one that was killed,
  std::string wal_;      ///< and its WAL
  std::int64_t read_ = 0;
  std::int64_t refused_ = 0;
};

}  // namespace netlog::test

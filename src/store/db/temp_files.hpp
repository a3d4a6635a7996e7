// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

namespace netlog::store {

/// Lets SQLite put its temporary files into the directory of a file that is being written, while
/// this lives: it may be written, which /tmp need not be. One at a time, on one thread.
class TempFilesBeside {
 public:
  explicit TempFilesBeside(const std::filesystem::path& file);
  TempFilesBeside(const TempFilesBeside&) = delete;
  TempFilesBeside& operator=(const TempFilesBeside&) = delete;
  ~TempFilesBeside();
};

}  // namespace netlog::store

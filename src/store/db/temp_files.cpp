// SPDX-License-Identifier: MIT
#include "store/db/temp_files.hpp"

#include "util/text.hpp"

#include <sqlite3.h>

namespace netlog::store {

TempFilesBeside::TempFilesBeside(const std::filesystem::path& file) {
  std::error_code error;
  const auto directory = std::filesystem::absolute(file, error).parent_path();
  sqlite3_temp_directory = sqlite3_mprintf("%s", utf8(directory).c_str());
}

TempFilesBeside::~TempFilesBeside() {
  sqlite3_free(sqlite3_temp_directory);
  sqlite3_temp_directory = nullptr;
}

}  // namespace netlog::store

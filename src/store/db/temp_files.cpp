// SPDX-License-Identifier: MIT
#include "store/db/temp_files.hpp"

#include "os/files.hpp"
#include "util/text.hpp"

#include <sqlite3.h>

namespace netlog::store {

TempFilesBeside::TempFilesBeside(const std::filesystem::path& file) {
  const auto directory = os::absolute_path(file).parent_path();
  sqlite3_temp_directory = sqlite3_mprintf("%s", utf8(directory).c_str());
}

TempFilesBeside::~TempFilesBeside() {
  sqlite3_free(sqlite3_temp_directory);
  sqlite3_temp_directory = nullptr;
}

}  // namespace netlog::store

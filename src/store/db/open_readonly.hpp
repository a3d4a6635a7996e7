// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Opens a recording to be read, as Reader does, which says what is refused: read-only, defensive,
/// with a schema that is not trusted and was found to be ours. It may have temporary tables; what
/// may be asked is the caller's affair.
/// @throws StoreError
SQLite::Database open_checked(const std::filesystem::path& path);

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/schema.hpp"

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Makes an open database a recording of the schema's version that may be written: an empty one is
/// filled, an older one is migrated, one migration a transaction. Views that are missing or differ
/// and indexes that are missing are created. What the user has added stays. Functions with side
/// effects are not run for the file's schema.
/// @throws StoreError for what recording_version() and check_tables() refuse, and for a schema that
/// SQLite cannot read.
void migrate(SQLite::Database& database,
             const std::filesystem::path& path,
             const Schema& schema = current_schema());

}  // namespace netlog::store

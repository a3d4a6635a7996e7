// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// PRAGMA application_id of a recording: "nlog".
constexpr int kApplicationId = 0x6E6C6F67;

/// The schema version that this build writes: how many migrations it knows.
int latest_version();

/// Brings an open database to the latest schema, one migration a transaction; an empty one becomes
/// a recording.
/// @throws StoreError when it is not an SQLite database, another program's, or of a newer schema.
void migrate(SQLite::Database& database, const std::filesystem::path& path);

/// @throws StoreError as migrate() does, and for an older schema; changes nothing.
void check_identity(SQLite::Database& database, const std::filesystem::path& path);

/// Rows of sqlite_schema, sorted, as text: two recordings of one version have the same.
std::string schema_text(SQLite::Database& database);

}  // namespace netlog::store

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
/// a recording. Functions that change something are not run for its views and triggers.
/// @throws StoreError when it is not an SQLite database, another program's, of a newer schema, or
/// its schema has been altered.
void migrate(SQLite::Database& database, const std::filesystem::path& path);

/// @throws StoreError as migrate() does, and for an older schema; changes nothing.
void check_identity(SQLite::Database& database, const std::filesystem::path& path);

/// A view or a trigger that somebody has changed would answer in our name, or write.
/// @throws StoreError when tables, views or anything else are not those that netlog makes.
void check_schema(SQLite::Database& database, const std::filesystem::path& path);

}  // namespace netlog::store

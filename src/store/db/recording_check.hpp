// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/schema.hpp"

#include <filesystem>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// PRAGMA application_id of a recording: "nlog".
constexpr int kApplicationId = 0x6E6C6F67;

/// Columns that the schema has and a file of an older version has not.
struct MissingColumns {
  const SchemaTable* table = nullptr;  ///< of the schema
  bool whole_table = false;
  std::vector<SchemaColumn> columns;
};

/// Neither triggers nor views of the file run on this connection, whenever they were made;
/// functions with side effects do not run for its schema. TEMP views do.
void run_nothing_of_the_file(SQLite::Database& database);

/// @throws StoreError `cannot open recording PATH: WHY`
[[noreturn]] void refuse_recording(const std::filesystem::path& path, std::string_view why);

/// @throws StoreError for what OpeningLimit has ended.
[[noreturn]] void refuse_slow_schema(const std::filesystem::path& path);

/// The schema version of a recording; 0 for an empty database.
/// @throws StoreError for another program's database, a version that is newer than the schema's
/// (both numbers), and a version that was never released.
int recording_version(SQLite::Database& database,
                      const std::filesystem::path& path,
                      const Schema& schema);

/// Checks that a file has the tables and columns of the schema, with their types and keys. What
/// else the file has does not matter: other tables, plain columns and indexes, views.
/// @returns what is missing, where the file is of an older version
/// @throws StoreError for what is missing in a file of the schema's version; for a view, a virtual
/// table or a generated column in the place of ours; for a trigger, a constraint, an expression or
/// an index that is more than a list of columns, on one of our tables and not ours; for a schema
/// whose rows contradict themselves.
std::vector<MissingColumns> check_tables(SQLite::Database& database,
                                         const std::filesystem::path& path,
                                         const Schema& schema);

/// Checks that rows can be added to the tables of the schema, which check_tables() has accepted.
/// @throws StoreError for a user's column whose DEFAULT is no value of its type, or is so long that
/// rows would take many times their place.
void check_defaults(SQLite::Database& database,
                    const std::filesystem::path& path,
                    const Schema& schema);

/// The views and virtual tables of a file, in lower case.
std::set<std::string> foreign_objects(SQLite::Database& database);

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>
#include <optional>

#include <SQLiteCpp/Database.h>

#include <sqlite3.h>

namespace netlog::store {

/// A file that SQLite has open, whatever its name is now; nullptr if it has not. `which`:
/// SQLITE_FCNTL_FILE_POINTER or, in WAL mode for the WAL, SQLITE_FCNTL_JOURNAL_POINTER.
sqlite3_file* open_file(SQLite::Database& database, int which);

// The index of the WAL: the -shm, which the process has mapped (sqlite.org/walformat.html, 2.2).
// Somebody may cut it short, and make it longer again.

/// How many frames it counts. Nothing without an index.
std::optional<std::uint32_t> frames_in_wal(SQLite::Database& database);

/// Whether it has the numbers of all frames that it counts. Also if there is none.
bool is_index_whole(SQLite::Database& database);

/// Whoever reads next makes it again, also those who have it open.
void invalidate_index(SQLite::Database& database);

}  // namespace netlog::store

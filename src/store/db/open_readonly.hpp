// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/schema.hpp"

#include <filesystem>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Opens a recording to be read: read-only, defensive, with a schema that is not trusted and
/// limits on what it can make us run. The views of `schema` are TEMP views of the connection, under
/// their plain names; the file's own views are not used. The file is not changed. In one of an
/// older version what it lacks reads as NULL: a missing column, or a table without rows.
/// The caller decides which statements may run.
/// @throws StoreError for a missing or unreadable file, a symbolic link or special file, and for
/// what recording_version() and check_tables() refuse.
SQLite::Database open_readonly(const std::filesystem::path& path,
                               const Schema& schema = current_schema());

/// Whether the file is written with a WAL and has none beside it: if it was copied alone, what was
/// in the WAL only is missing. To be asked before it is opened.
bool lacks_wal(const std::filesystem::path& path);

}  // namespace netlog::store

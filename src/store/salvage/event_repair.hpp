// SPDX-License-Identifier: MIT
#pragma once

#include <cstdint>

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Makes the events of each connection follow one another again, and end with what its row says.
/// A missing first or last event is inserted, with times from the row. The old state of an event
/// becomes the new state of the one before it; its error then covers the time since that one. An
/// event after the close, or a second first event, is deleted.
/// @returns how many events were deleted
std::int64_t repair_events(SQLite::Database& database);

}  // namespace netlog::store

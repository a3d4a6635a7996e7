// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/salvaged.hpp"

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Repairs a recording of salvaged rows: rows that refer to lost rows are dropped or changed,
/// events are made to follow one another, sums are computed, and gaps say what was lost. Enters in
/// `salvaged` how many rows were dropped.
void repair(SQLite::Database& database, Salvaged& salvaged);

}  // namespace netlog::store

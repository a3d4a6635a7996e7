// SPDX-License-Identifier: MIT
#pragma once

#include "store/salvage/salvage.hpp"

#include <SQLiteCpp/Database.h>

namespace netlog::store {

/// Makes a recording of found rows whole: what refers to lost rows is dropped or made unknown, what
/// events tell is made to fit, sums are made anew, and gaps say what was lost. Notes in `salvaged`
/// what was dropped.
void repair(SQLite::Database& database, Salvaged& salvaged);

}  // namespace netlog::store

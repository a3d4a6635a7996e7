// SPDX-License-Identifier: MIT
#include <sqlite3.h>

namespace {

// SQLite's parser needs many small pieces of memory, which are slow under ASan. SQLite takes this
// before its first use only.
[[maybe_unused]] const int kLookasideResult = sqlite3_config(SQLITE_CONFIG_LOOKASIDE, 1'200, 4'000);

}  // namespace

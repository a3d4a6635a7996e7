// SPDX-License-Identifier: MIT
#pragma once

#include "store/db/store_error.hpp"

#include <filesystem>
#include <string>
#include <string_view>

#include <SQLiteCpp/Exception.h>

namespace netlog::store {

/// `cannot ACTION PATH: MESSAGE [sqlite:CODE]`, and what to do about it if that is certain.
StoreError store_error(std::string_view action,
                       const std::filesystem::path& path,
                       const SQLite::Exception& error);

/// Whether the same statement may succeed later without a change by the recorder: a full or failing
/// disk, a lock, missing rights.
bool is_transient(const SQLite::Exception& error);

/// Whether the file's content is damaged.
bool is_damage(const SQLite::Exception& error);

/// The gap reason of an outage with this error.
std::string outage_reason(const SQLite::Exception& error);

}  // namespace netlog::store

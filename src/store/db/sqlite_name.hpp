// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "util/text.hpp"

#include <filesystem>
#include <string>

namespace netlog::store {

/// The name of a file as SQLite wants it. SQLite may read names as URIs (`file:x`) and has names of
/// its own (`:memory:`, the empty one); an absolute path is always a file.
inline std::string sqlite_name(const std::filesystem::path& path) {
  return utf8(os::absolute_path(path));
}

/// How long SQLite waits for another process that holds the file's lock, in milliseconds.
constexpr int kBusyMs = 5'000;

}  // namespace netlog::store

// SPDX-License-Identifier: MIT
#include "store/write/write_errors.hpp"

#include "os/files.hpp"
#include "util/text.hpp"

#include <algorithm>

#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

std::string_view advice(int code) {
  switch (code) {
    case SQLITE_FULL:
      return "; free some space, what was committed is safe";
    case SQLITE_NOTADB:
      return "; name another file with --db";
    case SQLITE_CANTOPEN:
      if (!os::may_open_more_files()) {
        return "; raise the limit of open files: ulimit -n";
      }
      [[fallthrough]];
    case SQLITE_READONLY:
      return "; check that its directory exists and may be written";
    case SQLITE_CORRUPT:
      return "; keep a copy, then record into a new file";
    default:
      return "";
  }
}

}  // namespace

StoreError store_error(std::string_view action,
                       const std::filesystem::path& path,
                       const SQLite::Exception& error) {
  return StoreError{fmt::format("cannot {} {}: {} [sqlite:{}]{}",
                                action,
                                utf8(path),
                                one_line(error.what()),
                                std::max(error.getErrorCode(), error.getExtendedErrorCode()),
                                advice(error.getErrorCode()))};
}

bool is_transient(const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
    case SQLITE_IOERR:
    case SQLITE_READONLY:
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
    case SQLITE_CANTOPEN:
    case SQLITE_NOMEM:
    case SQLITE_PERM:
    case SQLITE_PROTOCOL:
      return true;
    default:
      return false;
  }
}

bool is_damage(const SQLite::Exception& error) {
  // A short read: the file or its WAL ends before what was written to it.
  return error.getErrorCode() == SQLITE_CORRUPT || error.getErrorCode() == SQLITE_NOTADB ||
         error.getExtendedErrorCode() == SQLITE_IOERR_SHORT_READ;
}

std::string outage_reason(const SQLite::Exception& error) {
  switch (error.getErrorCode()) {
    case SQLITE_FULL:
      return "disk full";
    case SQLITE_READONLY:
      return "file became read-only";
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return "file locked by another process";
    default:
      return "file could not be written";
  }
}

}  // namespace netlog::store

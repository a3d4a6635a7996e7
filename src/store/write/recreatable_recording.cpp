// SPDX-License-Identifier: MIT
#include "store/write/recreatable_recording.hpp"

#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr std::chrono::seconds kCheckEvery{1};

/// The first `PATH.damaged-N` that does not exist.
std::filesystem::path unused_damaged_path(const std::filesystem::path& path) {
  for (int number = 1;; ++number) {
    auto unused = with_suffix(path, fmt::format(".damaged-{}", number).c_str());
    std::error_code error;
    if (!std::filesystem::exists(std::filesystem::symlink_status(unused, error))) {
      return unused;
    }
  }
}

}  // namespace

RecreatableRecording::RecreatableRecording(std::filesystem::path path,
                                           Session session,
                                           WriterOptions options)
    : path_{std::move(path)}, session_{std::move(session)}, options_{std::move(options)} {
  recording_.emplace(path_, session_, options_);
}

bool RecreatableRecording::is_lost() {
  if (!recording_) {
    return true;
  }
  const auto now = std::chrono::steady_clock::now();
  if (!options_.in_place || now < next_check_) {
    return false;
  }
  next_check_ = now + kCheckEvery;
  return !options_.in_place();
}

bool RecreatableRecording::rename_damaged(const SQLite::Exception& damage) {
  if (!options_.reopen) {
    return false;
  }
  const auto aside = unused_damaged_path(path_);
  recording_.reset();
  std::error_code error;
  std::filesystem::rename(path_, aside, error);
  if (error) {
    return false;
  }
  for (const auto* const side : {"-wal", "-shm"}) {
    std::filesystem::rename(with_suffix(path_, side), with_suffix(aside, side), error);
  }
  damage_ = fmt::format("what there was is {} now: {}", utf8(aside), one_line(damage.what()));
  return true;
}

DropReason RecreatableRecording::recreate(std::optional<std::int64_t> started_ns) {
  recording_.reset();
  if (auto reopened = options_.reopen(); !reopened) {
    throw SQLite::Exception{fmt::format("it was deleted or replaced, and cannot be made again: {}",
                                        reopened.error().message())
                                .c_str(),
                            SQLITE_CANTOPEN};
  }
  session_.started_ns = started_ns.value_or(session_.started_ns);
  try {
    recording_.emplace(path_, session_, options_);
  } catch (const StoreError& error) {
    throw SQLite::Exception{error.what(), SQLITE_CANTOPEN};
  }
  recording_->reset_ids();
  return damage_.empty() ? DropReason{"file was deleted or replaced", "what it held is not here"}
                         : DropReason{"file was damaged", std::exchange(damage_, {})};
}

}  // namespace netlog::store

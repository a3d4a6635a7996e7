// SPDX-License-Identifier: MIT
#include "store/write/recreatable_recording.hpp"

#include "os/side_files.hpp"
#include "store/db/store_error.hpp"
#include "util/text.hpp"

#include <system_error>
#include <utility>

#include <fmt/format.h>

#include <sqlite3.h>

namespace netlog::store {
namespace {

constexpr std::chrono::milliseconds kCheckEvery{200};
constexpr std::chrono::seconds kRetryEvery{1};

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
  open(session_.started_ns);
}

void RecreatableRecording::open(std::int64_t started_ns) {
  session_.started_ns = started_ns;
  recording_.emplace(path_, session_, options_);
  moved_to_.reset();
  new_is_held_ = false;
  reported_ = false;
  if (options_.opened) {
    options_.opened();
  }
  if (options_.let_go) {
    options_.let_go();
  }
}

void RecreatableRecording::set_limits(const RetentionLimits& limits) {
  options_.limits = limits;
  if (recording_) {
    recording_->set_limits(limits);
  }
}

bool RecreatableRecording::is_lost() {
  if (!recording_) {
    return true;
  }
  if (recording_->has_lost_index()) {
    return !restore_index();
  }
  const auto now = std::chrono::steady_clock::now();
  if (!options_.in_place || now < next_check_ || is_leaving()) {
    return false;
  }
  next_check_ = now + kCheckEvery;
  if (options_.in_place()) {
    moved_to_.reset();  // it was moved back
    renew_side_files();
    return false;
  }
  follow();
  return !moved_to_;
}

/// @returns false if the file is not at its path
/// @throws SQLite::Exception: not now; try again later.
bool RecreatableRecording::restore_index() {
  if (!is_in_place()) {
    return false;
  }
  try {
    recording_->restore_index();
  } catch (const StoreError& error) {
    throw SQLite::Exception{error.what(), SQLITE_CANTOPEN};
  }
  if (options_.opened) {
    options_.opened();
  }
  if (options_.on_message) {
    options_.on_message(
        fmt::format("somebody has cut the -shm of {} short; nothing is lost, and it is whole again",
                    utf8(path_)));
  }
  return true;
}

/// SQLite goes on with side files that somebody has deleted, and others would not see what it
/// writes.
void RecreatableRecording::renew_side_files() {
  if (!options_.side_files_in_place || options_.side_files_in_place()) {
    return;
  }
  if (!recording_->renew_wal()) {
    return;  // somebody reads: the next check tries again
  }
  if (options_.opened) {
    options_.opened();
  }
  if (options_.on_message) {
    options_.on_message(fmt::format(
        "somebody has deleted the -wal or -shm of {}; nothing is lost, and they are there again",
        utf8(path_)));
  }
}

/// The file goes on where it is now, until there is a new one.
void RecreatableRecording::follow() {
  moved_to_ = options_.follow ? options_.follow() : std::nullopt;
  if (!moved_to_ || !options_.reopen) {
    return;
  }
  const auto held = options_.reopen();
  new_is_held_ = held.has_value();
  if (new_is_held_) {
    return;
  }
  next_check_ = std::chrono::steady_clock::now() + kRetryEvery;
  if (!std::exchange(reported_, true) && options_.on_message) {
    options_.on_message(
        fmt::format("{} was moved to {}, and a new file cannot be made: {}; the "
                    "recording goes on in the moved file",
                    utf8(path_),
                    utf8(*moved_to_),
                    held.error().message()));
  }
}

std::filesystem::path RecreatableRecording::succeed() {
  auto moved_to = *moved_to_;
  const auto ended_ns = recording_->latest_ns();
  retire(ended_ns);
  secure_side_files();
  try {
    open(ended_ns);
  } catch (const StoreError& error) {
    throw SQLite::Exception{error.what(), SQLITE_CANTOPEN};
  }
  recording_->begin_in_another_file(last_heartbeat_);
  return moved_to;
}

/// Closes the moved file. Its last pages may be in its WAL, if somebody reads it: that is beside
/// it.
void RecreatableRecording::retire(std::int64_t ended_ns) {
  moved_to_.reset();
  written_until_ns_ = ended_ns;
  bool is_whole = false;
  try {
    is_whole = recording_->end(ended_ns);
  } catch (const SQLite::Exception&) {
    // It has what was committed.
  }
  last_heartbeat_ = recording_->last_heartbeat();
  recording_->keep_side_files();
  recording_.reset();
  if (options_.retired) {
    options_.retired(is_whole);
  }
}

bool RecreatableRecording::end(std::int64_t ended_ns) {
  if (recording_->has_lost_index()) {
    static_cast<void>(restore_index());
  }
  if (!moved_to_) {
    return !recording_->end(ended_ns);
  }
  retire(ended_ns);
  if (std::exchange(new_is_held_, false) && options_.discard) {
    options_.discard();
  }
  return false;
}

/// Before SQLite opens them by name: the file was held some time ago.
void RecreatableRecording::secure_side_files() const {
  if (!options_.secure_side_files) {
    return;
  }
  if (const auto secured = options_.secure_side_files(); !secured) {
    throw SQLite::Exception{secured.error().message().c_str(), SQLITE_CANTOPEN};
  }
}

bool RecreatableRecording::is_in_place() const {
  return !moved_to_ && (!options_.in_place || options_.in_place());
}

bool RecreatableRecording::rename_damaged(const SQLite::Exception& damage) {
  if (!options_.reopen) {
    return false;
  }
  const bool is_here = is_in_place();
  const auto aside = unused_damaged_path(path_);
  if (recording_) {
    recording_->abandon();
  }
  close();
  if (!is_here) {  // what has its name now is another file
    damage_ = fmt::format("the file that was {}: {}",
                          moved_to_ ? "moved to " + utf8(*moved_to_) : "deleted or replaced",
                          one_line(damage.what()));
    if (options_.retired) {
      options_.retired(false);
    }
    return true;
  }
  std::error_code error;
  std::filesystem::rename(path_, aside, error);
  if (error) {
    return false;
  }
  for (const auto* const suffix : os::kWalFiles) {
    std::filesystem::rename(with_suffix(path_, suffix), with_suffix(aside, suffix), error);
  }
  damage_ = fmt::format("what there was is {} now: {}", utf8(aside), one_line(damage.what()));
  return true;
}

void RecreatableRecording::close() {
  if (recording_) {
    written_until_ns_ = recording_->latest_ns();
    last_heartbeat_ = recording_->last_heartbeat();
    if (!is_in_place()) {
      recording_->keep_side_files();
    }
  }
  recording_.reset();
}

DropReason RecreatableRecording::recreate(std::optional<std::int64_t> started_ns) {
  if (is_open()) {
    try {
      recording_->end(recording_->latest_ns());  // it may be somewhere where we cannot find it
    } catch (const SQLite::Exception&) {
      // It has what was committed.
    }
    close();
    if (options_.follow) {
      static_cast<void>(options_.follow());
    }
    if (options_.retired) {
      options_.retired(false);
    }
  }
  if (auto reopened = options_.reopen(); !reopened) {
    throw SQLite::Exception{fmt::format("it was deleted or replaced, and cannot be made again: {}",
                                        reopened.error().message())
                                .c_str(),
                            SQLITE_CANTOPEN};
  }
  secure_side_files();
  try {
    open(started_ns.value_or(written_until_ns_));
  } catch (const StoreError& error) {
    throw SQLite::Exception{error.what(), SQLITE_CANTOPEN};
  }
  recording_->begin_in_another_file(last_heartbeat_);
  return damage_.empty() ? DropReason{"file was deleted or replaced", "what it held is not here"}
                         : DropReason{"file was damaged", std::exchange(damage_, {})};
}

}  // namespace netlog::store

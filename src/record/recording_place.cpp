// SPDX-License-Identifier: MIT
#include "record/recording_place.hpp"

#include "util/text.hpp"

#include <cstddef>
#include <system_error>
#include <utility>

namespace netlog::record {
namespace {

constexpr std::array kSideFiles{"-wal", "-shm"};

}  // namespace

RecordingPlace::RecordingPlace(std::filesystem::path path,
                               std::unique_ptr<os::RecordingFile> held,
                               std::optional<os::Readers> readers)
    : path_{std::move(path)}, held_{std::move(held)}, readers_{readers} {}

void RecordingPlace::watch(store::WriterOptions& options) {
  options.opened = [this] { note_side_files(); };
  options.side_files_in_place = [this] { return side_files_in_place(); };
  options.in_place = [this] { return held_->in_place(); };
  options.follow = [this] { return follow(); };
  options.reopen = [this] { return hold_again(); };
  options.let_go = [this] { before_.reset(); };
}

void RecordingPlace::note_side_files() {
  for (std::size_t i = 0; i < kSideFiles.size(); ++i) {
    side_files_[i] = os::identify(with_suffix(path_, kSideFiles[i]));
  }
}

bool RecordingPlace::side_files_in_place() const {
  for (std::size_t i = 0; i < kSideFiles.size(); ++i) {
    if (side_files_[i] && os::identify(with_suffix(path_, kSideFiles[i])) != side_files_[i]) {
      return false;
    }
  }
  return true;
}

/// SQLite has the side files open and keeps to them. Their names go where the file has gone, so
/// that others find the three together, and that a new file does not get those of the old one.
std::optional<std::filesystem::path> RecordingPlace::follow() {
  auto to = (before_ ? before_ : held_)->moved_to();
  for (std::size_t i = 0; i < kSideFiles.size(); ++i) {
    const auto side = with_suffix(path_, kSideFiles[i]);
    if (!side_files_[i] || os::identify(side) != side_files_[i]) {
      continue;
    }
    if (!to || !os::move_into_place(side, with_suffix(*to, kSideFiles[i]))) {
      std::error_code ignored;
      std::filesystem::remove(side, ignored);
    }
  }
  return to;
}

/// A file that an earlier call created is still there, and ours.
Result<void> RecordingPlace::hold_again() {
  if (held_->in_place()) {
    return {};
  }
  auto again = os::hold_recording_file(path_);
  if (!again) {
    return again.error();
  }
  if (!before_) {
    before_ = std::move(held_);
  }
  held_ = std::move(*again);
  return readers_ ? held_->grant_group_read(*readers_) : Result<void>{};
}

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#include "record/recording_place.hpp"

#include "os/side_files.hpp"
#include "util/text.hpp"

#include <cstddef>
#include <system_error>
#include <utility>

#include <fmt/format.h>

namespace netlog::record {
namespace {

/// Whether the name is this file, and no link to it.
bool is_file(const std::filesystem::path& name, const std::optional<os::FileId>& file) {
  std::error_code error;
  return file && !std::filesystem::is_symlink(std::filesystem::symlink_status(name, error)) &&
         os::identify(name) == file;
}

}  // namespace

std::string describe_set_aside(const std::filesystem::path& aside) {
  return fmt::format(
      "somebody else had put a file beside the recording, which SQLite would have read: it is {} "
      "now",
      utf8(aside));
}

RecordingPlace::RecordingPlace(std::filesystem::path path,
                               std::unique_ptr<os::RecordingFile> held,
                               std::optional<os::Readers> readers)
    : path_{std::move(path)}, held_{std::move(held)}, readers_{readers} {}

void RecordingPlace::watch(store::WriterOptions& options) {
  on_message_ = options.on_message;
  options.opened = [this] { note_side_files(); };
  options.side_files_in_place = [this] { return side_files_in_place(); };
  options.secure_side_files = [this] { return secure_side_files(); };
  options.in_place = [this] { return held_->in_place(); };
  options.follow = [this] { return follow(); };
  options.retired = [this](bool is_whole) { retire(is_whole); };
  options.reopen = [this] { return hold_again(); };
  options.let_go = [this] { let_go(); };
  options.discard = [this] { discard(); };
}

void RecordingPlace::note_side_files() {
  for (std::size_t i = 0; i < os::kWalFiles.size(); ++i) {
    auto at = with_suffix(path_, os::kWalFiles[i]);
    auto file = os::identify(at);
    std::error_code error;
    const bool is_known = file || std::filesystem::exists(at, error);
    if (!is_known || (file && !os::has_open(*file))) {
      // Somebody has deleted it, and may have made another one, while SQLite opened it.
      file = os::FileId{};  // of no file
    }
    side_files_[i] = {std::move(at), file};
  }
}

bool RecordingPlace::side_files_in_place() const {
  for (std::size_t i = 0; i < os::kWalFiles.size(); ++i) {
    const auto& file = side_files_[i].file;
    if (file && !is_file(with_suffix(path_, os::kWalFiles[i]), file)) {
      return false;
    }
  }
  return true;
}

/// SQLite has the side files open and keeps to them. Their names go where the file has gone, so
/// that others find the three together, and that a new file does not get those of the old one.
std::optional<std::filesystem::path> RecordingPlace::follow() {
  const auto& file = before_ ? before_ : held_;
  auto to = file->moved_to();
  if (!to && !file->is_deleted()) {
    set_side_files_aside();
  }
  if (!to) {
    for (const auto& side : side_files_) {
      remove_side_file(side);
    }
    return to;
  }
  moved_to_ = *to;
  for (std::size_t i = 0; i < os::kWalFiles.size(); ++i) {
    const auto beside = with_suffix(*to, os::kWalFiles[i]);
    rename_foreign(beside, side_files_[i].file);
    move_side_file(side_files_[i], beside);
  }
  rename_foreign(with_suffix(*to, "-journal"), std::nullopt);
  return to;
}

/// The file is somewhere where it cannot be found, and its WAL may have rows that it does not have.
void RecordingPlace::set_side_files_aside() {
  for (auto& side : side_files_) {
    if (is_file(side.at, side.file)) {
      if (const auto aside = os::set_aside(side.at, ".moved")) {
        report(fmt::format(
            "{} was moved where it cannot be found; {} belongs to it", utf8(path_), utf8(*aside)));
      }
    }
    side.file.reset();
  }
}

/// Renames what has the name of a side file of the moved file: SQLite would take it for a part of
/// that file.
void RecordingPlace::rename_foreign(const std::filesystem::path& name,
                                    const std::optional<os::FileId>& ours) {
  std::error_code error;
  if (!std::filesystem::exists(std::filesystem::symlink_status(name, error)) ||
      is_file(name, ours)) {
    return;
  }
  const auto aside = os::set_aside(name, ".foreign");
  report(aside ? fmt::format("{} is not of the file that was moved there: it is {} now",
                             utf8(name),
                             utf8(*aside))
               : fmt::format("{} is not of the file that was moved there, and cannot be renamed: "
                             "{}; delete it before you read {}",
                             utf8(name),
                             aside.error().message(),
                             utf8(moved_to_)));
}

void RecordingPlace::move_side_file(SideFile& side, const std::filesystem::path& to) {
  if (!is_file(side.at, side.file)) {
    side.at = to;  // whoever moved the file may have moved it, too
    return;
  }
  if (side.at == to) {
    return;
  }
  if (os::move_into_place(side.at, to)) {
    side.at = to;
  } else if (auto aside = os::set_aside(side.at, ".moved")) {
    side.at = *aside;
  } else {
    std::error_code ignored;
    std::filesystem::remove(side.at, ignored);
  }
}

void RecordingPlace::remove_side_file(const SideFile& side) {
  if (is_file(side.at, side.file)) {
    std::error_code ignored;
    std::filesystem::remove(side.at, ignored);
  }
}

void RecordingPlace::retire(bool is_whole) {
  const auto& wal = side_files_.front();
  if (!is_whole && is_file(wal.at, wal.file) && wal.at != with_suffix(moved_to_, "-wal")) {
    report(fmt::format("the newest rows of {} are in {}: rename that to {}-wal",
                       utf8(moved_to_),
                       utf8(wal.at),
                       utf8(moved_to_)));
  }
  for (auto& side : side_files_) {
    if (is_whole) {
      remove_side_file(side);
    }
    side.file.reset();  // another file may get its number
  }
}

Result<void> RecordingPlace::secure_side_files() {
  for (auto& side : side_files_) {
    remove_side_file(side);  // it may be where the file was meanwhile
    side.file.reset();
  }
  auto aside = held_->secure_side_files();
  if (!aside) {
    return aside.error();
  }
  for (const auto& name : *aside) {
    report(describe_set_aside(name));
  }
  return readers_ ? held_->grant_group_read(*readers_) : Result<void>{};
}

void RecordingPlace::report(const std::string& message) const {
  if (on_message_) {
    on_message_(message);
  }
}

/// A file that an earlier call created may still be there, and ours.
Result<void> RecordingPlace::hold_again() {
  if (before_ && before_->in_place()) {
    held_ = std::move(before_);  // it was moved back
  }
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

/// Closing a descriptor of a file that SQLite has open drops SQLite's locks, so the file that was
/// moved back stays held.
void RecordingPlace::let_go() {
  if (before_ && before_->in_place()) {
    held_ = std::move(before_);
  }
  before_.reset();
}

/// Somebody else may have put a file there, with rows.
void RecordingPlace::discard() {
  std::error_code error;
  if (held_->created() && held_->in_place() && std::filesystem::file_size(path_, error) == 0 &&
      !error) {
    std::filesystem::remove(path_, error);
  }
}

}  // namespace netlog::record

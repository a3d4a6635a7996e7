// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "store/write/writer_options.hpp"

#include <array>
#include <filesystem>
#include <memory>
#include <optional>

namespace netlog::record {

/// The file of a recording that is held for one recorder, also when somebody renames, deletes or
/// replaces it. Used on one thread at a time.
class RecordingPlace {
 public:
  RecordingPlace(std::filesystem::path path,
                 std::unique_ptr<os::RecordingFile> held,
                 std::optional<os::Readers> readers);

  [[nodiscard]] os::RecordingFile& held() { return *held_; }

  /// Lets the writer follow the file. This must outlive the writer.
  void watch(store::WriterOptions& options);

 private:
  void note_side_files();
  [[nodiscard]] bool side_files_in_place() const;
  std::optional<std::filesystem::path> follow();
  Result<void> hold_again();

  std::filesystem::path path_;
  std::unique_ptr<os::RecordingFile> held_;
  std::unique_ptr<os::RecordingFile> before_;  ///< until SQLite has closed it
  std::optional<os::Readers> readers_;
  std::array<std::optional<os::FileId>, 2> side_files_;  ///< of SQLite, while it has the file open
};

}  // namespace netlog::record

// SPDX-License-Identifier: MIT
#pragma once

#include "os/files.hpp"
#include "store/write/writer_options.hpp"

#include <array>
#include <filesystem>
#include <functional>
#include <memory>
#include <optional>
#include <string>

namespace netlog::record {

/// One line about a file of somebody else that was renamed to this name.
std::string describe_set_aside(const std::filesystem::path& aside);

/// The file of a recording that is held for one recorder, also when somebody renames, deletes or
/// replaces it. Used on one thread at a time.
class RecordingPlace {
 public:
  RecordingPlace(std::filesystem::path path,
                 std::unique_ptr<os::RecordingFile> held,
                 std::optional<os::Readers> readers);

  [[nodiscard]] os::RecordingFile& held() { return *held_; }

  /// Lets the writer follow the file. This must outlive the writer. Messages go to
  /// `options.on_message`, which must be set before.
  void watch(store::WriterOptions& options);

 private:
  struct SideFile {
    std::filesystem::path at;        ///< its name now
    std::optional<os::FileId> file;  ///< of SQLite, while it has the recording open
  };

  void note_side_files();
  [[nodiscard]] bool side_files_in_place() const;
  std::optional<std::filesystem::path> follow();
  void set_side_files_aside();
  void rename_foreign(const std::filesystem::path& name, const std::optional<os::FileId>& ours);
  static void move_side_file(SideFile& side, const std::filesystem::path& to);
  static void remove_side_file(const SideFile& side);
  void retire(bool is_whole);
  Result<void> secure_side_files();
  Result<void> hold_again();
  void let_go();
  void discard();
  void report(const std::string& message) const;

  std::filesystem::path path_;
  std::unique_ptr<os::RecordingFile> held_;
  std::unique_ptr<os::RecordingFile> before_;  ///< until SQLite has closed it
  std::optional<os::Readers> readers_;
  std::function<void(const std::string&)> on_message_;
  std::array<SideFile, 2> side_files_;
  std::filesystem::path moved_to_;  ///< of the file that follow() has found
};

}  // namespace netlog::record

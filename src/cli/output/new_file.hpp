// SPDX-License-Identifier: MIT
#pragma once

#include <filesystem>
#include <fstream>
#include <string>
#include <utility>

namespace netlog::cli {

/// Deletes a file at the end of the scope, unless it is kept.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::filesystem::path path) : path_{std::move(path)} {}
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  ~TemporaryFile();

  void watch(std::filesystem::path path) { path_ = std::move(path); }
  void keep() { path_.clear(); }

 private:
  std::filesystem::path path_;
};

/// A file that a command makes, which has its name only when it is complete.
class NewFile {
 public:
  /// @throws CommandFailed if the name is taken, or SQLite would take a file of that name for a
  /// part of a recording
  explicit NewFile(const std::string& name);

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }
  /// Where it is made: `NAME.part`. Deleted at the end of the scope without finish().
  [[nodiscard]] const std::filesystem::path& part() const { return part_path_; }

  /// Makes the part, empty and for its owner only. @throws CommandFailed
  void create();
  /// Gives the part its name. @throws CommandFailed
  void finish();
  /// The same for a part that was written to: closes it. @throws CommandFailed also if something
  /// could not be written
  void finish(std::ofstream& file);

 private:
  std::filesystem::path path_;
  std::filesystem::path part_path_;
  TemporaryFile made_{{}};
};

}  // namespace netlog::cli

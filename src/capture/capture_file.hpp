// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "util/error.hpp"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <optional>

namespace netlog::capture {

/// Writes raw records to a capture file (docs/capture-format.md). Created 0600; an existing file is
/// refused.
class CaptureWriter {
 public:
  /// @throws CommandFailed when the file cannot be created.
  explicit CaptureWriter(const std::filesystem::path& path);
  /// Also flushes, once a second of the records' times.
  /// @throws CommandFailed when the disk refuses, or as flush().
  void write(const RawRecord& record);
  /// @throws CommandFailed also when the file does not hold all that was written: somebody has
  /// deleted, moved or emptied it.
  void flush();

 private:
  std::filesystem::path path_;
  std::ofstream out_;
  std::uint64_t size_ = 0;  ///< of all that was written
  std::int64_t flushed_ns_ = 0;
};

/// Reads a capture file of version 1 or 2, record by record. The file is not trusted: every length
/// and every time is bounded.
///
/// Version 1 has UTC times. They are read as times of a boot clock whose offset is the sum of the
/// clock steps so far, 0 at the beginning.
class CaptureReader {
 public:
  /// @throws CommandFailed when the file cannot be opened or is not a capture of a version that we
  /// read.
  explicit CaptureReader(const std::filesystem::path& path);

  /// The next record; nothing at the end. A file cut short (a recorder killed half-way) ends at its
  /// last whole record and truncated() is true then. An error for anything else.
  Result<std::optional<RawRecord>> next();
  [[nodiscard]] bool truncated() const { return truncated_; }

 private:
  void from_version_1(RawRecord& record);

  std::filesystem::path path_;
  std::ifstream in_;
  bool has_utc_times_ = false;      ///< version 1
  std::int64_t utc_offset_ns_ = 0;  ///< version 1: the sum of the clock steps so far
  bool truncated_ = false;
};

}  // namespace netlog::capture

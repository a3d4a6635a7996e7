// SPDX-License-Identifier: MIT
#pragma once

#include "capture/raw_record.hpp"
#include "util/bounded_map.hpp"

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

namespace netlog::source {

/// SHA-256 of files. Each content is read once: it counts as the same while the device, inode,
/// size, mtime and ctime of its file are. An mtime can be set to any value, a ctime cannot.
class FileHashes {
 public:
  /// Files of more than `max_bytes` are refused. Reading ends when `stopping` becomes true.
  FileHashes(std::uint64_t max_bytes, const std::atomic<bool>& stopping)
      : max_bytes_{max_bytes}, stopping_{stopping} {}

  /// The hash of an open file from its beginning. Nothing if it is not a regular file, is too
  /// large, cannot be read, or changes while it is read.
  std::optional<capture::Sha256> hash(int fd);

  /// How much was read so far. Tests check that a content is read once.
  [[nodiscard]] std::uint64_t bytes_read() const { return bytes_read_; }

 private:
  struct Version {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::uint64_t size = 0;
    std::int64_t mtime_ns = 0;
    std::int64_t ctime_ns = 0;

    bool operator==(const Version&) const = default;
  };
  struct VersionHash {
    std::size_t operator()(const Version& version) const;
  };

  static std::optional<Version> version_of(int fd);
  std::optional<capture::Sha256> read(int fd);

  static constexpr std::size_t kMaxKnown = 4'096;

  std::uint64_t max_bytes_;
  const std::atomic<bool>& stopping_;
  std::uint64_t bytes_read_ = 0;
  BoundedMap<Version, capture::Sha256, VersionHash> known_{kMaxKnown};
};

}  // namespace netlog::source

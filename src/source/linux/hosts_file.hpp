// SPDX-License-Identifier: MIT
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

namespace netlog::source {

/// /etc/hosts (hosts(5)) of this host.
class HostsFile {
 public:
  /// @param path tests have one of their own
  explicit HostsFile(std::string path = "/etc/hosts") : path_{std::move(path)} {}

  /// The text, if it is new since the last call. A file that is not there, that is no regular file
  /// or that is larger than 4 MiB has no text.
  std::optional<std::string> read_if_changed();

 private:
  /// Device, inode number, size, and time of the last change in ns.
  using Version = std::array<std::int64_t, 4>;

  std::string path_;
  std::optional<Version> known_;
};

}  // namespace netlog::source

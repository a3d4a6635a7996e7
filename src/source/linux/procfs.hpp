// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace netlog::source {

/// A file of /proc that is kept open and read again and again. One of /proc/net goes on telling of
/// the network namespace in which it was opened, and keeps that alive.
class ProcFile {
 public:
  static Result<ProcFile> open(const std::string& path);
  /// All of it, as it is now, at most `most` bytes; more is errc::too_large.
  [[nodiscard]] Result<std::vector<std::byte>> read(std::size_t most) const;

 private:
  ProcFile(os::UniqueFd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}

  os::UniqueFd fd_;
  std::string path_;
};

/// A whole file that may grow while it is read, at most `most` bytes; more is errc::too_large.
Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t most);
/// The same below an open directory.
Result<std::vector<std::byte>> read_file_at(int directory, const char* name, std::size_t most);

}  // namespace netlog::source

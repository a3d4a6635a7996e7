// SPDX-License-Identifier: MIT
#pragma once

#include "os/linux/unique_fd.hpp"
#include "util/error.hpp"

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

namespace netlog::source {

/// A file of /proc that stays open and is read again and again. A file of /proc/net keeps showing
/// the network namespace in which it was opened, and keeps that namespace alive.
class ProcFile {
 public:
  static Result<ProcFile> open(const std::string& path);
  /// The current content. Errors: errc::too_large if it has more than `most` bytes, the system's
  /// reason.
  [[nodiscard]] Result<std::vector<std::byte>> read(std::size_t most) const;

 private:
  ProcFile(os::UniqueFd fd, std::string path) : fd_{std::move(fd)}, path_{std::move(path)} {}

  os::UniqueFd fd_;
  std::string path_;
};

/// The content of a file that may grow while it is read. Errors: errc::too_large if it has more
/// than `most` bytes, the system's reason.
Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t most);
/// read_file() relative to an open directory.
Result<std::vector<std::byte>> read_file_at(int directory, const char* name, std::size_t most);

}  // namespace netlog::source

// SPDX-License-Identifier: MIT
#include "source/linux/procfs.hpp"

#include <algorithm>
#include <cerrno>

#include <fcntl.h>

namespace netlog::source {
namespace {

Result<std::vector<std::byte>> read_all(const os::UniqueFd& fd,
                                        const char* name,
                                        std::size_t most) {
  std::vector<std::byte> bytes(std::min<std::size_t>(most, 4096));
  std::size_t used = 0;
  for (;;) {
    const auto got = ::read(fd.get(), bytes.data() + used, bytes.size() - used);
    if (got < 0 && errno == EINTR) {
      continue;
    }
    if (got < 0) {
      return fail_errno(errno, name);
    }
    used += static_cast<std::size_t>(got);
    if (got == 0) {
      bytes.resize(used);
      return bytes;
    }
    if (used == most) {
      return fail(errc::too_large, name);
    }
    if (used == bytes.size()) {
      bytes.resize(std::min(most, bytes.size() * 4));
    }
  }
}

}  // namespace

Result<ProcFile> ProcFile::open(const std::string& path) {
  os::UniqueFd fd{::open(path.c_str(), O_RDONLY | O_CLOEXEC)};
  if (!fd) {
    return fail_errno(errno, path);
  }
  return ProcFile{std::move(fd), path};
}

Result<std::vector<std::byte>> ProcFile::read(std::size_t most) const {
  if (::lseek(fd_.get(), 0, SEEK_SET) != 0) {
    return fail_errno(errno, path_);
  }
  return read_all(fd_, path_.c_str(), most);
}

Result<std::vector<std::byte>> read_file(const std::string& path, std::size_t most) {
  return read_file_at(AT_FDCWD, path.c_str(), most);
}

Result<std::vector<std::byte>> read_file_at(int directory, const char* name, std::size_t most) {
  const os::UniqueFd fd{::openat(directory, name, O_RDONLY | O_CLOEXEC)};
  if (!fd) {
    return fail_errno(errno, name);
  }
  return read_all(fd, name, most);
}

}  // namespace netlog::source

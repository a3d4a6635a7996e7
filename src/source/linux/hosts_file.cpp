// SPDX-License-Identifier: MIT
#include "source/linux/hosts_file.hpp"

#include "os/text_file.hpp"
#include "util/time.hpp"

#include <utility>

#include <sys/stat.h>

namespace netlog::source {

std::optional<std::string> HostsFile::read_if_changed() {
  constexpr std::size_t kMaxBytes = 4 << 20;
  struct stat now {};
  Version version{};
  if (::stat(path_.c_str(), &now) == 0) {
    version = {static_cast<std::int64_t>(now.st_dev),
               static_cast<std::int64_t>(now.st_ino),
               now.st_size,
               now.st_ctim.tv_sec * kNsPerSecond + now.st_ctim.tv_nsec};
  }
  if (std::exchange(known_, version) == version) {
    return std::nullopt;
  }
  const auto text = os::read_text_file(path_, kMaxBytes);
  return text ? *text : std::string{};
}

}  // namespace netlog::source

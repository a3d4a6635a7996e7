// SPDX-License-Identifier: MIT
#include "os/name_files.hpp"

#include "os/text_file.hpp"

namespace netlog::os {

Result<std::string> read_name_file(const std::filesystem::path& path) {
  constexpr std::size_t kMax = std::size_t{16} << 20U;  // block lists have megabytes
  return read_text_file(path, kMax);
}

}  // namespace netlog::os

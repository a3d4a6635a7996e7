// SPDX-License-Identifier: MIT
#include "platform/name_files.hpp"

namespace netlog::platform {

std::filesystem::path name_files_directory() {
  return "/etc";
}

}  // namespace netlog::platform

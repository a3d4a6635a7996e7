// SPDX-License-Identifier: MIT
#include "os/name_files.hpp"

namespace netlog::os {

std::filesystem::path name_files_directory() {
  return "/etc";
}

}  // namespace netlog::os
